"""How trading stands at one moment: the mode in force, who set it, what else stops bets. Pure.

It may be asked for one account, or for everything. Everything stands as the account that may bet
most: while one of several bets, trading goes on.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from keter.bus.state.trading import TradingView
from keter.domain.processes import Process
from keter.domain.trading import COMMON, TradingMode, TradingState, strictest


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of trading at the time ``at``, of ``scope``: an account, or COMMON.

    ``trading`` is None if Redis could not be asked; ``problem`` then says why. ``stops`` are the
    further stops in force, in words. ``accounts`` are those that COMMON is about; without any, the
    common state alone counts.
    """

    trading: TradingView | None
    halt_file: bool
    at: datetime
    problem: str | None = None
    stops: tuple[str, ...] = ()
    scope: str = COMMON
    accounts: tuple[str, ...] = ()

    @property
    def mode(self) -> TradingMode | None:
        """The mode in force, HALT file included; None if it is unknown."""
        if self.halt_file:
            return TradingMode.HALTED
        decides = self._decides()
        return decides.effective(self.at) if decides is not None else None

    def _decides(self) -> TradingState | None:
        """Return the state in force, None if it is unknown.

        It is the strictest that an account has, and the least strict of several accounts.
        """
        if self.trading is None or self.trading.state is None:
            return None
        states = [
            strictest((self.trading.state, *self.trading.narrowed(one).scoped.values()), self.at)
            for one in self.accounts or (self.scope,)
        ]
        return min(states, key=lambda state: state.strictness(self.at))

    @property
    def cause(self) -> TradingState | None:
        """Who set the mode in force, why and since when.

        None if that is unknown, or if a HALT file alone halts. A pause that has ended is given as
        the ACTIVE state since its end.
        """
        state = self._decides()
        if state is None or (self.halt_file and state.mode is not TradingMode.HALTED):
            return None
        if state.until is None or state.effective(self.at) is state.mode:
            return state
        reason = f"the pause is over ({state.reason})"
        return msgspec.structs.replace(
            state, mode=TradingMode.ACTIVE, since=state.until, until=None, reason=reason
        )

    def of(self, account: str) -> "Standing":
        """Return how one of the accounts stands."""
        return replace(self, scope=account, accounts=())

    @property
    def own(self) -> TradingState | None:
        """The state that commands of this scope change; None without one."""
        return self.trading.of(self.scope) if self.trading is not None else None

    @property
    def revisions(self) -> dict[str, int]:
        """The revisions of the states that were read, by scope."""
        return self.trading.revisions if self.trading is not None else {}

    @property
    def ended_by_resume(self) -> dict[str, TradingState]:
        """The stops that a resume of this scope ends, by scope."""
        if self.trading is None:
            return {}
        return stops_of(self.trading, self.scope, self.at)


def stops_of(view: TradingView, scope: str, now: datetime) -> dict[str, TradingState]:
    """Return the states that keep bets from being made, of ``scope`` or, for COMMON, of all."""
    names = [scope] if scope else [COMMON, *sorted(view.scoped)]
    states = {name: view.of(name) for name in names}
    return {
        name: state
        for name, state in states.items()
        if state is not None and state.effective(now) is not TradingMode.ACTIVE
    }


def resumes_lightly(standing: Standing) -> bool:
    """Return True if one press resumes: persons have paused or reduced, and nothing else.

    After a halt or a pause by the guard a proof of identity is required, on the page and over
    Telegram alike.
    """
    ended = standing.ended_by_resume.values()
    if standing.halt_file or standing.own is None or not ended:
        return False
    return all(
        state.mode is not TradingMode.HALTED and state.actor != Process.GUARD.value
        for state in ended
    )


def stop_text(scope: str, state: TradingState) -> str:
    """Return in words which state of ``scope`` stops bets."""
    whose = f" of {scope}" if scope else ""
    return f"{state.mode.value}{whose} by {state.actor}: {state.reason}"


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
