"""What AsianOdds can do."""

from keter.domain.markets import MarketKind, Phase
from keter.venues.asianodds.normalise import VENUE
from keter.venues.base import Capability

FEED_INTERVAL_S = {Phase.LIVE: 5.0, Phase.TODAY: 10.0, Phase.EARLY: 20.0}

CAPABILITY = Capability(
    venue=VENUE,
    market_kinds=frozenset(MarketKind),
    odds_formats=("00",),  # the meaning of a stake at negative Malay odds is not public
    can_cancel=False,
    can_replace=False,
    reference_max_length=40,
    reference_unique_s=0.0,  # a repeated reference makes a second ticket
    asynchronous_acceptance=True,
    minimum_stake_minor=0,  # told per book by each quote
    feed_interval_s=FEED_INTERVAL_S,
    placement_timeout_s=60.0,
    handicap_from_score_at_bet=True,
)
