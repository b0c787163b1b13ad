"""The trading state, the kill switches beside it, and the arming of LIVE.

A missing state is not ACTIVE: after a loss of data nothing is bet until the guard has restored the
state from the ledger.
"""

from datetime import datetime

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError, StaleRevisionError
from keter.clock import from_ms, to_ms
from keter.domain.runs import RunMark
from keter.domain.trading import TradingMode, TradingState
from keter.domain.verdicts import Reason, Verdict, accept, reject

_OFF = frozenset({b"0", b"false", b"no", b"off"})


class TradingView(msgspec.Struct, frozen=True):
    """What Redis says about trading. ``state`` is None when it holds none."""

    state: TradingState | None
    trading_enabled: bool
    global_stop: bool

    def may_bet(self, now: datetime) -> Verdict:
        """Whether a bet that raises exposure may be made at ``now``."""
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
        """Whether only bets may be made at ``now`` that do not raise exposure, where ``may_bet``
        refuses.
        """
        if self.global_stop or not self.trading_enabled or self.state is None:
            return False
        return self.state.effective(now) is TradingMode.REDUCING


async def read_trading(bus: Bus, now: datetime) -> TradingView:
    """The state and both kill switches, read together.

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
    """Put ``state`` in force and returns it with its new revision, which is above the old one and
    above ``state.revision``.

    Raises ValueError for a pause that is over already, StaleRevisionError when the revision is not
    ``expected_revision``; None changes it whatever it is, as a halt must. HALTED takes every arming
    back with it.
    """
    if state.until is not None and state.until <= now:
        raise ValueError("a pause must end in the future")
    until = str(to_ms(state.until)) if state.until is not None else ""
    changed, revision = await bus.redis.run(
        "trading_change",
        [bus.keys.trading_state, bus.keys.armed],
        [
            "" if expected_revision is None else expected_revision,
            state.revision,
            state.mode.value,
            state.actor,
            state.reason,
            to_ms(state.since),
            until,
        ],
    )
    if not changed:
        raise StaleRevisionError(
            f"trading changed meanwhile: revision is {revision}, not {expected_revision}; look"
            " again"
        )
    return msgspec.structs.replace(state, revision=int(revision))


class Arming(msgspec.Struct, frozen=True):
    """Who allowed LIVE on an account, when, and in which run: it is good for no other.

    ``command`` names its row of the audit.
    """

    account: str
    actor: str
    at: datetime
    run: RunMark
    command: str = ""


async def arm(
    bus: Bus, account: str, actor: str, now: datetime, run: RunMark, command: str = ""
) -> Arming:
    """Allow LIVE bets on ``account`` in ``run``."""
    arming = Arming(account, actor, now, run, command)
    await bus.redis.hset(bus.keys.armed, account, encode(arming))
    return arming


async def disarm(bus: Bus, account: str) -> bool:
    """Take the permission back; False when there was none."""
    return bool(await bus.redis.hdel(bus.keys.armed, account))


async def disarm_all(bus: Bus) -> None:
    """Take every permission back, as a halt does."""
    await bus.redis.delete(bus.keys.armed)


async def armed_accounts(bus: Bus) -> set[str]:
    """The accounts that have a permission, of whichever run."""
    found = await bus.redis.execute_command("HKEYS", bus.keys.armed)
    return {account.decode(errors="surrogateescape") for account in found}


async def read_arming(bus: Bus, account: str, run: RunMark) -> Arming | None:
    """The standing permission of ``account`` in ``run``; None when there is none, it is another
    run's or cannot be read.
    """
    payload = await bus.redis.execute_command("HGET", bus.keys.armed, account)
    try:
        arming = decode(Arming, payload) if payload is not None else None
    except PoisonedPayloadError:  # not a permission
        return None
    return arming if arming is not None and arming.run == run else None


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
