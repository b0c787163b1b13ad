"""How trading stands at one moment: the mode in force, who set it, what else stops bets. Pure."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from keter.bus.state.trading import TradingView
from keter.domain.processes import Process
from keter.domain.trading import TradingMode, TradingState


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of trading at the time ``at``.

    ``trading`` is None if Redis could not be asked; ``problem`` then says why. ``stops`` are the
    further stops in force, in words.
    """

    trading: TradingView | None
    halt_file: bool
    at: datetime
    problem: str | None = None
    stops: tuple[str, ...] = ()

    @property
    def mode(self) -> TradingMode | None:
        """The mode in force, HALT file included; None if it is unknown."""
        if self.halt_file:
            return TradingMode.HALTED
        if self.trading is None or self.trading.state is None:
            return None
        return self.trading.state.effective(self.at)

    @property
    def cause(self) -> TradingState | None:
        """Who set the mode in force, why and since when.

        None if that is unknown, or if a HALT file alone halts. A pause that has ended is given as
        the ACTIVE state since its end.
        """
        state = self.trading.state if self.trading is not None else None
        if state is None or (self.halt_file and state.mode is not TradingMode.HALTED):
            return None
        if state.until is None or state.effective(self.at) is state.mode:
            return state
        reason = f"the pause is over ({state.reason})"
        return msgspec.structs.replace(
            state, mode=TradingMode.ACTIVE, since=state.until, until=None, reason=reason
        )


def resumes_lightly(standing: Standing) -> bool:
    """Return True if one press resumes: a person has paused or reduced.

    After a halt or a pause by the guard a proof of identity is required, on the page and over
    Telegram alike.
    """
    state = standing.trading.state if standing.trading is not None else None
    light = standing.mode in {TradingMode.PAUSED, TradingMode.REDUCING}
    return light and state is not None and state.actor != Process.GUARD.value


def outlasts(state: TradingState, until: datetime | None, now: datetime) -> bool:
    """Return True if ``state`` is a pause that ends no sooner than ``until``; None has no end."""
    if state.effective(now) is not TradingMode.PAUSED:
        return False
    return state.until is None or (until is not None and state.until >= until)


def until_text(moment: datetime | None) -> str:
    """Return in words when a pause ends."""
    return (
        f"until {moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "until somebody resumes"
    )
