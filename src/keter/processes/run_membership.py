"""Finds the run of a process that no supervisor started."""

import msgspec

from keter.bus.connection import Bus
from keter.bus.state.ownership import read_owner
from keter.clock import Clock
from keter.domain.processes import Process
from keter.domain.runs import Run
from keter.errors import ConfigurationError
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings
from keter.supervision.run import single

# These call the venue as the account, or decide for it.
OF_THE_ACCOUNT = frozenset({Process.INGEST, Process.GUARD, Process.ROUTER, Process.TRACKER})
# These write to the ledger or decide by it.
OF_THE_LEDGER = frozenset({Process.GUARD, Process.ROUTER, Process.TRACKER, Process.RECORDER})


async def find_run(bus: Bus, settings: Settings, process: str, clock: Clock) -> Run:
    """Return the run that owns this Redis, or a run of its own if nobody owns it.

    Raises ConfigurationError if the process could not do that run's work: other settings, another
    account or another ledger.
    """
    own = single(settings)
    record = await read_owner(bus)
    if record is None:
        return own
    ledger_id = record.run.ledger_id
    if process in OF_THE_LEDGER:
        ledger_id = await _ledger_of(settings, clock)
    accounts = own.accounts if process in OF_THE_ACCOUNT else record.run.accounts
    if problem := _unlike(
        record.run, msgspec.structs.replace(own, ledger_id=ledger_id, accounts=accounts)
    ):
        raise ConfigurationError(
            f"{process} cannot join the run on {record.run.machine} that owns this Redis:"
            f" {problem}; start it where the settings are the same, or set REDIS_KEY_PREFIX for a"
            " Keter of its own"
        )
    return msgspec.structs.replace(record.run, machine=own.machine)


async def _ledger_of(settings: Settings, clock: Clock) -> str:
    ledger = await open_settings_ledger(settings, clock=clock)
    try:
        return (await ledger.identity()).ledger_id
    finally:
        await ledger.aclose()


def _unlike(owner: Run, own: Run) -> str | None:
    """Return in what ``own`` differs from the owner's run, or None."""
    if owner.mode is not own.mode:
        return f"it is {own.mode.value}, the run is {owner.mode.value}"
    if owner.fingerprint != own.fingerprint:
        return "its settings are not those in force there"
    if owner.accounts != own.accounts:
        return "its account is another one"
    return "its ledger is another one" if owner.ledger_id != own.ledger_id else None
