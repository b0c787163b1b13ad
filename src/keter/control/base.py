"""What all commands have in common: the operator, the outcome, and the row of the audit."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.state.ownership import read_owner
from keter.clock import Clock, Ids
from keter.domain.accounts import Account
from keter.domain.trading import (
    COMMON,
    CommandAction,
    OperatorCommand,
    TradingState,
    scope_of,
    target_of,
)
from keter.errors import KeterError, UnavailableError

log = structlog.get_logger(__name__)
AUDIT_TIMEOUT_S = 5.0
Audit = Callable[[OperatorCommand], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who gives a command. ``source`` is ``cli``, ``page`` or ``telegram``."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What a command did. ``command.result`` is a sentence for people.

    ``audited`` is False if the row could not be written to the ledger; ``warnings`` then say why.
    """

    command: OperatorCommand
    audited: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def revision(self) -> int | None:
        """The trading state's revision that all processes must reach; None if it did not change."""
        return self.command.after.revision if self.command.after is not None else None

    @property
    def scope(self) -> str:
        """The account whose trading state the command was about; COMMON for any other command."""
        return scope_of(self.command.target) or COMMON


class Commander:
    """Run commands over a bus and write them to the audit.

    The bus is None if Redis is unreachable, ``audit`` is None if there is no ledger.
    """

    def __init__(self, bus: Bus | None, clock: Clock, audit: Audit | None, ids: Ids) -> None:
        self._bus = bus
        self._clock = clock
        self._audit = audit
        self._ids = ids

    async def refused(
        self, operator: Operator, action: CommandAction, target: str, reason: str, why: str
    ) -> None:
        """Write to the audit that a command was refused, for example without its password."""
        row = self._row(action, operator, reason, f"refused: {why}", target=target)
        await self._done(msgspec.structs.replace(row, accepted=False))

    async def _running_accounts(self) -> tuple[Account, ...]:
        """Return the accounts of the run that owns this Redis; none if nothing runs.

        Also none if the record cannot be read: that must not prevent a stop or a disarming.
        """
        try:
            record = await read_owner(self._need_bus())
        except PoisonedPayloadError:
            return ()
        return record.run.accounts if record is not None else ()

    def _need_bus(self) -> Bus:
        if self._bus is None:
            raise UnavailableError("Redis is not reachable; `keter halt` works without it")
        return self._bus

    def _row(
        self,
        action: CommandAction,
        operator: Operator,
        reason: str,
        result: str,
        *,
        target: str = target_of(COMMON),
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

    async def _done(self, row: OperatorCommand, warnings: tuple[str, ...] = ()) -> CommandOutcome:
        """Write the row to the audit and return the outcome. A failure becomes a warning."""
        if self._audit is None:
            return CommandOutcome(
                row, warnings=(*warnings, "not written to the audit: no ledger at hand")
            )
        try:
            await asyncio.wait_for(self._audit(row), AUDIT_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            log.warning("audit_failed", command=row.command_id, error=str(e) or type(e).__name__)
            return CommandOutcome(
                row,
                warnings=(*warnings, f"done, but not written to the audit: {str(e) or 'too slow'}"),
            )
        return CommandOutcome(row, audited=True, warnings=warnings)


def valued(row: OperatorCommand, before: str, after: str) -> OperatorCommand:
    """Return ``row`` with the values that the command changed."""
    return msgspec.structs.replace(row, value_before=before, value_after=after)
