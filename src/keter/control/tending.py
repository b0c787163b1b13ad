"""Commands beside trading: alerts, cooldowns, locks of selections, and limits."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from keter.betting_settings import RiskSettings
from keter.bus.connection import Bus
from keter.bus.errors import StaleRevisionError
from keter.bus.locks import clear_exec_lock
from keter.bus.state.cooldowns import clear_cooldown
from keter.bus.state.permissions import read_limits, write_limit
from keter.bus.telemetry.alerts import acknowledge_alert
from keter.control.base import Commander, CommandOutcome, Operator, valued
from keter.domain.limits import checked_limit, limit_text, setting_of
from keter.domain.trading import CommandAction
from keter.errors import UsageError

Clear = Callable[[Bus, str], Awaitable[bool]]


class TendingCommands(Commander):
    """``acknowledge``, ``clear_cooldown``, ``clear_lock``, ``limit`` and ``set_limit``."""

    async def acknowledge(self, operator: Operator, alert_id: str, reason: str) -> CommandOutcome:
        """Note that somebody has seen an alert. It is not cleared before its cause is gone.

        Raises UsageError if the alert is not raised.
        """
        if not await acknowledge_alert(
            self._need_bus(), alert_id, operator.name, self._clock.now()
        ):
            raise UsageError(f"no alert {alert_id} stands")
        result = f"{alert_id} is acknowledged; it stands until its cause is gone"
        return await self._done(
            self._row(CommandAction.ACKNOWLEDGE, operator, reason, result, target=alert_id)
        )

    async def clear_cooldown(self, operator: Operator, key: str, reason: str) -> CommandOutcome:
        """End a cooldown early. Raises UsageError if there is none of that key."""
        await self._clear(clear_cooldown, key, "no cooldown", "not resting")
        return await self._done(
            self._row(
                CommandAction.CLEAR_COOLDOWN,
                operator,
                reason,
                f"{key} may be bet again",
                target=key,
            )
        )

    async def clear_lock(self, operator: Operator, key: str, reason: str) -> CommandOutcome:
        """Free a selection whose lock was left behind. Raises UsageError if there is none."""
        await self._clear(clear_exec_lock, key, "no lock of a selection", "not locked")
        return await self._done(
            self._row(CommandAction.CLEAR_LOCK, operator, reason, f"{key} is free", target=key)
        )

    async def _clear(self, clear: Clear, key: str, no_such_kind: str, not_there: str) -> None:
        """Delete ``key`` by ``clear``.

        Raises UsageError: with ``no_such_kind`` if the key is of another kind, with ``not_there``
        if it does not exist.
        """
        try:
            found = await clear(self._need_bus(), key)
        except ValueError as e:
            raise UsageError(f"{key} is {no_such_kind}") from e
        if not found:
            raise UsageError(f"{key} is {not_there}")

    async def limit(self, account: str, bounds: RiskSettings, name: str) -> Decimal:
        """Return the account's limit in force. Raises UsageError for a name that is no limit."""
        field, _ = checked_limit(bounds, name, str(getattr(bounds, name.lower(), 0)))
        return _in_force(bounds, field, (await read_limits(self._need_bus(), account)).get(field))

    async def set_limit(
        self,
        operator: Operator,
        account: str,
        bounds: RiskSettings,
        name: str,
        value: str,
        reason: str,
        *,
        expected: Decimal | None = None,
    ) -> CommandOutcome:
        """Lower a limit of the account, or raise it again up to ``bounds``, its settings.

        Raises UsageError beyond them, StaleRevisionError if the limit in force is not ``expected``.
        """
        field, amount = checked_limit(bounds, name, value)
        lowered = (await read_limits(self._need_bus(), account)).get(field)
        before = _in_force(bounds, field, lowered)
        if expected is not None and before != expected:
            raise StaleRevisionError(
                f"{field.upper()} changed meanwhile: it is {before}, not {expected}; look again"
            )
        if not await write_limit(self._need_bus(), account, field, amount, instead_of=lowered):
            raise StaleRevisionError(f"{field.upper()} changed this very moment; look again")
        result = (
            f"{field.upper()} is {amount}, was {before}; the settings allow"
            f" {setting_of(bounds, field)}"
        )
        target = limit_text(account, field, amount)
        row = self._row(CommandAction.SET_LIMIT, operator, reason, result, target=target)
        return await self._done(valued(row, str(before), str(amount)))


def _in_force(bounds: RiskSettings, field: str, lowered: Decimal | None) -> Decimal:
    """Return the limit in force: the amount in Redis if there is one, at most the setting."""
    most = setting_of(bounds, field)
    return most if lowered is None else min(most, lowered)
