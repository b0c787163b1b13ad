"""Open risk: what orders and reservations may lose, each alone and all of an event together.

This is the one exposure model. An exposure is an order as the risk book holds it. Its fills net
with others. Its rest may still be filled or not, and counts only where it loses.
``keter.domain.positions`` lays both over the outcome space of the event's sport.

Amounts are in minor units of the account's currency, or in the risk currency where the exposures
of several accounts are added.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache

import msgspec

from keter.domain.accounts import Account
from keter.domain.commitments import (
    Commitment,
    commission_of,
    is_price,
    liability_minor,
    rate_of,
    rounded_down,
)
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_states import NEVER_PLACED, NOT_SENT, Side
from keter.domain.orders import Order
from keter.domain.positions import positions

FOREIGN_PREFIX = "foreign:"  # begins the risk book's name of a ticket that is not ours
UNKNOWN_STAKE_MINOR = 10**12  # the settings take no limit as large
# Digits of an average price: more than a stake has minor units.
_PRICE_DIGITS = 20


class ExposureStatus(StrEnum):
    """RESERVED ends by itself at ``expires_at``; BET lasts until the bet is final."""

    RESERVED = "reserved"
    BET = "bet"


class Terms(msgspec.Struct, frozen=True):
    """What every bet of an account has in common, as decimal text.

    ``commission`` is a part of net winnings, ``rate`` the price of one unit of the account's
    currency in the risk currency.
    """

    commission: str = "0"
    rate: str = "1"


class Exposure(msgspec.Struct, frozen=True):
    """An order or a reservation at risk.

    * ``stake_minor`` is the backer's stake, also of a lay: what is filled and what still may be.
    * ``odds`` is decimal text, the worst at which the rest may be filled.
    * ``account`` is the key of the account whose money it is.
    * ``score_at_bet`` is the score from which an in-play handicap counts.
    * ``market`` is None for a ticket that could not be read: it counts as lost at every score.
    * ``fills`` are what the venue has confirmed, each a stake at its odds.
    * ``strategy`` is empty for a ticket that is not ours.
    """

    decision_id: str
    event_uid: str
    league: str
    market: Market | None
    outcome: Outcome | None
    stake_minor: int
    odds: str
    status: ExposureStatus
    made_at: datetime
    expires_at: datetime | None = None
    score_at_bet: tuple[int, int] | None = None
    account: str = ""
    side: Side = Side.BACK
    fills: tuple[tuple[int, str], ...] = ()
    strategy: str = "value"
    terms: Terms = Terms()

    def __post_init__(self) -> None:
        commission_of(self.terms.commission)
        rate_of(self.terms.rate)
        if self.market is not None and self.outcome not in self.market.outcomes:
            raise ValueError(f"{self.market.market_id} has no {self.outcome}")
        if self.side is Side.LAY:
            liability_minor(self.side, self.odds, self.stake_minor)  # raises for odds not above 1
        if self.rest_minor < 0:
            raise ValueError(f"{self.filled_minor} filled of an order of {self.stake_minor}")

    @property
    def selection_id(self) -> str:
        return (
            self.market.selection_id(self.outcome)
            if self.market is not None and self.outcome is not None
            else ""
        )

    @property
    def filled_minor(self) -> int:
        """The stakes of the fills."""
        return sum(stake for stake, _ in self.fills)

    @property
    def rest_minor(self) -> int:
        """What may still be filled, or not."""
        return self.stake_minor - self.filled_minor

    @property
    def alone_minor(self) -> int:
        """The most that it alone may lose: a back its stake, a lay its liability."""
        parts = [*self.fills, (self.rest_minor, self.odds)]
        return sum(liability_minor(self.side, odds, stake) for stake, odds in parts)

    @property
    def only_filled(self) -> "Exposure":
        """The same if nothing more of it is filled."""
        return msgspec.structs.replace(self, stake_minor=self.filled_minor)

    def commitments(self, *, in_risk_currency: bool = False) -> list[Commitment]:
        """Return its fills and its rest. A ticket that could not be read has none."""
        market, outcome = self.market, self.outcome
        if market is None or outcome is None:
            return []
        # A fill whose price nobody can read may win anything: it is no cover for another.
        parts = [(stake, odds, is_price(odds)) for stake, odds in self.fills]
        if self.rest_minor:
            parts.append((self.rest_minor, self.odds, False))
        return [
            Commitment(
                market,
                outcome,
                stake,
                odds if filled or self.side is Side.LAY else "2",  # an open back's odds never count
                side=self.side,
                filled=filled,
                start=self.score_at_bet,
                account=self.account,
                commission=self.terms.commission,
                rate=self.terms.rate if in_risk_currency else "1",
            )
            for stake, odds, filled in parts
        ]


class DayRisk(msgspec.Struct, frozen=True):
    """The betting day so far.

    ``day`` is its ISO date in the configured zone; ``streak`` counts losses in a row.
    """

    day: str
    pnl_minor: int = 0
    staked_minor: int = 0
    streak: int = 0
    bets: int = 0


def terms_of(account: Account) -> Terms:
    """Return the terms of an account's bets."""
    return Terms(_text(account.commission), _text(account.rate))


