"""Rows of a feed that look like a match and are none: corners, cards, e-sports. Pure.

The words come from what the venues were seen to send. Two rooms ask, and they differ on purpose:

* A venue drops a row only when the row surely is no match, and counts it by kind.
* The validation gate refuses every market whose names only suggest it: nothing is lost by a bet
  that is not made.

These words hold in every sport; ``sports`` has those of one sport alone, and takes off the marks
that are no noise in it.
"""

import re

# Whole words, so that Cardiff is no card.
_COUNTED = (
    r"corners?|bookings?|(?:yellow |red )?cards?|offsides?|shots?(?: on (?:target|goal))?|fouls?"
    r"|throw[ -]?ins?|goal[ -]kicks?"
)
_GAMES = r"football|soccer|basketball"

# What a venue drops: the words in the places where the venue writes them.
_COUNT_TEAM = re.compile(rf"\s-\s+(?:no\.?\s*of\s+|total\s+)?(?:{_COUNTED})\b", re.IGNORECASE)
_COUNT_LEAGUE = re.compile(rf"\bno\.\s*of\b|-\s*(?:{_COUNTED})\s*$", re.IGNORECASE)
_E_SPORT_LEAGUE = re.compile(rf"fantasy|\be[\s-]?(?:{_GAMES})\b|\be-?sports?\b", re.IGNORECASE)

# What the gate refuses: the words anywhere, and further ones.
_PARTS = (
    rf"no\. ?of|{_COUNTED}|extra time|penalty shoot-?out|to qualify|15 min(?:ute)?s?|specials|srl"
)
_E_SPORTS = rf"e-?sports?|e-?(?:{_GAMES})|cyber|virtual|simulated|fantasy|home teams?|away teams?"
_NOISY_TEAM = re.compile(
    rf"\b(?:{_PARTS})\b|\((?:sets|games|et|pen|penalties|e-?sports?)\)", re.IGNORECASE
)
_NOISY_LEAGUE = re.compile(rf"\b(?:{_PARTS}|{_E_SPORTS})\b", re.IGNORECASE)


def counts_events(league: str, home: str, away: str) -> bool:
    """Return whether a row surely counts corners, cards and the like instead of goals."""
    teams = any(_COUNT_TEAM.search(team) for team in (home, away))
    return teams or _COUNT_LEAGUE.search(league) is not None


def is_e_sport(league: str) -> bool:
    """Return whether a league is surely played on a computer."""
    return _E_SPORT_LEAGUE.search(league) is not None


def is_noise(league: str, home: str, away: str) -> bool:
    """Return whether any name suggests that a row is not the match itself."""
    return bool(
        _NOISY_LEAGUE.search(league) or _NOISY_TEAM.search(home) or _NOISY_TEAM.search(away)
    )
