"""The commands of operators, the same for command line, page and Telegram.

Each command takes effect first and is written to the audit afterwards, so a missing ledger never
delays a stop. ``halt`` needs only the file system: it writes the HALT file before it tries Redis.
"""

from collections.abc import Mapping
from datetime import datetime

from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import disarm_all
from keter.bus.state.trading import TradingView
from keter.control.arming import ArmingCommands
from keter.control.base import CommandOutcome, Operator
from keter.control.pausing import PausingCommands
from keter.control.standing import stop_text, stops_of
from keter.control.tending import TendingCommands
from keter.domain.trading import COMMON, CommandAction, TradingMode, TradingState
from keter.errors import KeterError, UnavailableError

# What whoever gives commands needs.
__all__ = ["CommandOutcome", "Control", "Operator"]


class Control(PausingCommands, ArmingCommands, TendingCommands):
    """All commands, over one bus and one HALT file.

    ``account`` is the whole name of an account, or its name at the venue. With it pause, reduce,
    halt and resume change that account's own trading state, without it the one of everything. They
    raise UsageError for a name that is none.

    The commands raise UnavailableError if Redis is needed and does not answer. With ``revision``,
    or ``seen``, they raise StaleRevisionError if the trading state is of another revision; without
    it, if the state keeps changing.
    """

    async def halt(self, operator: Operator, reason: str, *, account: str = "") -> CommandOutcome:
        """Stop betting now: write the HALT file first, then the state.

        It works without Redis and may be repeated. Raises UnavailableError if neither the file nor
        the state could be written.

        With ``account`` that account alone is halted, which needs Redis: the HALT file is for
        everything.
        """
        now = self._clock.now()
        if account:
            return await self._halt_account(operator, reason, account, now)
        warnings = self._halt_file.write(now, f"{operator.name} ({operator.source})", reason)
        before = after = None
        try:
            before, after = await self._set_halted(operator, reason, COMMON, now)
        except KeterError as e:
            why = "it is not reachable" if self._bus is None else str(e)
            if warnings:
                raise UnavailableError(
                    f"nothing was halted: {warnings[0]}, and Redis could not be told ({why})"
                ) from e
            warnings = (f"Redis could not be told ({why}); the HALT file stops the router",)
        result = (
            "halted: no new bets; open bets stay open; `keter resume` ends it, LIVE must be armed"
            " again"
        )
        return await self._changed(
            CommandAction.HALT, operator, reason, result, before, after, COMMON, warnings
        )

    async def _halt_account(
        self, operator: Operator, reason: str, account: str, now: datetime
    ) -> CommandOutcome:
        scope = await self.named_scope(account)
        before, after = await self._set_halted(operator, reason, scope, now)
        result = (
            "halted: no new bets; open bets stay open; `keter resume` ends it, LIVE must be armed"
            " again on this account"
        )
        return await self._changed(
            CommandAction.HALT, operator, reason, result, before, after, scope
        )

    async def _set_halted(
        self, operator: Operator, reason: str, scope: str, now: datetime
    ) -> tuple[TradingState | None, TradingState]:
        """Set ``scope`` to HALTED and return its states before and after."""
        before = await self._state(now, scope)
        wanted = TradingState(TradingMode.HALTED, operator.name, reason, now)
        return before, await self._change(wanted, None, now, scope)

    async def resume(
        self,
        operator: Operator,
        reason: str,
        *,
        seen: Mapping[str, int] | None = None,
        account: str = "",
    ) -> CommandOutcome:
        """Set trading to ACTIVE, end every account's own stop, then remove the HALT file.

        With ``account`` that account's own stop alone is ended. ``seen`` are the revisions that the
        operator looked at, by scope; no stop of another revision is ended.

        Raises StaleRevisionError at once if a state has changed since it was read.
        """
        scope = await self.named_scope(account)
        now = self._clock.now()
        view = await self._view(now, scope)
        _check_seen(view, scope, seen, now)
        if scope:
            return await self._resume_account(operator, reason, view, scope)
        ended = {name: one for name, one in stops_of(view, COMMON, now).items() if name}
        # Before the common state: a process that has seen its new revision has seen these too.
        rows = [
            await self._end(operator, reason, CommandAction.RESUME, name, state)
            for name, state in ended.items()
        ]
        outcome = await self._resume_common(operator, reason, view, ended)
        return _with_warnings(outcome, rows)

    async def _resume_common(
        self,
        operator: Operator,
        reason: str,
        view: TradingView,
        ended: Mapping[str, TradingState],
    ) -> CommandOutcome:
        now, before = self._clock.now(), view.state
        if self._halt_file.present and (before is None or before.mode is not TradingMode.HALTED):
            # The halt was set without Redis, which still has the armings.
            await disarm_all(self._need_bus())
        wanted = TradingState(TradingMode.ACTIVE, operator.name, reason, now)
        after = await self._change(wanted, view.revisions.get(COMMON, 0), now)
        await self._halt_file.remove()
        result = self._resumed_text(await self._view(now), now)
        if ended:
            stops = ", ".join(stop_text(name, state) for name, state in ended.items())
            result = f"{result}; ended too: {stops}"
        return await self._changed(
            CommandAction.RESUME, operator, reason, result, before, after, COMMON
        )

    async def _resume_account(
        self, operator: Operator, reason: str, view: TradingView, scope: str
    ) -> CommandOutcome:
        now, before = self._clock.now(), view.of(scope)
        wanted = TradingState(TradingMode.ACTIVE, operator.name, reason, now)
        after = await self._change(wanted, view.revisions.get(scope, 0), now, scope)
        result = self._resumed_text(await self._view(now, scope), now)
        return await self._changed(
            CommandAction.RESUME, operator, reason, result, before, after, scope
        )

    def _resumed_text(self, view: TradingView, now: datetime) -> str:
        left = self._left(view, now)
        if not left:
            return "running: new bets may be made"
        return f"resumed, but still stopped by {', '.join(left)}"


def _check_seen(
    view: TradingView, scope: str, seen: Mapping[str, int] | None, now: datetime
) -> None:
    """Check that the operator saw each state that a resume would change.

    Raises StaleRevisionError.
    """
    if seen is None:
        return
    for name in {scope, *stops_of(view, scope, now)}:
        found = view.revisions.get(name, 0)
        if found != seen.get(name, 0):
            raise StaleRevisionError(
                f"trading{f' of {name}' if name else ''} changed meanwhile: revision is {found},"
                f" not {seen.get(name, 0)}; look again"
            )


def _with_warnings(outcome: CommandOutcome, others: list[CommandOutcome]) -> CommandOutcome:
    """Return ``outcome`` with what went wrong in the audit of ``others``."""
    warnings = dict.fromkeys(w for one in (*others, outcome) for w in one.warnings)
    audited = outcome.audited and all(one.audited for one in others)
    return CommandOutcome(outcome.command, audited, tuple(warnings))
