"""A run: one ``keter up`` and its processes, from start to end."""

from datetime import datetime

import msgspec

from keter.domain.accounts import Account
from keter.domain.trading import ExecutionMode

# The run of processes that were started singly, on a Redis that no `keter up` owns.
NOBODY = ""


class RunMark(msgspec.Struct, frozen=True):
    """What a decision carries of its run: which run, in which mode, with which settings."""

    run_id: str
    mode: ExecutionMode
    fingerprint: str

    @property
    def text(self) -> str:
        """The mark as one word; two marks are equal if their texts are."""
        return f"{self.run_id}:{self.mode.value}:{self.fingerprint}"


class Run(msgspec.Struct, frozen=True):
    """One run.

    * ``run_id`` is new with each ``keter up``.
    * ``instance_id`` belongs to the DATA_DIR.
    * ``machine`` is the host's name.
    * ``accounts`` are those it bets on.
    * ``ledger_id`` is the identity that the ledger itself holds.
    * ``fingerprint`` is a hash over the settings in force.
    """

    run_id: str
    instance_id: str
    machine: str
    accounts: tuple[Account, ...]
    ledger_id: str
    fingerprint: str

    @property
    def mode(self) -> ExecutionMode:
        """The mode of the run: LIVE if one of its accounts is, else DRY if one is, else DEMO."""
        modes = {account.mode for account in self.accounts}
        return next(
            (one for one in (ExecutionMode.LIVE, ExecutionMode.DRY) if one in modes),
            ExecutionMode.DEMO,
        )

    @property
    def mark(self) -> RunMark:
        return RunMark(self.run_id, self.mode, self.fingerprint)

    def same_work(self, other: "Run") -> bool:
        """Return whether accounts, ledger and settings are equal.

        Both runs then make the same bets from the same history.
        """
        return (self.accounts, self.ledger_id, self.fingerprint) == (
            other.accounts,
            other.ledger_id,
            other.fingerprint,
        )


class OwnerRecord(msgspec.Struct, frozen=True):
    """The run that owns a Redis, and since when.

    ``differing`` names the settings that have been changed on disk since the run started.
    """

    run: Run
    started_at: datetime
    differing: tuple[str, ...] = ()
