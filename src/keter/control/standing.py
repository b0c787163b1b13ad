"""Where trading stands, as it is told: the mode that holds, who brought it about, what else stops
bets.

Pure.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from keter.bus.state.trading import TradingView
from keter.domain.trading import TradingMode, TradingState


@dataclass(frozen=True, slots=True)
class Standing:
    """Where trading stands.

    ``trading`` is None when Redis could not be asked; ``problem`` then says why.
    """

    trading: TradingView | None
    halt_file: bool
    at: datetime
    problem: str | None = None
    stops: tuple[str, ...] = ()

    @property
    def mode(self) -> TradingMode | None:
        """The mode that holds, HALT file included; None when nobody knows."""
        if self.halt_file:
            return TradingMode.HALTED
        if self.trading is None or self.trading.state is None:
            return None
        return self.trading.state.effective(self.at)

    @property
    def cause(self) -> TradingState | None:
        """Who brought about the mode that holds, why and since when; None when nobody knows, or a
        HALT file alone does it.

        A pause whose time has come goes on as the state of betting since then.
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


def outlasts(state: TradingState, until: datetime | None, now: datetime) -> bool:
    """Whether ``state`` is a pause that ends no sooner than one ``until`` then; None is without
    end.
    """
    if state.effective(now) is not TradingMode.PAUSED:
        return False
    return state.until is None or (until is not None and state.until >= until)


def until_text(moment: datetime | None) -> str:
    """When a pause ends, in words."""
    return (
        f"until {moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "until somebody resumes"
    )
