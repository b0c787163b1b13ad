"""A run: one ``keter up`` and its processes, from start to end."""

from datetime import datetime

import msgspec

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
    * ``ledger_id`` is the identity that the ledger itself holds.
    * ``fingerprint`` is a hash over the settings in force.
    """

    run_id: str
    instance_id: str
    machine: str
    mode: ExecutionMode
    account: str
    ledger_id: str
    fingerprint: str

    @property
    def mark(self) -> RunMark:
        return RunMark(self.run_id, self.mode, self.fingerprint)

    def same_work(self, other: "Run") -> bool:
        """Return whether mode, account, ledger and settings are equal.

        Both runs then make the same bets from the same history.
        """
        return (self.mode, self.account, self.ledger_id, self.fingerprint) == (
            other.mode,
            other.account,
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
