"""One line for each of several accounts, so that no page hides the trouble of another account."""

import asyncio
from collections.abc import Iterator, Sequence

from keter.clock import Clock
from keter.dashboard import models
from keter.dashboard.facts import Facts, following
from keter.dashboard.reader import Reader
from keter.domain.money import money_text
from keter.domain.processes import OF_AN_ACCOUNT, Process, roles
from keter.domain.trading import ExecutionMode, betting_word
from keter.settings import Settings

# Every open page of an account shows the lines of all others.
EVERY_S = 2.0


def account_line(
    facts: Facts, settings: Settings, starts: frozenset[Process]
) -> models.AccountLine:
    """Return the line of the account that ``settings`` are of."""
    account, summary = settings.account, facts.ledger.summary if facts.ledger else None
    standing = facts.bus.standing
    return models.AccountLine(
        account=account.key,
        name=account.id.name,
        mode=account.mode.value,
        state=betting_word(
            standing.mode, live=account.mode is ExecutionMode.LIVE, armed=facts.bus.armed
        ),
        currency=account.currency,
        pnl_today=money_text(summary.pnl_minor) if summary else None,
        open=summary.open if summary else None,
        trouble=list(_trouble(facts, settings, starts)),
    )


def _trouble(facts: Facts, settings: Settings, starts: frozenset[Process]) -> Iterator[str]:
    """Yield what keeps the account from betting, or what nobody knows of it, in a few words."""
    key, summary = settings.account.key, facts.ledger.summary if facts.ledger else None
    if summary is None:
        yield "money unknown"
    elif summary.unknown:
        yield f"{summary.unknown} unknown bet{'' if summary.unknown == 1 else 's'}"
    beating = {beat.role for beat in facts.bus.heartbeats}
    for role in roles(starts & OF_AN_ACCOUNT, [settings.label]):
        if role not in beating:
            yield f"{role} is silent"
    if following(facts) is not None:
        yield "may not bet"
    stale_s = settings.venue.feed_stale_after_s
    for feed in facts.bus.feeds:
        if feed.account == key and feed.is_stale(stale_s, facts.at):
            yield f"{feed.phase.value} feed stale"


class AccountLines:
    """Makes the lines, at most every EVERY_S for all pages together."""

    def __init__(
        self,
        readers: Sequence[Reader],
        clock: Clock,
        starts: frozenset[Process],
    ) -> None:
        self._readers = tuple(readers)
        self._clock = clock
        self._starts = starts
        self._lines: list[models.AccountLine] = []
        self._due = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> list[models.AccountLine]:
        """Return the lines; none where there is but one account. Raises as ``Reader.facts``."""
        if len(self._readers) == 1:
            return []
        async with self._one_at_a_time:
            if self._clock.monotonic() >= self._due:
                self._lines = [
                    account_line(await reader.facts(), reader.settings, self._starts)
                    for reader in self._readers
                ]
                self._due = self._clock.monotonic() + EVERY_S
            return self._lines
