"""An order as a value: what was decided, what the venue reported, and the sums that follow.

A bet at a bookmaker is an order that cannot rest; its tickets are its fills. At every moment
``stake = filled + resting + cancelled + lapsed + awaited + in doubt``, or the order was never
placed.
"""

import math
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.order_events import Fill
from keter.domain.order_states import (
    FINAL,
    IN_DOUBT,
    NEVER_PLACED,
    NOT_SENT,
    RESTING,
    SETTLED,
    OrderState,
    Side,
)
from keter.domain.trading import ExecutionMode

_PLACES = Decimal("0.0001")  # of an average price


class Intent(msgspec.Struct, frozen=True):
    """The durable decision to place one order, written before the venue is called.

    * ``reference`` is ours at the venue; it is derived from ``intent_id``.
    * ``stake_minor`` is the backer's stake, for a lay too; ``asked_odds`` is decimal text.
    * ``fence`` is the fencing number of the lock under which the intent was written.
    * ``signal`` is the approved signal as JSON.
    """

    intent_id: str
    decision_id: str
    trace_id: str
    account: str
    mode: ExecutionMode
    venue: str
    venue_key: str
    event_uid: str
    league: str
    home: str
    away: str
    kickoff: datetime
    market: Market
    outcome: Outcome
    stake_minor: int
    asked_odds: str
    fair_odds: float
    ev_pct: float
    book: str
    reference: str
    fence: int
    created_at: datetime
    signal: bytes = b""
    side: Side = Side.BACK
    strategy: str = "value"

    @property
    def asked_price(self) -> Decimal:
        return Decimal(self.asked_odds)

    @property
    def selection_id(self) -> str:
        return self.market.selection_id(self.outcome)

    @property
    def names(self) -> dict[str, str]:
        """Return the ids that log lines about this intent carry."""
        return {
            "intent_id": self.intent_id,
            "trace_id": self.trace_id,
            "event_uid": self.event_uid,
            "selection_id": self.selection_id,
        }


class CancelRequest(StrEnum):
    """What is known of our wish to cancel."""

    NONE = "none"
    ASKED = "asked"
    UNKNOWN = "unknown"


