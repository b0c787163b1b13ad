"""A run: what one ``keter up`` and its processes have in common from start to end."""

from datetime import datetime

import msgspec

from keter.domain.trading import ExecutionMode

NOBODY = ""  # the run of processes that were started singly, on a Redis that no `keter up` owns


class RunMark(msgspec.Struct, frozen=True):
    """What a decision carries of the run that it was made in: which one, in which mode, by which
    settings.
    """

    run_id: str
    mode: ExecutionMode
    fingerprint: str

    @property
    def text(self) -> str:
        """The mark as one word, to be compared as a whole."""
        return f"{self.run_id}:{self.mode.value}:{self.fingerprint}"


class Run(msgspec.Struct, frozen=True):
    """One run.

    ``run_id`` is new with each ``keter up``; ``instance_id`` stays with its DATA_DIR.

    ``machine`` is the host's name, ``ledger_id`` the identity that stands in the ledger itself, and
    ``fingerprint`` a hash over the settings in force.
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
        """Whether both would make the same bets with the same memory: mode, account, ledger and
        settings are equal.
        """
        return (self.mode, self.account, self.ledger_id, self.fingerprint) == (
            other.mode,
            other.account,
            other.ledger_id,
            other.fingerprint,
        )


class OwnerRecord(msgspec.Struct, frozen=True):
    """Whose a Redis is: the run that owns it, since when, and which settings its files on disk
    would change.
    """

    run: Run
    started_at: datetime
    differing: tuple[str, ...] = ()
