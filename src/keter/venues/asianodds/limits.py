"""The limits of AsianOdds: what it can do, and how large what it says may be. Pure.

A value beyond a bound is not believed and never reaches a database. The bounds lie far above
anything a bettor has. They lie far below what a column, a sum over many rows or Redis can hold.
"""

from datetime import timedelta

from keter.domain.markets import Phase
from keter.domain.references import LOWER, ReferenceForm
from keter.venues.base import Capability

VENUE = "asianodds"
# The shortest time in seconds between two questions for a market type, by the venue's rules.
FEED_INTERVAL_S = {Phase.LIVE: 5.0, Phase.TODAY: 10.0, Phase.EARLY: 20.0}

CAPABILITY = Capability(
    venue=VENUE,
    # PlaceBetId: at most 40 characters; no alphabet is stated, samples are ``demo-0001``. The venue
    # does not refuse a repeated one: it makes a second ticket.
    reference_form=ReferenceForm(LOWER, 40),
    can_lay=False,
    can_cancel=False,
    cancels_by_reference=False,
    handicap_from_score_at_bet=True,
)

INT64 = 2**63 - 1

# A stake is at least 0 and below 1e9 units. One that cannot be read may be as large as this.
MOST_STAKE_MINOR = 10**11 - 1
# Profit, credit and turnover lie within 1e12 units, either side of 0.
MOST_MINOR = 10**14

# Of a team, a league, a book.
LONGEST_NAME = 120
# Of a reference or a ticket's number: they name rows of the ledger and keys of Redis.
LONGEST_KEY = 64
# Of every other text.
LONGEST_TEXT = 500
MOST_SCORE = 400
MOST_ODDS = 100_000
MOST_CARDS = 99
# Of a bet list; the venue shows 150.
MOST_ROWS = 5_000

# A bet is not made in the future. The venue's clock may be a day ahead of ours.
LATEST_BET = timedelta(days=1)
# A bet is not made on a match further away than this.
KICKOFF_WINDOW = timedelta(days=1_000)
