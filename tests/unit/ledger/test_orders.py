"""The promises about intents and orders, on a real SQLite file."""

from tests.kit.ledger_contract import LedgerContract
from tests.kit.recording_contract import RecordingContract


class TestOnSqlite(LedgerContract):
    """Nothing but SQLite differs from the contract."""


class TestRecordingOnSqlite(RecordingContract):
    """Nothing but SQLite differs from the contract."""
