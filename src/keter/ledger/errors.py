"""The errors of the ledger, with their exit codes.

KeterError
├── DuplicateDecisionError   70  this decision already has an intent: a redelivered item, harmless
├── SelectionOpenError       70  another intent on the same selection is open
├── FencedError              70  a newer owner has taken the account over: stop placing
├── NotInLedgerError         70  no such row
├── UnstorableRowError       70  a value that the database or one of its constraints refuses
└── LedgerUnavailableError   69  no connection, locked for too long, or the disk is full
"""

from keter.errors import KeterError, UnavailableError


class DuplicateDecisionError(KeterError):
    """The decision already has an intent: ``decision_id`` is unique.

    ``state`` is that of the existing intent.
    """

    def __init__(self, decision_id: str, state: str) -> None:
        super().__init__(f"decision {decision_id} already has an intent, which is {state}")
        self.decision_id = decision_id
        self.state = state


class SelectionOpenError(KeterError):
    """The selection already has an open intent, ``intent_id``: the open ones are unique."""

    def __init__(self, selection: str, intent_id: str) -> None:
        super().__init__(f"{selection} is held by the open intent {intent_id}")
        self.intent_id = intent_id


class FencedError(KeterError):
    """The caller's fencing number is older than that of the account's newest owner."""

    def __init__(self, resource: str, fence: int, current: int) -> None:
        super().__init__(
            f"fencing number {fence} for {resource} is behind {current}: another router has taken"
            " over"
        )
        self.fence = fence
        self.current = current


class NotInLedgerError(KeterError):
    """The requested row does not exist."""


class UnstorableRowError(KeterError):
    """The database refuses this row, and would refuse it again. Nothing was written.

    A value is too large, too long or against a constraint.
    """


class LedgerUnavailableError(UnavailableError):
    """The database failed. It is unknown whether a commit in flight took place."""
