"""Where prices come from and bets go: one package per venue, in the shape of ``venues.base``."""
