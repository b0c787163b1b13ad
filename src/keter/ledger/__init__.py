"""The ledger: money history in SQL. The only package that talks to a database."""

from keter.ledger.alerts import AlertRow, Alerts
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
from keter.ledger.order_queries import OrderFilter
from keter.ledger.order_steps import OrderChanges, Takeover
from keter.ledger.orders import Orders
from keter.ledger.settlements import SettlementRow
from keter.ledger.sums import MoneySummary

__all__ = [
    "AlertRow",
    "Alerts",
    "ClosingLine",
    "DuplicateDecisionError",
    "FencedError",
    "Figures",
    "ForeignTicket",
    "Identity",
    "Ledger",
    "LedgerUnavailableError",
    "MoneySummary",
    "NotInLedgerError",
    "OrderChanges",
    "OrderFilter",
    "Orders",
    "SelectionOpenError",
    "SettlementRow",
    "Takeover",
    "UnstorableRowError",
    "open_ledger",
    "ticket_key",
]
