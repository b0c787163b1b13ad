"""How much proof a command asks for, the same on the page and over Telegram."""

from keter.control.standing import Standing
from keter.domain.processes import Process
from keter.domain.trading import TradingMode


def resumes_lightly(standing: Standing) -> bool:
    """Whether one press resumes: a person paused or reduced.

    A halt and the guard's pause ask who is there.
    """
    state = standing.trading.state if standing.trading is not None else None
    light = standing.mode in {TradingMode.PAUSED, TradingMode.REDUCING}
    return light and state is not None and state.actor != Process.GUARD.value
