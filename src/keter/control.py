"""The command core: what an operator may do to trading, the same for command line, page and Telegram.

Every command takes effect first and is written to the audit afterwards; a missing ledger never holds a stop back.
``halt`` needs nothing but the file system: it writes the HALT file before it tries Redis.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import structlog

from keter.bus.alerts import acknowledge_alert
from keter.bus.connection import Bus
from keter.bus.cooldowns import clear_cooldown
from keter.bus.errors import PoisonedPayloadError, StaleRevisionError
from keter.bus.limits import read_limits, write_limit
from keter.bus.locks import clear_exec_lock
from keter.bus.ownership import read_owner
from keter.bus.trading import (
    TradingView,
    arm,
    armed_accounts,
    change_trading,
    disarm,
    disarm_all,
    read_arming,
    read_trading,
)
from keter.clock import Clock, Ids, random_id
from keter.domain.runs import Run
from keter.domain.trading import CommandAction, ExecutionMode, OperatorCommand, TradingMode, TradingState
from keter.errors import KeterError, UnavailableError, UsageError
from keter.gates.limits import checked_limit, setting_of
from keter.private_files import write_private
from keter.process import acting_as
from keter.roster import Process
from keter.setting_groups import YEAR_S, RiskSettings
from keter.textfile import is_present

log = structlog.get_logger(__name__)
TRADING = "trading"
ARMED, NOT_ARMED = "armed", "not armed"
TRIES = 3
AUDIT_TIMEOUT_S = 5.0
REDIS_TIMEOUT_S = 2.0
LAST_TIMEOUT_S = 1.0
Audit = Callable[[OperatorCommand], Awaitable[None]]
Last = Callable[[], Awaitable[TradingState | None]]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who speaks, and from where: ``cli``, ``page``, ``telegram``."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did. ``command.result`` is the sentence for people."""

    command: OperatorCommand
    audited: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def revision(self) -> int | None:
        """The trading state's revision that workers must reach, None when the state did not change."""
        return self.command.after.revision if self.command.after is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where trading stands. ``trading`` is None when Redis could not be asked; ``problem`` then says why."""

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
        """Who brought about the mode that holds, why and since when; None when nobody knows, or a HALT file alone does it.

        A pause whose time has come goes on as the state of betting since then.
        """
        state = self.trading.state if self.trading is not None else None
        if state is None or (self.halt_file and state.mode is not TradingMode.HALTED):
            return None
        if state.until is None or state.effective(self.at) is state.mode:
            return state
        reason = f"the pause is over ({state.reason})"
        return msgspec.structs.replace(state, mode=TradingMode.ACTIVE, since=state.until, until=None, reason=reason)


class Control:
    """Commands over one bus (None when Redis is unreachable), one HALT file and, where it is at hand, the audit.

    ``last`` reads the last trading state that the audit knows. A new state gets a revision above it, also in a Redis that has
    lost its data: by the revision the ledger tells which of two commands was the later one.
    """

    def __init__(
        self,
        bus: Bus | None,
        *,
        halt_file: Path,
        clock: Clock,
        audit: Audit | None,
        ids: Ids = random_id,
        owner: int | None = None,
        last: Last | None = None,
    ) -> None:
        """``owner`` is the user whose Keter it is, where root commands another user's."""
        self._bus = bus
        self._halt_file = halt_file
        self._clock = clock
        self._audit = audit
        self._ids = ids
        self._owner = owner
        self._last = last

    async def standing(self) -> Standing:
        """Reads the state; never raises because Redis is away."""
        now = self._clock.now()
        try:
            view = await self._view(now)
        except KeterError as e:
            return Standing(None, is_present(self._halt_file), now, problem=str(e), stops=self._stops(None))
        return Standing(view, is_present(self._halt_file), now, stops=self._stops(view))

    async def pause(
        self, operator: Operator, reason: str, *, for_s: float | None = None, revision: int | None = None
    ) -> Outcome:
        """No new bets until ``for_s`` seconds have passed or somebody resumes. A pause that lasts longer stands.

        Raises UsageError while HALTED or for more than a year, StaleRevisionError when the state is not of ``revision`` or will
        not stand still.
        Over REDUCING it lasts until somebody resumes: its end would allow every bet. A pause of the guard's that is made longer
        stays the guard's, so that its end asks for as much as before.
        """
        if for_s is not None and not for_s <= YEAR_S:
            raise UsageError("a pause with an end lasts a year at most; without one it lasts until resumed")
        for tries_left in reversed(range(TRIES)):
            now = self._clock.now()
            before = await self._state(now)
            if before is not None and before.effective(now) is TradingMode.HALTED:
                raise UsageError("trading is halted, which is stronger than a pause; resume first")
            reducing = before is not None and before.effective(now) is TradingMode.REDUCING
            until = now + timedelta(seconds=for_s) if for_s is not None and not reducing else None
            if before is not None and outlasts(before, until, now):
                after = before
                result = f"paused already by {before.actor} ({before.reason}), {until_text(before.until)}; that stands"
                break
            wanted = TradingState(TradingMode.PAUSED, operator.name, reason, now, until)
            if before is not None and before.actor == Process.GUARD.value and before.effective(now) is TradingMode.PAUSED:
                longer = f"{before.reason}; made longer by {operator.name}: {reason}"
                wanted = msgspec.structs.replace(wanted, actor=before.actor, reason=longer)
            try:
                after = await self._change(wanted, _expected(revision, before), now)
            except StaleRevisionError:
                if revision is not None or not tries_left:
                    raise
            else:
                why = " (a pause that ends by itself would end REDUCING)" if reducing and for_s is not None else ""
                result = f"paused {until_text(until)}{why}: no new bets, open bets stay open"
                break
        return await self._done(self._row(CommandAction.PAUSE, operator, reason, result, before=before, after=after))

    async def reduce(
        self, operator: Operator, reason: str, *, revision: int | None = None, out_of_pause: bool = False
    ) -> Outcome:
        """From now on only bets that do not raise their event's worst case.

        Raises UsageError while HALTED, and while PAUSED unless ``out_of_pause``: either is stronger. Raises StaleRevisionError
        when the state is not of ``revision`` or will not stand still.
        """
        for tries_left in reversed(range(TRIES)):
            now = self._clock.now()
            before = await self._state(now)
            mode = before.effective(now) if before is not None else None
            if is_present(self._halt_file) or mode is TradingMode.HALTED:
                raise UsageError("trading is halted, which is stronger than reducing; resume first")
            if mode is TradingMode.PAUSED and not out_of_pause:
                raise UsageError("trading is paused, which is stronger than reducing; resume first, or say `keter reduce`")
            wanted = TradingState(TradingMode.REDUCING, operator.name, reason, now)
            try:
                after = await self._change(wanted, _expected(revision, before), now)
                break
            except StaleRevisionError:
                if revision is not None or not tries_left:
                    raise
                out_of_pause = False  # somebody changed it this very moment: a pause of theirs was not meant
        left = self._stops(await self._view(now))
        result = "reducing: only bets that do not raise the worst case of their event; open bets stay open"
        result = result if not left else f"{result}; still stopped by {', '.join(left)}"
        return await self._done(self._row(CommandAction.REDUCE, operator, reason, result, before=before, after=after))

    async def halt(self, operator: Operator, reason: str) -> Outcome:
        """Stops betting now: HALT file first, then the state. Works without Redis; saying it twice is no error."""
        now = self._clock.now()
        warnings = self.write_halt_file(operator, reason)
        before = after = None
        try:
            before = await self._state(now)
            after = await self._change(TradingState(TradingMode.HALTED, operator.name, reason, now), None, now)
        except KeterError as e:
            why = "it is not reachable" if self._bus is None else str(e)
            if warnings:
                raise UnavailableError(f"nothing was halted: {warnings[0]}, and Redis could not be told ({why})") from e
            warnings = (f"Redis could not be told ({why}); the HALT file stops the router",)
        result = "halted: no new bets; open bets stay open; `keter resume` ends it, LIVE must be armed again"
        return await self._done(self._row(CommandAction.HALT, operator, reason, result, before=before, after=after), warnings)

    async def resume(self, operator: Operator, reason: str, *, revision: int | None = None) -> Outcome:
        """Makes trading ACTIVE and removes the HALT file, in that order.

        Raises UnavailableError without Redis, StaleRevisionError when somebody changed the state since it was looked at.
        """
        now = self._clock.now()
        before = await self._state(now)
        if is_present(self._halt_file) and (before is None or before.mode is not TradingMode.HALTED):
            await disarm_all(self._need_bus())  # the halt was said without Redis, which still holds the permissions
        wanted = TradingState(TradingMode.ACTIVE, operator.name, reason, now)
        after = await self._change(wanted, _expected(revision, before), now)
        await self._remove_halt_file()
        left = self._stops(await self._view(now))
        result = "running: new bets may be made" if not left else f"resumed, but still stopped by {', '.join(left)}"
        return await self._done(self._row(CommandAction.RESUME, operator, reason, result, before=before, after=after))

    async def arm(self, operator: Operator, account: str, reason: str) -> Outcome:
        """Allows LIVE bets on ``account`` for the run that owns this Redis. Licence and limits are checked by whoever asks.

        Raises UnavailableError when nothing runs, UsageError when what runs is DRY or another account's.
        """
        run = await self._armable_run(account)
        standing = await read_arming(self._need_bus(), account, run.mark)
        row = self._row(CommandAction.ARM, operator, reason, f"{account} is armed", target=account)
        await arm(self._need_bus(), account, operator.name, row.at, run.mark, row.command_id)
        return await self._done(_valued(row, _arming_text(standing is not None), ARMED))

    async def _armable_run(self, account: str) -> Run:
        record = await read_owner(self._need_bus())
        if record is None:
            raise UnavailableError("nothing runs that could be armed: an arming is for one run; start `keter up`, then arm")
        if record.run.mode is not ExecutionMode.LIVE:
            raise UsageError("what runs is DRY, whatever the settings say by now; restart Keter to bet LIVE, then arm")
        if record.run.account != account:
            raise UsageError(f"what runs bets on another account than {account}; restart Keter, then arm")
        return record.run

    async def disarm(self, operator: Operator, account: str, reason: str) -> Outcome:
        """Takes the permission back; open bets stay open."""
        stood = await disarm(self._need_bus(), account)
        row = self._row(CommandAction.DISARM, operator, reason, f"{account} is disarmed", target=account)
        return await self._done(_valued(row, _arming_text(stood), NOT_ARMED))

    async def disarm_every(self, operator: Operator, reason: str, *, named: str = "") -> list[Outcome]:
        """Takes back every permission that stands in this Redis, the running account's first; ``named`` may have none.

        Raises UnavailableError where no account is known.
        """
        running = await self._running_account()
        others = sorted({named, *await armed_accounts(self._need_bus())} - {running, ""})
        accounts = [*([running] if running else ()), *others]
        if not accounts:
            raise UnavailableError("no account is known to disarm: nothing runs on this Redis, and none is armed there")
        return [await self.disarm(operator, account, reason) for account in accounts]

    async def _running_account(self) -> str:
        """Empty where nothing runs, or where its record cannot be read: that must not hold a disarming back."""
        try:
            record = await read_owner(self._need_bus())
        except PoisonedPayloadError:
            return ""
        return record.run.account if record is not None else ""

    async def acknowledge(self, operator: Operator, alert_id: str, reason: str) -> Outcome:
        """Says that somebody has seen an alert; it stands until its cause is gone. Raises UsageError when it does not stand."""
        if not await acknowledge_alert(self._need_bus(), alert_id, operator.name, self._clock.now()):
            raise UsageError(f"no alert {alert_id} stands")
        result = f"{alert_id} is acknowledged; it stands until its cause is gone"
        return await self._done(self._row(CommandAction.ACKNOWLEDGE, operator, reason, result, target=alert_id))

    async def clear_cooldown(self, operator: Operator, key: str, reason: str) -> Outcome:
        """Ends a rest early. Raises UsageError when there is no such rest."""
        try:
            found = await clear_cooldown(self._need_bus(), key)
        except ValueError as e:
            raise UsageError(f"{key} is no cooldown") from e
        if not found:
            raise UsageError(f"{key} is not resting")
        return await self._done(
            self._row(CommandAction.CLEAR_COOLDOWN, operator, reason, f"{key} may be bet again", target=key)
        )

    async def clear_lock(self, operator: Operator, key: str, reason: str) -> Outcome:
        """Frees a selection whose lock was left behind. Raises UsageError when there is no such lock."""
        try:
            found = await clear_exec_lock(self._need_bus(), key)
        except ValueError as e:
            raise UsageError(f"{key} is no lock of a selection") from e
        if not found:
            raise UsageError(f"{key} is not locked")
        return await self._done(self._row(CommandAction.CLEAR_LOCK, operator, reason, f"{key} is free", target=key))

    async def limit(self, bounds: RiskSettings, name: str) -> Decimal:
        """The limit in force. Raises UsageError for a name that is none."""
        field, _ = checked_limit(bounds, name, str(getattr(bounds, name.lower(), 0)))
        return _in_force(bounds, field, (await read_limits(self._need_bus())).get(field))

    async def set_limit(
        self, operator: Operator, bounds: RiskSettings, name: str, value: str, reason: str, *, expected: Decimal | None = None
    ) -> Outcome:
        """Lowers a limit, or raises it again up to ``bounds``, the settings.

        Raises UsageError beyond them, StaleRevisionError when the limit in force is not ``expected``.
        """
        field, amount = checked_limit(bounds, name, value)
        stands = (await read_limits(self._need_bus())).get(field)
        before = _in_force(bounds, field, stands)
        if expected is not None and before != expected:
            raise StaleRevisionError(f"{field.upper()} changed meanwhile: it is {before}, not {expected}; look again")
        if not await write_limit(self._need_bus(), field, amount, instead_of=stands):
            raise StaleRevisionError(f"{field.upper()} changed this very moment; look again")
        result = f"{field.upper()} is {amount}, was {before}; the settings allow {setting_of(bounds, field)}"
        row = self._row(CommandAction.SET_LIMIT, operator, reason, result, target=f"{field}={amount}")
        return await self._done(_valued(row, str(before), str(amount)))

    async def refused(self, operator: Operator, action: CommandAction, target: str, reason: str, why: str) -> None:
        """Writes down that somebody asked for what was not done, as for a dangerous command without its password."""
        row = self._row(action, operator, reason, f"refused: {why}", target=target)
        await self._done(msgspec.structs.replace(row, accepted=False))

    async def _state(self, now: datetime) -> TradingState | None:
        return (await self._view(now)).state

    async def _view(self, now: datetime) -> TradingView:
        try:
            return await asyncio.wait_for(read_trading(self._need_bus(), now), REDIS_TIMEOUT_S)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e

    async def _change(self, wanted: TradingState, revision: int | None, now: datetime) -> TradingState:
        bus = self._need_bus()
        wanted = msgspec.structs.replace(wanted, revision=max(wanted.revision, await self._last_revision()))
        try:
            change = change_trading(bus, wanted, expected_revision=revision, now=now)
            return await asyncio.wait_for(change, REDIS_TIMEOUT_S)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e

    async def _last_revision(self) -> int:
        """0 where the audit cannot say: a command must not wait for it."""
        if self._last is None:
            return 0
        try:
            state = await asyncio.wait_for(self._last(), LAST_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            log.warning("audit_not_read", error=str(e) or type(e).__name__)
            return 0
        return state.revision if state is not None else 0

    def _need_bus(self) -> Bus:
        if self._bus is None:
            raise UnavailableError("Redis is not reachable; `keter halt` works without it")
        return self._bus

    def _stops(self, view: TradingView | None) -> tuple[str, ...]:
        found = {
            "the HALT file": is_present(self._halt_file),
            "GLOBAL_STOP in Redis": view is not None and view.global_stop,
            "trading_enabled=0 in Redis": view is not None and not view.trading_enabled,
        }
        return tuple(name for name, present in found.items() if present)

    async def _remove_halt_file(self) -> None:
        try:
            with acting_as(self._owner):
                await asyncio.to_thread(self._halt_file.unlink, missing_ok=True)
        except OSError as e:
            why = e.strerror or type(e).__name__
            raise UnavailableError(f"still stopped: the HALT file {self._halt_file} cannot be removed ({why})") from e

    def write_halt_file(self, operator: Operator, reason: str) -> tuple[str, ...]:
        """Stops the router by the file alone; returns what went wrong, if anything did.

        Whatever has its name stops the router, so one that is there and cannot be written is no fault.
        """
        now = self._clock.now()
        try:
            with acting_as(self._owner):
                self._halt_file.parent.mkdir(parents=True, exist_ok=True)
                text = f"{now.isoformat()} {operator.name} ({operator.source}): {reason}\n"
                write_private(self._halt_file, text)
        except OSError as e:
            if not os.path.lexists(self._halt_file):  # False too where this user may not look: others may see none
                return (f"the HALT file could not be written: {self._halt_file}: {e.strerror}",)
        return ()

    def _row(
        self,
        action: CommandAction,
        operator: Operator,
        reason: str,
        result: str,
        *,
        target: str = TRADING,
        before: TradingState | None = None,
        after: TradingState | None = None,
    ) -> OperatorCommand:
        return OperatorCommand(
            command_id=self._ids(),
            action=action,
            actor=operator.name,
            source=operator.source,
            target=target,
            reason=reason,
            at=self._clock.now(),
            accepted=True,
            result=result,
            before=before,
            after=after,
        )

    async def _done(self, row: OperatorCommand, warnings: tuple[str, ...] = ()) -> Outcome:
        if self._audit is None:
            return Outcome(row, warnings=(*warnings, "not written to the audit: no ledger at hand"))
        try:
            await asyncio.wait_for(self._audit(row), AUDIT_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            log.warning("audit_failed", command=row.command_id, error=str(e) or type(e).__name__)
            return Outcome(row, warnings=(*warnings, f"done, but not written to the audit: {str(e) or 'too slow'}"))
        return Outcome(row, audited=True, warnings=warnings)


def _in_force(bounds: RiskSettings, field: str, stands: Decimal | None) -> Decimal:
    """A limit as it holds: what stands in Redis, never above the settings."""
    most = setting_of(bounds, field)
    return most if stands is None else min(most, stands)


def _arming_text(armed: bool) -> str:
    return ARMED if armed else NOT_ARMED


def _valued(row: OperatorCommand, before: str, after: str) -> OperatorCommand:
    return msgspec.structs.replace(row, value_before=before, value_after=after)


def outlasts(state: TradingState, until: datetime | None, now: datetime) -> bool:
    """Whether ``state`` is a pause that ends no sooner than one ``until`` then; None is without end."""
    if state.effective(now) is not TradingMode.PAUSED:
        return False
    return state.until is None or (until is not None and state.until >= until)


def until_text(moment: datetime | None) -> str:
    """When a pause ends, in words."""
    return f"until {moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "until somebody resumes"


def _expected(revision: int | None, before: TradingState | None) -> int:
    """The revision that a change is based on: the one looked at, so that nothing said in between is undone."""
    if revision is not None:
        return revision
    return before.revision if before is not None else 0
