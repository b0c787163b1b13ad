"""The trading states and the kill switches beside them.

One state holds for everything, and an account may have one of its own: the stricter decides.

A missing common state does not count as ACTIVE. After a loss of data no bet is placed until the
guard has restored the states from the ledger.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from keter.bus.connection import Arg, Bus
from keter.bus.errors import StaleRevisionError
from keter.clock import from_ms, to_ms
from keter.domain.trading import COMMON, TradingMode, TradingState, gauge_of, strictest
from keter.domain.verdicts import Reason, Verdict, accept, reject

_OFF = frozenset({b"0", b"false", b"no", b"off"})


class TradingView(msgspec.Struct, frozen=True):
    """What Redis says about trading.

    ``state`` is the common one, None when Redis holds none. ``scoped`` are the states of the scopes
    that were asked for, as far as they have one.
    """

    state: TradingState | None
    trading_enabled: bool
    global_stop: bool
    # A scope that is missing here forbids nothing. That is safe since the guard restores the scoped
    # states from the ledger before the common one, without which nothing is bet.
    scoped: dict[str, TradingState] = {}

    def strictest(self, now: datetime) -> TradingState | None:
        """Return which of the states decides at ``now``; None without a common one."""
        if self.state is None:
            return None
        return strictest((self.state, *self.scoped.values()), now)

    def may_bet(self, now: datetime) -> Verdict:
        """Return whether a bet that raises exposure may be placed at ``now``."""
        if self.global_stop:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="GLOBAL_STOP")
        if not self.trading_enabled:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="trading_enabled")
        state = self.strictest(now)
        if state is None:
            return reject(Reason.TRADING_NOT_ACTIVE, cause="no trading state")
        mode = state.effective(now)
        if mode is not TradingMode.ACTIVE:
            return reject(Reason.TRADING_NOT_ACTIVE, cause=mode.value, revision=state.revision)
        return accept(revision=state.revision)

    def reducing(self, now: datetime) -> bool:
        """Return whether only bets that do not raise exposure may be placed at ``now``.

        ``may_bet`` refuses then.
        """
        state = self.strictest(now)
        if self.global_stop or not self.trading_enabled or state is None:
            return False
        return state.effective(now) is TradingMode.REDUCING

    def of(self, scope: str) -> TradingState | None:
        """Return the state of ``scope`` itself, COMMON included; None when there is none."""
        return self.scoped.get(scope) if scope else self.state

    def narrowed(self, scope: str) -> "TradingView":
        """Return the view with the state of ``scope`` alone beside the common one."""
        own = {name: state for name, state in self.scoped.items() if name == scope}
        return msgspec.structs.replace(self, scoped=own)

    @property
    def revisions(self) -> dict[str, int]:
        """The revision of each state, by scope."""
        common = {COMMON: self.state.revision} if self.state is not None else {}
        return common | {scope: state.revision for scope, state in self.scoped.items()}

    @property
    def gauges(self) -> dict[str, int]:
        """The revisions as heartbeats show them: commands wait until they have arrived there."""
        return {gauge_of(scope): revision for scope, revision in self.revisions.items()}


async def read_trading(bus: Bus, now: datetime, scopes: Sequence[str] = ()) -> TradingView:
    """Read the common state, those of ``scopes`` and both kill switches at one moment.

    A common state that cannot be read counts as missing, a scoped one as HALTED: neither lets bets
    through.
    """
    states = [bus.keys.trading_state_of(scope) for scope in (COMMON, *scopes)]
    enabled, stop, common, *others = await bus.redis.run(
        "trading_read", [bus.keys.trading_enabled, bus.keys.global_stop, *states], []
    )
    scoped = {
        scope: _state(fields) or _unreadable(fields)
        for scope, flat in zip(scopes, others, strict=True)
        if (fields := _fields(flat))
    }
    return TradingView(
        _state(_fields(common)),
        enabled is None or enabled.strip().lower() not in _OFF,
        bool(stop),
        scoped,
    )


async def known_scopes(bus: Bus) -> list[str]:
    """Return every scope that has a state of its own, in order."""
    found = await bus.redis.execute_command("SMEMBERS", bus.keys.trading_scopes)
    return sorted(scope.decode(errors="surrogateescape") for scope in found)


async def change_trading(
    bus: Bus,
    state: TradingState,
    *,
    expected_revision: int | None,
    now: datetime,
    scope: str = COMMON,
) -> TradingState:
    """Put ``state`` in force for ``scope`` and return it with its new revision.

    The new revision is above the old one and above ``state.revision``. ``expected_revision`` None
    changes the state whatever its revision is, as a halt must. HALTED also removes every arming, or
    that of the account ``scope`` alone.

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
        [bus.keys.trading_state_of(scope), bus.keys.armed, bus.keys.trading_scopes],
        [expected, state.revision, *fields, scope],
    )
    if not changed:
        raise StaleRevisionError(
            f"trading{f' of {scope}' if scope else ''} changed meanwhile: revision is {revision},"
            f" not {expected_revision}; look again"
        )
    return msgspec.structs.replace(state, revision=int(revision))


def _fields(flat: Sequence[bytes]) -> dict[str, str]:
    fields = [each.decode(errors="replace") for each in flat]
    return dict(zip(fields[::2], fields[1::2], strict=True))


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


def _unreadable(fields: dict[str, str]) -> TradingState:
    """Return what counts in place of a state that cannot be read."""
    revision = fields.get("revision", "")
    return TradingState(
        TradingMode.HALTED,
        actor="nobody known",
        reason="its trading state in Redis cannot be read",
        since=datetime.fromtimestamp(0, UTC),
        # As the script that changes it counts.
        revision=int(revision) if revision.isascii() and revision.isdigit() else 0,
    )
