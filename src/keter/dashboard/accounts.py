"""The consoles of the accounts of a run: each shows its own figures, one dashboard serves all."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keter.dashboard.errors import ApiError
from keter.dashboard.hub import Hub
from keter.dashboard.reader import Reader
from keter.dashboard.records import Records
from keter.settings import Settings


@dataclass(frozen=True, slots=True)
class AccountConsole:
    """What is shown of one account. ``settings`` are those of that account."""

    settings: Settings
    reader: Reader
    hub: Hub
    records: Records

    @property
    def account(self) -> str:
        """The key of the account."""
        return self.settings.account.key


class AccountConsoles:
    """The consoles of all accounts, in the order of ACCOUNTS."""

    def __init__(self, consoles: Sequence[AccountConsole]) -> None:
        self._consoles = tuple(consoles)

    def __iter__(self) -> Iterator[AccountConsole]:
        return iter(self._consoles)

    @property
    def first(self) -> AccountConsole:
        """The console of whoever names no account; what all have in common is read there too."""
        return self._consoles[0]

    def of(self, account: str | None) -> AccountConsole:
        """Return the console of an account by its key; None means the first.

        Raises ApiError 404 for an account that is not of this run.
        """
        if account is None:
            return self.first
        found = next((one for one in self._consoles if one.account == account), None)
        if found is None:
            raise unknown_account(account, [one.account for one in self._consoles])
        return found

    @property
    def pages(self) -> int:
        """How many pages are open, of all accounts."""
        return sum(one.hub.pages for one in self._consoles)

    async def close(self) -> None:
        """Close every page's socket: the dashboard is stopping."""
        await asyncio.gather(*[one.hub.close() for one in self._consoles])


def unknown_account(account: str, known: Sequence[str]) -> ApiError:
    """Return the error for an account that is not of this run."""
    return ApiError(
        404, "unknown_account", f"there is no account {account}; there are {', '.join(known)}"
    )
