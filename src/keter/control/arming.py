"""Arms LIVE for the run that owns this Redis, and disarms it."""

from keter.bus.state.ownership import read_owner
from keter.bus.state.permissions import arm, armed_accounts, disarm, read_arming
from keter.control.base import Commander, CommandOutcome, Operator, valued
from keter.domain.runs import Run
from keter.domain.trading import CommandAction, ExecutionMode
from keter.errors import UnavailableError, UsageError

ARMED, NOT_ARMED = "armed", "not armed"


class ArmingCommands(Commander):
    """``arm`` and ``disarm``."""

    async def arm(self, operator: Operator, account: str, reason: str) -> CommandOutcome:
        """Allow LIVE bets on ``account`` for the run that owns this Redis.

        The caller has checked licence and limits. Raises UnavailableError if nothing runs,
        UsageError if the run is DRY or of another account.
        """
        run, account = await self._armable_run(account)
        before = await read_arming(self._need_bus(), account, run.mark)
        row = self._row(CommandAction.ARM, operator, reason, f"{account} is armed", target=account)
        await arm(self._need_bus(), account, operator.name, row.at, run.mark, row.command_id)
        return await self._done(valued(row, _arming_text(before is not None), ARMED))

    async def _armable_run(self, account: str) -> tuple[Run, str]:
        """Return the run that owns this Redis, and the whole name of its account."""
        record = await read_owner(self._need_bus())
        if record is None:
            raise UnavailableError(
                "nothing runs that could be armed: an arming is for one run; start `keter up`,"
                " then arm"
            )
        if record.run.mode is not ExecutionMode.LIVE:
            raise UsageError(
                f"what runs is {record.run.mode}, whatever the settings say by now; restart Keter"
                " to bet LIVE, then arm"
            )
        found = next((one for one in record.run.accounts if one.is_called(account)), None)
        if found is None:
            raise UsageError(
                f"what runs bets on another account than {account}; restart Keter, then arm"
            )
        return record.run, found.key

    async def disarm(self, operator: Operator, account: str, reason: str) -> CommandOutcome:
        """Forbid LIVE bets on ``account``; open bets stay open.

        The name alone will do for an account of the run that owns this Redis.
        """
        running = await self._running_accounts()
        account = next((one.key for one in running if one.is_called(account)), account)
        was_armed = await disarm(self._need_bus(), account)
        row = self._row(
            CommandAction.DISARM, operator, reason, f"{account} is disarmed", target=account
        )
        return await self._done(valued(row, _arming_text(was_armed), NOT_ARMED))

    async def disarm_every(
        self, operator: Operator, reason: str, *, named: str = ""
    ) -> list[CommandOutcome]:
        """Disarm every armed account of this Redis, the running accounts first, and ``named``.

        ``named`` and the running accounts are disarmed also if they are not armed. Raises
        UnavailableError if no account is known.
        """
        running = [one.key for one in await self._running_accounts()]
        others = {named, *await armed_accounts(self._need_bus())}
        accounts = [*running, *sorted(others - {*running, ""})]
        if not accounts:
            raise UnavailableError(
                "no account is known to disarm: nothing runs on this Redis, and none is armed there"
            )
        return [await self.disarm(operator, account, reason) for account in accounts]


def _arming_text(armed: bool) -> str:
    return ARMED if armed else NOT_ARMED
