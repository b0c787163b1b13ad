"""AsianOdds88: prices and bets over its REST service (one feed, many books).

``open_venue`` in ``keter.venues.asianodds.factory`` opens an account. Gates and processes see
``PriceSource``, ``Bookmaker`` and ``Capability`` only.
"""
