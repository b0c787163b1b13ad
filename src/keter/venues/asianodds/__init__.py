"""AsianOdds88: prices and bets over its REST service (one feed, many books).

``open_venue`` in ``keter.venues.asianodds.factory`` is the way in; gates and workers see
``PriceSource``, ``BetVenue`` and ``CAPABILITY`` only.
"""
