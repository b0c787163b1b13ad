"""The ledger: money history in SQL. The only package that talks to a database."""

from keter.ledger.alerts import AlertRow, Alerts
from keter.ledger.bet_queries import BetFilter
from keter.ledger.bet_steps import BetChanges, Takeover
from keter.ledger.bets import Intents
from keter.ledger.errors import (
    DuplicateDecisionError,
    FencedError,
    LedgerUnavailableError,
    NotInLedgerError,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.ledger.figures import ClosingLine, Figures
from keter.ledger.foreign_tickets import ForeignTicket, ticket_key
from keter.ledger.ledger import Identity, Ledger, open_ledger
from keter.ledger.settlements import SettlementRow
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
    "open_ledger",
    "ticket_key",
]
