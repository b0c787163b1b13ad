"""Made-up leagues and clubs, and a calendar that does not repeat a pairing for days. Pure."""

import random
from dataclasses import dataclass

_PLACES = (
    "Alderbrook", "Brackwater", "Calderon", "Dunmere", "Eastvale", "Fenwick", "Garrow",
    "Hollin", "Inverley", "Jarrow Bay", "Kestrel", "Langmoor", "Marlow", "Northcote",
    "Oakhurst", "Penrose", "Quarry", "Ravensby", "Stanmoor", "Thornby", "Ulverstone", "Vale",
    "Westmarch", "Yarrow", "Ashcombe", "Birkdale", "Carrick", "Dalton", "Ellerby", "Farley",
    "Greystone", "Harwell", "Ingleby", "Kirkton", "Lowick", "Millbrook", "Newbold", "Orchard",
    "Pickford", "Redmire", "Selwick", "Tarrant", "Upton", "Verwood", "Wexcombe", "Arden",
    "Beacon", "Clyne",
)  # fmt: skip
_KINDS = ("FC", "United", "Rovers", "Athletic")
# The star marks a main league, as AsianOdds writes it.
_LEAGUES = (
    "*SANDBOX PREMIER LEAGUE",
    "*SANDBOX PRIMERA",
    "*SANDBOX SERIE A",
    "SANDBOX CHAMPIONSHIP",
    "SANDBOX LIGA B",
    "SANDBOX NORTHERN CUP",
    "SANDBOX SOUTHERN DIVISION",
    "SANDBOX COAST LEAGUE",
)
NOISE_LEAGUE = "EFOOTBALL - SANDBOX CYBER CUP"
_CLUBS = 24


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who meets, and in which league."""

    league: str
    home: str
    away: str


class Calendar:
    """Every pairing of every league, by its number.

    Each comes once, in an order drawn from the seed. Then all come again with numbered teams.
    """

    def __init__(self, seed: int) -> None:
        self._order = [
            (league, home, away)
            for league in range(len(_LEAGUES))
            for home in range(_CLUBS)
            for away in range(_CLUBS)
            if home != away
        ]
        random.Random(f"{seed}:calendar").shuffle(self._order)  # noqa: S311 - play money, and it must be repeatable

    def __getitem__(self, number: int) -> Pairing:
        cycle, index = divmod(number, len(self._order))
        league, home, away = self._order[index]
        suffix = f" {cycle + 1}" if cycle else ""
        return Pairing(_LEAGUES[league], _club(league, home) + suffix, _club(league, away) + suffix)


def _club(league: int, club: int) -> str:
    kind = _KINDS[league // 2]
    return f"{_PLACES[club + _CLUBS * (league % 2)]} {kind}"
