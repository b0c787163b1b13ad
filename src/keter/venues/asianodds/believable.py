"""How large what a venue says may be.

What lies beyond is not believed, and never reaches a database.

The bounds are far above anything a bettor has and far below what a column, a sum over many rows or
Redis can hold.
"""

from datetime import timedelta

INT64 = 2**63 - 1

# A stake is at least 0 and below 1e9 units. One that cannot be read may be as large as this.
MOST_STAKE_MINOR = 10**11 - 1
# Profit, credit and turnover lie within 1e12 units, either side of 0.
MOST_MINOR = 10**14

LONGEST_NAME = 120  # of a team, a league, a book
# Of a reference or a ticket's number: they name rows of the ledger and keys of Redis.
LONGEST_KEY = 64
LONGEST_TEXT = 500  # of everything else
MOST_SCORE = 400
MOST_ODDS = 100_000
MOST_CARDS = 99
MOST_ROWS = 5_000  # of a bet list; the venue shows 150

# A bet is not made in the future (clocks may be a day apart), nor on a match further away than
# this.
LATEST_BET = timedelta(days=1)
KICKOFF_WINDOW = timedelta(days=1_000)