class Order(msgspec.Struct, frozen=True):
    """An intent and what came of it; ``order_life.apply`` makes the next one.

    ``matched_minor``, ``voided_minor``, ``cancelled_minor`` and ``lapsed_minor`` are the greatest
    totals that the venue reported. ``ended_as`` is set once the venue said that nothing rests.
    """

    intent: Intent
    state: OrderState
    updated_at: datetime
    fills: tuple[Fill, ...] = ()
    pnl_minor: int | None = None
    reason: str | None = None
    score_at_bet: tuple[int, int] | None = None
    settled_at: datetime | None = None
    closing_fair_odds: float | None = None
    venue_order_id: str = ""
    matched_minor: int = 0
    matched_average: Decimal | None = None
    voided_minor: int = 0
    cancelled_minor: int = 0
    lapsed_minor: int = 0
    ended_as: OrderState | None = None
    cancel: CancelRequest = CancelRequest.NONE

    @property
    def is_final(self) -> bool:
        """Whether nothing of it is or will be at risk, as far as the venue has said."""
        if self.state in {OrderState.CANCELLED, OrderState.LAPSED}:
            return not self.standing_minor and not self.awaited_minor
        return self.state in FINAL

    @property
    def odds(self) -> str | None:
        """The venue's text of the only fill, or the average of all; None while nothing is filled.

        The average is by stake, to four places.
        """
        if len(self.fills) == 1 and self.itemised_minor >= self.matched_minor:
            return self.fills[0].price_text or None
        average = self.average_price
        if average is None:
            return None
        exact = Decimal(average.numerator) / average.denominator
        return str(exact.quantize(_PLACES, ROUND_HALF_UP))

    @property
    def book(self) -> str | None:
        """The bookmakers of the fills, joined by commas; None if no fill names one."""
        return ",".join(dict.fromkeys(fill.book for fill in self.fills if fill.book)) or None

    @property
    def ticket_id(self) -> str | None:
        """The ids of the fills, joined by commas; None while nothing is filled."""
        return ",".join(fill.fill_id for fill in self.fills) or None

    @property
    def stake_minor(self) -> int:
        return self.intent.stake_minor

    @property
    def itemised_minor(self) -> int:
        """What the fills with ids add up to."""
        return sum(fill.size_minor for fill in self.fills)

    @property
    def filled_minor(self) -> int:
        """What was ever filled: the fills with ids, or the venue's totals where they are more."""
        return max(self.itemised_minor, self.matched_minor, self.voided_minor)

    @property
    def standing_minor(self) -> int:
        """What was filled and not voided."""
        return self.filled_minor - self.voided_minor

    @property
    def accounted_minor(self) -> int:
        """What certainly does not rest: filled, cancelled or lapsed."""
        return self.filled_minor + self.cancelled_minor + self.lapsed_minor

    @property
    def _remainder_minor(self) -> int:
        # A bookmaker may book more than was asked for.
        return max(self.stake_minor - self.accounted_minor, 0)

    @property
    def resting_minor(self) -> int:
        """What the venue can still fill, also while a cancel is unconfirmed or unknown."""
        return self._remainder_minor if self.state in RESTING else 0

    @property
    def in_doubt_minor(self) -> int:
        """What a call without an answer may have placed."""
        return self._remainder_minor if self.state in IN_DOUBT else 0

    @property
    def awaited_minor(self) -> int:
        """What ended without the venue saying how: late fills may still claim it."""
        away = RESTING | IN_DOUBT | NOT_SENT | NEVER_PLACED
        return 0 if self.state in away else self._remainder_minor

    @property
    def average_price(self) -> Fraction | None:
        """The exact average of what was filled; None while nothing was."""
        filled = self.filled_minor
        return None if not filled else 1 + self._won_by_backer / filled

    @property
    def _won_by_backer(self) -> Fraction:
        """What the backer of all fills wins, stake not counted, in exact minor units."""
        if self.matched_minor > self.itemised_minor and self.matched_average is not None:
            priced = self.matched_minor
            won = priced * (Fraction(self.matched_average) - 1)
        else:
            priced = self.itemised_minor
            each = (fill.size_minor * (Fraction(fill.price) - 1) for fill in self.fills)
            won = sum(each, Fraction(0))
        # A limit order is filled at its price or better, so the asked price is the worst case.
        return won + (self.filled_minor - priced) * (Fraction(self.intent.asked_price) - 1)

    @property
    def profit_if_right(self) -> Fraction:
        """The exact gain of what stands, in minor units before commission, if the side is right."""
        if self.intent.side is Side.LAY:
            return Fraction(self.standing_minor)
        return self._standing_winnings

    @property
    def risk_minor(self) -> int:
        """The most that can be lost, rounded up: what stands and all that may still be filled.

        It is 0 before sending, where the guard's reservation counts, and once settled.
        """
        if self.state in NOT_SENT | NEVER_PLACED | SETTLED:
            return 0
        maybe = self.resting_minor + self.in_doubt_minor + self.awaited_minor
        if self.intent.side is Side.BACK:
            return self.standing_minor + maybe
        open_liability = maybe * (Fraction(self.intent.asked_price) - 1)
        return math.ceil(self._standing_winnings + open_liability)

    @property
    def _standing_winnings(self) -> Fraction:
        # Venues report voids as a total without prices, so what stands counts at the average.
        filled = self.filled_minor
        share = Fraction(self.standing_minor, filled) if filled else Fraction(0)
        return self._won_by_backer * share


class Transition(msgspec.Struct, frozen=True):
    """One change of an order's state: when, why, by whom, and on what evidence (JSON values)."""

    intent_id: str
    source: OrderState | None
    target: OrderState
    at: datetime
    cause: str
    worker: str
    evidence: dict[str, object] = {}
