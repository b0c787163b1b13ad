"""What the ledger refuses, and why.

KeterError
├── DuplicateDecisionError   70  this decision already has an intent: a redelivered item, harmless
├── SelectionOpenError       70  another intent on the same selection is open
├── FencedError              70  a newer owner has taken the account over: stop placing
├── NotInLedgerError         70  no such row
├── UnstorableRowError       70  a value that the database does not take, or that breaks a rule of it
└── LedgerUnavailableError   69  the database cannot be reached, is locked for too long or its disk is full
"""

from keter.errors import KeterError, UnavailableError


class DuplicateDecisionError(KeterError):
    """The unique constraint on ``decision_id`` said no.

    ``state`` is where the existing intent stands.
    """

    def __init__(self, decision_id: str, state: str) -> None:
        super().__init__(f"decision {decision_id} already has an intent, which is {state}")
        self.decision_id = decision_id
        self.state = state


class SelectionOpenError(KeterError):
    """The unique index on open selections said no.

    ``intent_id`` is the intent that holds the selection.
    """

    def __init__(self, selection: str, intent_id: str) -> None:
        super().__init__(f"{selection} is held by the open intent {intent_id}")
        self.intent_id = intent_id


class FencedError(KeterError):
    """A step came with an older fencing number than the account's newest owner has."""

    def __init__(self, resource: str, fence: int, current: int) -> None:
        super().__init__(
            f"fencing number {fence} for {resource} is behind {current}: another router has taken"
            " over"
        )
        self.fence = fence
        self.current = current


class NotInLedgerError(KeterError):
    """The row that was asked for does not exist."""


class UnstorableRowError(KeterError):
    """The database refuses this one row, for ever: a value too large, too long, or against a rule.

    Nothing was written.
    """


class LedgerUnavailableError(UnavailableError):
    """The database did not do what was asked; whether a commit in flight took place is unknown."""
