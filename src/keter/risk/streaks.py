"""Losses in a row by the ledger: for a book that was lost and for a bet that was regraded."""

from datetime import datetime

from keter.domain.streaks import STREAK, Results
from keter.domain.trading import CommandAction, ExecutionMode
from keter.ledger import Ledger
from keter.risk.restore import ACTOR, RECENT_COMMANDS


async def last_streak_pause(ledger: Ledger) -> datetime | None:
    """Return when the guard last paused for a losing streak; losses before that do not count."""
    pauses = await ledger.commands.recent(RECENT_COMMANDS, actions=frozenset({CommandAction.PAUSE}))
    return next(
        (one.at for one in pauses if one.source == ACTOR and one.reason.startswith(STREAK)), None
    )


async def results_since_pause(ledger: Ledger, mode: ExecutionMode) -> Results:
    """Return the bets settled since that pause, the newest first."""
    return await ledger.last_results(mode, since=await last_streak_pause(ledger))
