"""The trading state and the kill switches beside it.

A missing state does not count as ACTIVE. After a loss of data no bet is placed until the guard has
restored the state from the ledger.
"""

from datetime import datetime

import msgspec

from keter.bus.connection import Arg, Bus
from keter.bus.errors import StaleRevisionError
from keter.clock import from_ms, to_ms
from keter.domain.trading import TradingMode, TradingState
from keter.domain.verdicts import Reason, Verdict, accept, reject

_OFF = frozenset({b"0", b"false", b"no", b"off"})


class TradingView(msgspec.Struct, frozen=True):
    """What Redis says about trading. ``state`` is None when it holds none."""

    state: TradingState | None
    trading_enabled: bool
    global_stop: bool

    def may_bet(self, now: datetime) -> Verdict:
        """Return whether a bet that raises exposure may be placed at ``now``."""
        if self.global_stop:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="GLOBAL_STOP")
        if not self.trading_enabled:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="trading_enabled")
        if self.state is None:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="no trading state")
        mode = self.state.effective(now)
        if mode is not TradingMode.ACTIVE:
            return reject(Reason.TRADING_NOT_ACTIVE, cause=mode.value, revision=self.state.revision)
        return accept(revision=self.state.revision)

    def reducing(self, now: datetime) -> bool:
        """Return whether only bets that do not raise exposure may be placed at ``now``.

        ``may_bet`` refuses then.
        """
        if self.global_stop or not self.trading_enabled or self.state is None:
            return False
        return self.state.effective(now) is TradingMode.REDUCING


async def read_trading(bus: Bus, now: datetime) -> TradingView:
    """Read the state and both kill switches at one moment.

    A state that cannot be read counts as missing.
    """
    keys = [bus.keys.trading_state, bus.keys.trading_enabled, bus.keys.global_stop]
    flat, enabled, stop = await bus.redis.run("trading_read", keys, [])
    fields = [each.decode() for each in flat]
    state = _state(dict(zip(fields[::2], fields[1::2], strict=True)))
    return TradingView(state, enabled is None or enabled.strip().lower() not in _OFF, bool(stop))


async def change_trading(
    bus: Bus, state: TradingState, *, expected_revision: int | None, now: datetime
) -> TradingState:
    """Put ``state`` in force and return it with its new revision.

    The new revision is above the old one and above ``state.revision``. ``expected_revision`` None
    changes the state whatever its revision is, as a halt must. HALTED also removes every arming.

    Raises ValueError for a pause that is over already, StaleRevisionError when the revision is not
    ``expected_revision``.
    """
    if state.until is not None and state.until <= now:
        raise ValueError("a pause must end in the future")
    until = str(to_ms(state.until)) if state.until is not None else ""
    expected: Arg = "" if expected_revision is None else expected_revision
    fields = [state.mode.value, state.actor, state.reason, to_ms(state.since), until]
    changed, revision = await bus.redis.run(
        "trading_change",
        [bus.keys.trading_state, bus.keys.armed],
        [expected, state.revision, *fields],
    )
    if not changed:
        raise StaleRevisionError(
            f"trading changed meanwhile: revision is {revision}, not {expected_revision}; look"
            " again"
        )
    return msgspec.structs.replace(state, revision=int(revision))


def _state(fields: dict[str, str]) -> TradingState | None:
    try:
        until = fields.get("until_ms")
        return TradingState(
            mode=TradingMode(fields["mode"]),
            actor=fields["actor"],
            reason=fields["reason"],
            since=from_ms(int(fields["since_ms"])),
            until=from_ms(int(until)) if until else None,
            revision=int(fields["revision"]),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        return None
