"""What the gates pass on after ``MarketUpdate``: first one market, then one selection.

The ``trace_id`` is the same from the price to the bet.
"""

from datetime import datetime

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.domain.runs import RunMark
from keter.domain.verdicts import Reason, Verdict, accept, reject

FUTURE_TOLERANCE_S = 5.0  # clocks of one installation agree better than this


class ValidatedMarket(msgspec.Struct, frozen=True):
    """A market that may be priced.

    ``update`` is unchanged; ``books`` are those of its books that passed; ``dropped`` names the
    others, with the reason of each.
    """

    update: MarketUpdate
    books: tuple[BookPrices, ...]
    dropped: dict[str, str]
    validated_at: datetime
    v: int = 1

    @property
    def queue_key(self) -> str:
        return self.update.queue_key


class Offer(msgspec.Struct, frozen=True):
    """A price that may be taken. ``ev_pct`` is the expected profit per 100 staked."""

    book: str
    odds: float
    text: str
    age_s: float
    ev_pct: float


class FairPrice(msgspec.Struct, frozen=True):
    """The price of a selection by the sharp books, and everything needed to compute it again.

    * ``effective_p`` is W/(W+X) = 1 / fair odds; ``win_mass`` W and ``loss_mass`` X include half
      results.
    * ``evidence`` holds the method, its parameters, and per book prices, weight, age and fair
      probabilities.
    """

    effective_p: float
    win_mass: float
    loss_mass: float
    fair_odds: float
    spread_pct: float
    method: str
    sharps: tuple[str, ...]
    evidence: dict[str, object]


class ConfirmedSignal(msgspec.Struct, frozen=True):
    """A selection with value.

    * ``offers`` are the prices worth taking, best first.
    * ``update`` is the market it came from.
    * ``validated_at`` is when the market last passed validation.
    * ``dropped`` are the books that validation left out, with the reason of each.

    ``validated_at`` is None and ``dropped`` empty in signals of older versions.
    """

    update: MarketUpdate
    outcome: Outcome
    offers: tuple[Offer, ...]
    fair: FairPrice
    confirmed_at: datetime
    validated_at: datetime | None = None
    dropped: dict[str, str] = {}
    v: int = 1

    @property
    def trace_id(self) -> str:
        return self.update.trace_id

    @property
    def event_uid(self) -> str:
        return self.update.event.event_uid

    @property
    def account(self) -> str:
        """The key of the account whose feed has the price, and that the bet is for."""
        return self.update.account

    @property
    def selection_id(self) -> str:
        return self.update.market.selection_id(self.outcome)

    @property
    def queue_key(self) -> str:
        """The key on which the confirmed and approved queues conflate."""
        return f"{self.event_uid}|{self.selection_id}|{self.account}"


class ApprovedSignal(msgspec.Struct, frozen=True):
    """A confirmed signal with a stake and a reservation.

    * ``decision_id`` is the reservation's id: the same however often the signal is delivered.
    * ``reducing``: trading was REDUCING, and the bet does not raise its event's worst case.
    * ``run`` is the run, mode and settings for which alone it is valid; None in approvals of older
      versions.
    """

    signal: ConfirmedSignal
    decision_id: str
    stake_minor: int
    approved_at: datetime
    reducing: bool = False
    run: RunMark | None = None
    v: int = 1

    @property
    def queue_key(self) -> str:
        return self.signal.queue_key


class Decision(msgspec.Struct, frozen=True):
    """One gate's verdict on one selection or market, as the recorder stores it.

    ``account`` is the key of the account that it was for; empty in rows of older versions.
    """

    trace_id: str
    stage: str
    worker: str
    event_uid: str
    selection_id: str
    verdict: Verdict
    at: datetime
    details: dict[str, object] = {}
    decision_id: str | None = None
    account: str = ""
    v: int = 1


def approved_signal(stored: bytes) -> ApprovedSignal | None:
    """Return the approval that an intent keeps in ``Intent.signal``.

    Return None for an intent without one. Raise ``msgspec.MsgspecError`` for the bytes of a
    version that this one cannot read.
    """
    if not stored:
        return None
    try:
        return msgspec.json.decode(stored, type=ApprovedSignal)
    except msgspec.ValidationError:
        return msgspec.json.decode(_in_todays_words(stored), type=ApprovedSignal)


def _in_todays_words(stored: bytes) -> bytes:
    """Return a stored approval with what older versions called the side of a signal renamed."""
    approved = msgspec.json.decode(stored)
    if isinstance(approved, dict) and isinstance(signal := approved.get("signal"), dict):
        signal.setdefault("outcome", signal.pop("side", None))
    return msgspec.json.encode(approved)


def check_age(signal: ConfirmedSignal, now: datetime, max_age_s: float) -> Verdict:
    """Return whether the consensus behind a signal is young enough.

    It ages from its confirmation, not from the approval.
    """
    age_s = (now - signal.confirmed_at).total_seconds()
    # A confirmation in the future has no known age: the clock was set back since.
    if not -FUTURE_TOLERANCE_S <= age_s <= max_age_s:
        return reject(Reason.SIGNAL_STALE, age_s=round(age_s, 3), limit_s=max_age_s)
    return accept(age_s=round(age_s, 3))


def details_of(update: MarketUpdate, signal: ConfirmedSignal | None) -> dict[str, object]:
    """Return what a decision is about, as JSON values.

    With a signal they include its offers and its fair price with the evidence.
    """
    event = update.event
    details: dict[str, object] = {
        "league": event.league,
        "home": event.home,
        "away": event.away,
        "kickoff": event.kickoff.isoformat(),
        "phase": update.phase.value,
        "received_at": update.received_at.isoformat(),
    }
    if signal is not None:
        details |= {
            "offers": msgspec.to_builtins(signal.offers),
            "fair": msgspec.to_builtins(signal.fair),
        }
    return details
