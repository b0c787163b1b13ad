"""Verdicts of the gates: accept or reject, with a reason.

Reason codes are stable: pages, alerts and stored decisions name them.
"""

from enum import StrEnum

import msgspec

Number = int | float | str | bool | None


class Reason(StrEnum):
    """Why a gate accepted or rejected.

    ``description`` is the sentence shown to people and in the documentation.
    """

    description: str

    def __new__(cls, code: str, description: str) -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.description = description
        return member

    OK = "ok", "Passed."
    # validation
    QUOTE_STALE = "quote_stale", "Too few prices were confirmed recently enough."
    SPORT_NOT_MODELLED = (
        "sport_not_modelled",
        "The rules of the event's sport are not modelled, or its market is of another sport.",
    )
    MARKET_CLOSED = "market_closed", "The venue marks the market as suspended or closing."
    EVENT_STARTED = (
        "event_started",
        "The event has kicked off and in-play betting is off for this market.",
    )
    EVENT_TOO_FAR = "event_too_far", "Kick-off is further away than the configured horizon."
    LEAGUE_BLACKLISTED = "league_blacklisted", "The league matches LEAGUE_BLACKLIST."
    MARKET_TYPE_BLACKLISTED = (
        "market_type_blacklisted",
        "The market kind or period is in MARKET_TYPE_BLACKLIST.",
    )
    NOISE_EVENT = (
        "noise_event",
        "Corners, cards, e-sports or another row that is not the match itself.",
    )
    NO_COMPLETE_BOOK = "no_complete_book", "No book prices every side of the market plausibly."
    # edge
    TOO_FEW_SHARPS = (
        "too_few_sharps",
        "Fewer sharp books than MIN_SHARP_SOURCES price the market, the book being bet left out.",
    )
    SPREAD_TOO_WIDE = (
        "spread_too_wide",
        "The sharp books disagree by more than MAX_CONSENSUS_SPREAD_PCT.",
    )
    NO_SOLUTION = "no_solution", "The margin could not be removed from the sharp prices."
    EV_TOO_LOW = "ev_too_low", "The best expected value is below MIN_EV_PCT."
    EV_TOO_HIGH = (
        "ev_too_high",
        "Too good to be true: expected value above EV_MAX_PCT is nearly always a wrong price.",
    )
    ANCHOR_UNSETTLED = (
        "anchor_unsettled",
        (
            "The price is SHARP_ANCHOR's own and so new that the other sharp books may not have"
            " followed it yet."
        ),
    )
    AWAITING_CONFIRMATION = (
        "awaiting_confirmation",
        "Value seen; CONFIRMATION_WINDOW_SEC has not passed yet.",
    )
    NO_OFFER = "no_offer", "No bettable book prices the selection."
    # risk
    TRADING_NOT_ACTIVE = "trading_not_active", "Trading is paused, halted or switched off."
    RAISES_EXPOSURE = (
        "raises_exposure",
        "Trading is reducing, and the bet would raise the worst case of its event.",
    )
    NOT_ARMED = "not_armed", "LIVE without a valid arming, licence or explicit limits."
    DAILY_LOSS_LIMIT = "daily_loss_limit", "The day's settled loss has reached its limit."
    LOSING_STREAK = "losing_streak", "Too many losses in a row; betting is paused."
    SELECTION_OPEN = "selection_open", "A bet on this selection is open, or its reservation stands."
    EVENT_BET_COUNT = "event_bet_count", "The event has as many bets as MAX_BETS_PER_EVENT."
    EXPOSURE_BET = "exposure_bet", "The stake is above the cap per bet."
    EXPOSURE_EVENT = "exposure_event", "The event's worst case would pass its cap."
    EXPOSURE_LEAGUE = (
        "exposure_league",
        "The worst cases of the league's events would pass its cap.",
    )
    EXPOSURE_DAY = "exposure_day", "The day's turnover at risk would pass its cap."
    EXPOSURE_TOTAL = "exposure_total", "The worst cases of all events would pass their cap."
    COMMON_EXPOSURE_EVENT = (
        "common_exposure_event",
        "The event's worst case on all accounts together would pass the common cap.",
    )
    COMMON_EXPOSURE_LEAGUE = (
        "common_exposure_league",
        "The worst cases of the league's events on all accounts would pass the common cap.",
    )
    COMMON_EXPOSURE_TOTAL = (
        "common_exposure_total",
        "The worst cases of all events on all accounts would pass the common cap.",
    )
    BALANCE_TOO_LOW = "balance_too_low", "The account cannot cover the stake."
    THROTTLED = "throttled", "Too many bets in the throttle window."
    COOLDOWN_EVENT = "cooldown_event", "The event is cooling down after the last attempt."
    COOLDOWN_SELECTION = (
        "cooldown_selection",
        "The selection is cooling down after the last attempt.",
    )
    STAKE_BELOW_MINIMUM = (
        "stake_below_minimum",
        "The computed stake is below the minimum; stakes are never rounded up.",
    )
    RECONCILING = "reconciling", "Start-up reconciliation with the venue is not finished."
    # router
    HALT_FILE = "halt_file", "A HALT file is present."
    LOCK_LOST = "lock_lost", "Another worker holds the selection, or our lock could not be kept."
    SIGNAL_STALE = "signal_stale", "The approval is older than it may be."
    DUPLICATE_DECISION = "duplicate_decision", "This decision already has an intent."
    PRICE_MOVED = "price_moved", "The price at placement is worse than the slippage allowed."
    EDGE_GONE = "edge_gone", "At the price offered now the expected value is below MIN_EV_PCT."
    BOOK_LIMITS = "book_limits", "The stake is outside every book's limits."
    NO_QUOTE = "no_quote", "The venue gave no placement price."
    VENUE_UNAVAILABLE = "venue_unavailable", "The venue could not be asked before sending."
    VENUE_REFUSED = "venue_refused", "The venue or its book refused the bet."
    OTHER_RUN = (
        "other_run",
        (
            "The approval, the risk book or the Redis is of another run, mode or settings than the"
            " router."
        ),
    )
    FENCED = "fenced", "A newer owner has taken over this account or selection."
    # cancels
    ORDER_NOT_OURS = "order_not_ours", "The ledger has no such order of this account and mode."
    ORDER_ENDED = "order_ended", "Nothing of the order rests: never sent, filled, or ended before."
    NOT_CANCELLABLE = (
        "not_cancellable",
        "Nothing rests at this venue: a bet at a bookmaker cannot be cancelled.",
    )
    CANCEL_REFUSED = "cancel_refused", "The venue did not cancel the order, which still rests."
    CANCEL_UNKNOWN = (
        "cancel_unknown",
        (
            "Whether the order is cancelled is not known. It counts as resting, and the cancel is"
            " repeated until the venue confirms it."
        ),
    )


# Rejections that may end by waiting alone: the verdict's ``wait_s`` is the time still missing.
AWAITED = frozenset({Reason.AWAITING_CONFIRMATION, Reason.ANCHOR_UNSETTLED})
# Rejections by a cooldown or the throttle: the same value may be bet when that ends.
COOLING_DOWN = frozenset({Reason.COOLDOWN_EVENT, Reason.COOLDOWN_SELECTION, Reason.THROTTLED})


class Verdict(msgspec.Struct, frozen=True):
    """What a gate decided, why, and the numbers that it was based on (JSON values only)."""

    accepted: bool
    reason: Reason
    numbers: dict[str, Number] = {}


def accept(**numbers: Number) -> Verdict:
    """Return an accepting verdict with the numbers that it was based on."""
    return Verdict(True, Reason.OK, numbers)


def reject(reason: Reason, **numbers: Number) -> Verdict:
    """Return a rejecting verdict with its reason and the numbers that it was based on."""
    return Verdict(False, reason, numbers)
