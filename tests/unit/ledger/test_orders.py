"""The promises about intents and bets, on a real SQLite file."""

from tests.kit.ledger_contract import LedgerContract


class TestOnSqlite(LedgerContract):
    """Nothing but SQLite differs from the contract."""
