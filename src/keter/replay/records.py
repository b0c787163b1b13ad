"""A bet as the analysis reads it, the same from the ledger, a backtest or a replay."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

import msgspec

from keter.domain.days import day_of
from keter.domain.order_states import FINAL, SETTLED
from keter.domain.orders import Order


class BetRecord(msgspec.Struct, frozen=True):
    """One bet; money in minor units.

    ``pnl_minor`` is None while unsettled. ``state`` is an OrderState value. ``mode`` is DRY,
    LIVE or BACKTEST.

    ``ev_pct`` is the value per 100 staked that the edge gate computed at ``asked_odds`` (None: the
    same as ``odds``). ``fair_p`` is the effective probability at the bet, ``closing_p`` the one at
    the close, None if there is none. ``modelled_p`` is used if only another line has a close: its
    price, moved to the bet's line by a goal model.
    """

    bet_id: str
    mode: str
    event_uid: str
    day: str
    league: str
    book: str
    kind: str
    selection_id: str
    odds: float
    stake_minor: int
    pnl_minor: int | None
    state: str
    ev_pct: float
    fair_p: float
    closing_p: float | None
    placed_at: datetime
    kickoff: datetime
    asked_odds: float | None = None
    modelled_p: float | None = None

    @property
    def clv(self) -> float | None:
        """The closing line value without margin, ``odds * closing_p - 1``, or None."""
        return None if self.closing_p is None else self.odds * self.closing_p - 1

    @property
    def modelled_clv(self) -> float | None:
        """The closing line value by ``modelled_p``, or None."""
        return None if self.modelled_p is None else self.odds * self.modelled_p - 1


def records_of(bets: Iterable[Order], zone: tzinfo) -> list[BetRecord]:
    """Return the records of bets that were placed, with betting days in ``zone``.

    Skipped and refused bets are left out, and open ones without a placed stake.
    """
    return [
        _record(bet, zone)
        for bet in bets
        if bet.state in SETTLED or (bet.state not in FINAL and bet.standing_minor)
    ]


def _record(bet: Order, zone: tzinfo) -> BetRecord:
    intent = bet.intent
    return BetRecord(
        bet_id=intent.intent_id,
        mode=intent.mode.value,
        event_uid=intent.event_uid,
        day=day_of(intent.created_at, zone),
        league=intent.league,
        book=bet.book or intent.book,
        kind=intent.market.kind,
        selection_id=intent.selection_id,
        odds=float(bet.odds or intent.asked_odds),
        stake_minor=bet.standing_minor,
        pnl_minor=bet.pnl_minor if bet.state in SETTLED else None,
        state=bet.state.value,
        ev_pct=intent.ev_pct,
        fair_p=1 / intent.fair_odds,
        closing_p=None if bet.closing_fair_odds is None else 1 / bet.closing_fair_odds,
        placed_at=intent.created_at,
        kickoff=intent.kickoff,
        asked_odds=float(intent.asked_odds),
    )
