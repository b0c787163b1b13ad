"""Bets of the ledger as analytics see them."""

from collections.abc import Iterable
from datetime import tzinfo

from keter.domain.bets import FINAL, SETTLED, Bet
from keter.replay.records import BetRecord


def records_of(bets: Iterable[Bet], zone: tzinfo) -> list[BetRecord]:
    """Bets that were struck: open or settled, not skipped and not refused.

    Days are those of ``zone``.
    """
    return [
        _record(bet, zone)
        for bet in bets
        if bet.state in SETTLED or (bet.state not in FINAL and bet.placed_stake_minor)
    ]


def _record(bet: Bet, zone: tzinfo) -> BetRecord:
    intent = bet.intent
    settled = bet.state in SETTLED
    return BetRecord(
        bet_id=intent.intent_id,
        mode=intent.mode.value,
        event_uid=intent.event_uid,
        day=intent.created_at.astimezone(zone).date().isoformat(),
        league=intent.league,
        book=bet.book or intent.book,
        kind=intent.market.kind.value,
        selection_id=intent.selection_id,
        odds=float(bet.odds or intent.asked_odds),
        stake_minor=bet.placed_stake_minor,
        pnl_minor=bet.pnl_minor if settled else None,
        state=bet.state.value,
        ev_pct=intent.ev_pct,
        fair_p=1 / intent.fair_odds,
        closing_p=None if bet.closing_fair_odds is None else 1 / bet.closing_fair_odds,
        placed_at=intent.created_at,
        kickoff=intent.kickoff,
        asked_odds=float(intent.asked_odds),
    )
