"""The ledger: money history in SQL. The only package that talks to a database."""

from keter.ledger.bets import BetChanges, BetFilter, Intents, Takeover
from keter.ledger.errors import (
    DuplicateDecisionError,
    FencedError,
    LedgerUnavailableError,
    NotInLedgerError,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.ledger.figures import ClosingLine, Figures
from keter.ledger.history import AlertRow, Alerts, ForeignTicket, SettlementRow, ticket_key
from keter.ledger.identity import Identity
from keter.ledger.ledger import (
    Ledger,
    is_there,
    ledger_is_shared,
    ledger_url,
    local_ledger,
    open_ledger,
    open_settings_ledger,
)
from keter.ledger.sums import MoneySummary

__all__ = [
    "AlertRow",
    "Alerts",
    "BetChanges",
    "BetFilter",
    "ClosingLine",
    "DuplicateDecisionError",
    "FencedError",
    "Figures",
    "ForeignTicket",
    "Identity",
    "Intents",
    "Ledger",
    "LedgerUnavailableError",
    "MoneySummary",
    "NotInLedgerError",
    "SelectionOpenError",
    "SettlementRow",
    "Takeover",
    "UnstorableRowError",
    "is_there",
    "ledger_is_shared",
    "ledger_url",
    "local_ledger",
    "open_ledger",
    "open_settings_ledger",
    "ticket_key",
]