def exposure_of(order: Order, terms: Terms) -> Exposure:
    """Return what an order of the ledger puts at risk.

    What ended without the venue saying how may still turn out filled: it counts as the rest.
    """
    intent = order.intent
    rest = order.resting_minor + order.in_doubt_minor + order.awaited_minor
    if order.state in NOT_SENT:
        rest = order.stake_minor
    return Exposure(
        decision_id=intent.decision_id,
        event_uid=intent.event_uid,
        league=intent.league,
        market=intent.market,
        outcome=intent.outcome,
        stake_minor=order.standing_minor + max(rest, 0),
        odds=intent.asked_odds,
        status=ExposureStatus.BET,
        made_at=intent.created_at,
        score_at_bet=order.score_at_bet,
        account=intent.account,
        side=intent.side,
        fills=() if order.state in NEVER_PLACED else _fills_of(order),
        strategy=intent.strategy,
        terms=terms,
    )


def turnover_of(order: Order) -> int:
    """Return the stake that the order's day counts: what is filled and what the venue may fill."""
    staked = order.standing_minor + order.resting_minor + order.in_doubt_minor
    return staked or order.stake_minor


def open_stake(exposures: Iterable[Exposure]) -> int:
    """Return the sum of the stakes in minor units."""
    return sum(exposure.stake_minor for exposure in exposures)


def worst_case(exposures: Iterable[Exposure], *, in_risk_currency: bool = False) -> int:
    """Return the largest loss in minor units on ONE event, whatever its score, 0 if none.

    It is the largest over every score and every part of the rests that may be filled. So a rest
    that ends unfilled never raises it.
    """
    return _worst_case(tuple(exposures), in_risk_currency)


def worst_cases(exposures: Iterable[Exposure], *, in_risk_currency: bool = False) -> dict[str, int]:
    """Return the worst case of each event. Their sum is what all exposures may lose together."""
    events: dict[str, list[Exposure]] = {}
    for exposure in exposures:
        events.setdefault(exposure.event_uid, []).append(exposure)
    return {uid: _worst_case(tuple(held), in_risk_currency) for uid, held in events.items()}


# The guard looks at all events for each signal, and few of them have changed since the last.
@lru_cache(maxsize=4096)
def _worst_case(exposures: tuple[Exposure, ...], in_risk_currency: bool) -> int:
    lost = 0
    held: list[Commitment] = []
    for exposure in exposures:
        if exposure.market is None:
            rate = rate_of(exposure.terms.rate if in_risk_currency else "1")
            lost -= rounded_down(-exposure.alone_minor, rate)
        held += exposure.commitments(in_risk_currency=in_risk_currency)
    return lost + sum(position.loss for position in positions(held))


def _fills_of(order: Order) -> tuple[tuple[int, str], ...]:
    """Return what stands of an order: its fills, or one at their average price.

    Venues report a void, and some a match, as a total without its price.
    """
    if order.standing_minor == order.itemised_minor:
        back = order.intent.side is Side.BACK
        # A back whose price nobody could read covers nothing; see ``Exposure.commitments``.
        return tuple(
            (fill.size_minor, _text(fill.price) if fill.price_text or not back else "")
            for fill in order.fills
        )
    average = order.average_price
    if average is None or not order.standing_minor:
        return ()
    with localcontext(prec=_PRICE_DIGITS) as context:
        # Against us: a back wins less, a lay loses more.
        back = order.intent.side is Side.BACK
        context.rounding = ROUND_FLOOR if back else ROUND_CEILING
        price = Decimal(average.numerator) / average.denominator
    return ((order.standing_minor, _text(price)),)


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")
