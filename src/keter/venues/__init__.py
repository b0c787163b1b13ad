"""Where prices come from and bets go: one package per venue, all of the shape that ``venues.base``
describes.
"""
