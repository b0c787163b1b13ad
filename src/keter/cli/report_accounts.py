"""Which accounts a report is about, and the totals of each."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from keter.domain.accounts import means
from keter.domain.trading import ExecutionMode
from keter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keter.domain.orders import Order
    from keter.ledger import Ledger
    from keter.replay.performance import Performance
    from keter.replay.records import BetRecord
    from keter.settings import Settings

# The name of the slices by account.
ACCOUNT = "account"
AccountOption = Annotated[
    str | None,
    typer.Option(help="An account: its name or whole id. Default: all accounts of the mode."),
]


class Owners(msgspec.Struct, frozen=True):
    """The accounts of one mode that a report is about.

    ``only`` is the one that was asked for. None means all of the mode, which ``accounts`` names.
    """

    mode: ExecutionMode
    accounts: tuple[str, ...]
    only: str | None

    @property
    def text(self) -> str:
        """Which they are, in words."""
        if len(self.accounts) > 1:
            return f"all accounts ({', '.join(self.accounts)})"
        return self.accounts[0] if self.accounts else "no account"


async def owners_meant(
    ledger: "Ledger", settings: "Settings", mode: ExecutionMode | None, named: str | None
) -> Owners:
    """Return the accounts that are meant: all of the mode, or the one called ``named``.

    They are those of the settings and those that have bets. Without a mode it is that of the
    account. Raises UsageError if ``named`` is none of them, or several.
    """
    called = (one.mode for one in settings.accounts if named and one.is_called(named))
    chosen = mode or next(called, settings.account.mode)
    configured = {one.key for one in settings.accounts if one.mode is chosen}
    known = tuple(sorted({*await ledger.accounts_in(chosen), *configured}))
    if named is None:
        return Owners(chosen, known, None)
    found = tuple(key for key in known if means(named, key))
    if not found:
        raise UsageError(
            f"{named} is no account with {chosen} bets; there are {', '.join(known) or 'none'}"
        )
    if len(found) > 1:
        raise UsageError(f"{named} may be {' or '.join(found)}; write the whole id")
    return Owners(chosen, found, found[0])


def with_accounts(
    result: "Performance", bets: "Sequence[Order]", records: "Sequence[BetRecord]"
) -> "Performance":
    """Return the measures with slices by account, if the bets are of several accounts.

    ``records`` are those of ``bets``.
    """
    from keter.replay.slices import slices

    whose = {bet.intent.intent_id: bet.intent.account for bet in bets}
    settled = [record for record in records if record.pnl_minor is not None]
    if len({whose[record.bet_id] for record in records}) < 2:
        return result
    by_account = {ACCOUNT: slices(settled, lambda record: whose[record.bet_id])}
    return msgspec.structs.replace(result, slices={**by_account, **result.slices})
