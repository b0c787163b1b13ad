"""An account at a venue: where it is, what it is called, and whose money it moves. Pure."""

from decimal import Decimal

import msgspec

from keter.domain.trading import ExecutionMode

# The widest column of the ledger that holds an account, and what of it a venue's name may take.
LONGEST_ACCOUNT = 96
LONGEST_VENUE = 24


class AccountId(msgspec.Struct, frozen=True, order=True):
    """An account: the venue and the name that it has there.

    Its text is ``venue:name``. Records, Redis keys and the ledger hold that text.
    """

    venue: str
    name: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.name}"


def means(text: str, key: str) -> bool:
    """Return whether ``text`` means the account ``key``: its whole id, or its name alone."""
    return text in {key, key.partition(":")[2]}


class Account(msgspec.Struct, frozen=True):
    """An account and what every bet on it has in common.

    * ``currency`` is that of all its amounts, such as ``EUR``.
    * ``commission`` is the venue's share of net winnings, from 0 to 1.
    * ``rate`` is the fixed price of one unit of the currency in RISK_CURRENCY.
    * ``mode`` says whether its bets go to the venue, to paper, or are made on simulated prices.
    """

    id: AccountId
    currency: str
    commission: Decimal
    mode: ExecutionMode
    rate: Decimal = Decimal(1)

    @property
    def key(self) -> str:
        """The text of its id."""
        return str(self.id)

    def is_called(self, text: str) -> bool:
        """Return whether ``text`` means this account: its whole id, or its name alone."""
        return means(text, self.key)
