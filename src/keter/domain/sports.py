"""The sports that are modelled, and what is peculiar to each.

A sport has periods, market kinds, an outcome space, a score type, a handicap rule in play, noise
words and a line model. Gates, pricing, settlement and simulators ask it; nothing assumes football.
The rules of the books and their sources stand in ``docs/sports.md``.
"""

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

from keter.domain import noise
from keter.domain.market_kinds import LINED, MarketKind
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    FootballScore,
    HockeyScore,
    MatchScore,
    TennisScore,
)
from keter.errors import KeterError

# The periods of football; those of other sports that last as long are written alike.
FULL_TIME, HALF_TIME = "ft", "ht"
_NOWHERE = r"(?!)"  # matches no text


class UnmodelledSportError(KeterError, ValueError):
    """A sport whose rules are not modelled: no bet on it may be judged or settled."""


class HandicapRule(StrEnum):
    """From which score a handicap taken in play counts."""

    SCORE_AT_BET = "score_at_bet"
    WHOLE_MATCH = "whole_match"


class Unit(StrEnum):
    """What a market counts; WINNER counts nothing and asks who wins."""

    WINNER = "winner"
    GOALS = "goals"
    SETS = "sets"
    GAMES = "games"
    RUNS = "runs"
    POINTS = "points"


class OutcomeSpace(StrEnum):
    """Which markets of a period share the cells over which the profit and loss of bets is taken.

    * MARGIN_AND_TOTAL: one score decides them all, and they stand or are void together.
    * WINNER_MARGIN_AND_TOTAL: the winner and each unit are counted apart, or are void apart. Who
      wins fewer games may win the match; a game called early has a winner and no total.
    """

    MARGIN_AND_TOTAL = "margin_and_total"
    WINNER_MARGIN_AND_TOTAL = "winner_margin_and_total"


class LineModel(StrEnum):
    """How a price is carried from one line to another.

    EXACT_LINE_ONLY moves none: a price counts at its own line, pushes are of unknown chance.
    """

    POISSON_GOALS = "poisson_goals"
    EXACT_LINE_ONLY = "exact_line_only"


class SportKind(msgspec.Struct, frozen=True):
    """A market kind: its text in ids, how it is settled (``family``), and what it counts."""

    text: str
    family: MarketKind
    unit: Unit


class SportPeriod(msgspec.Struct, frozen=True):
    """A part of a match that markets are about; ``level`` says whether it can end level."""

    code: str
    name: str
    kinds: tuple[SportKind, ...]
    level: bool


class Sport(msgspec.Struct, frozen=True):
    """One sport; ``code`` is the two letters of ``Event.sport`` and of event ids.

    * ``names`` are what sources call it, in lower case.
    * ``periods`` begin with the one that lasts until the match is over.
    * ``row_marks`` are what a feed adds to a team to say what the row counts: no noise.
    * ``noise_words`` mark a row that is no match, besides those of every sport.
    """

    code: str
    names: tuple[str, ...]
    periods: tuple[SportPeriod, ...]
    score_type: type[MatchScore]
    outcome_space: OutcomeSpace
    handicap_in_play: HandicapRule
    line_model: LineModel
    noise_words: str = _NOWHERE
    row_marks: str = _NOWHERE

    @property
    def name(self) -> str:
        return self.names[0]

    def period(self, code: str) -> SportPeriod:
        """Return the period of that code. Raises ValueError if the sport has none."""
        for period in self.periods:
            if period.code == code:
                return period
        known = ", ".join(period.code for period in self.periods)
        raise ValueError(f"{self.name} has no period {code!r}; it has {known}")

    def kind(self, period: str, text: str) -> SportKind:
        """Return the kind of that text in that period. Raises ValueError if there is none."""
        kinds = self.period(period).kinds
        for kind in kinds:
            if kind.text == text:
                return kind
        known = ", ".join(kind.text for kind in kinds)
        raise ValueError(f"{self.name} has no {text!r} in period {period}; it has {known}")

    def is_noise(self, league: str, home: str, away: str) -> bool:
        """Return whether any name suggests that a row is not the match itself."""
        return _is_noise(self.code, league, home, away)


@lru_cache(maxsize=16_384)
def _is_noise(code: str, league: str, home: str, away: str) -> bool:
    sport = by_code(code)
    home, away = (_pattern(sport.row_marks).sub("", team) for team in (home, away))
    return noise.is_noise(league, home, away) or any(
        _pattern(sport.noise_words).search(name) for name in (league, home, away)
    )


@lru_cache(maxsize=32)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _kinds(unit: Unit, *families: MarketKind) -> tuple[SportKind, ...]:
    return tuple(
        SportKind(family.value, family, unit if family in LINED else Unit.WINNER)
        for family in families
    )


_TWO_WAY = (MarketKind.MONEY_LINE, MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER)
_THREE_WAY = (MarketKind.ONE_X_TWO, *_TWO_WAY)

_GAMES = (
    SportKind("ml", MarketKind.MONEY_LINE, Unit.WINNER),
    SportKind("games-ah", MarketKind.ASIAN_HANDICAP, Unit.GAMES),
    SportKind("games-ou", MarketKind.OVER_UNDER, Unit.GAMES),
)
_SETS = (
    SportKind("sets-ah", MarketKind.ASIAN_HANDICAP, Unit.SETS),
    SportKind("sets-ou", MarketKind.OVER_UNDER, Unit.SETS),
)


def _overtime_periods(unit: Unit) -> tuple[SportPeriod, ...]:
    """Return a game with and without overtime; books mean either by "full time"."""
    return (
        SportPeriod("ot", "with overtime", _kinds(unit, *_TWO_WAY), level=False),
        SportPeriod("reg", "regulation time", _kinds(unit, *_THREE_WAY), level=True),
    )


FOOTBALL = Sport(
    code="fb",
    names=("football", "soccer"),
    periods=(
        SportPeriod(FULL_TIME, "full time", _kinds(Unit.GOALS, *_THREE_WAY), level=True),
        SportPeriod(HALF_TIME, "half time", _kinds(Unit.GOALS, *_THREE_WAY), level=True),
    ),
    score_type=FootballScore,
    outcome_space=OutcomeSpace.MARGIN_AND_TOTAL,
    handicap_in_play=HandicapRule.SCORE_AT_BET,
    line_model=LineModel.POISSON_GOALS,
)
TENNIS = Sport(
    code="te",
    names=("tennis",),
    periods=(
        SportPeriod(FULL_TIME, "match", (*_GAMES, *_SETS), level=False),
        SportPeriod("s1", "first set", _GAMES, level=False),
    ),
    score_type=TennisScore,
    outcome_space=OutcomeSpace.WINNER_MARGIN_AND_TOTAL,
    handicap_in_play=HandicapRule.WHOLE_MATCH,
    line_model=LineModel.EXACT_LINE_ONLY,
    noise_words=r"\b(?:aces|double faults|tie-?breaks?|(?:1st|2nd|3rd|4th|5th) set|set [1-5])\b",
    row_marks=r"\((?:sets|games)\)",
)
BASEBALL = Sport(
    code="bs",
    names=("baseball",),
    periods=(
        SportPeriod(FULL_TIME, "with extra innings", _kinds(Unit.RUNS, *_TWO_WAY), level=False),
        SportPeriod("f5", "first five innings", _kinds(Unit.RUNS, *_TWO_WAY), level=True),
    ),
    score_type=BaseballScore,
    outcome_space=OutcomeSpace.WINNER_MARGIN_AND_TOTAL,
    handicap_in_play=HandicapRule.WHOLE_MATCH,
    line_model=LineModel.EXACT_LINE_ONLY,
    noise_words=(
        r"\b(?:total hits|home runs?|strike-?outs?|errors|grand salami|(?:first|1st) inning"
        r"|[2-9](?:nd|rd|th) inning)\b"
    ),
)
BASKETBALL = Sport(
    code="bb",
    names=("basketball",),
    periods=_overtime_periods(Unit.POINTS),
    score_type=BasketballScore,
    outcome_space=OutcomeSpace.MARGIN_AND_TOTAL,
    handicap_in_play=HandicapRule.WHOLE_MATCH,
    line_model=LineModel.EXACT_LINE_ONLY,
    # 3x3 is another game, to 21 points on half a court.
    noise_words=(
        r"\b(?:rebounds?|assists?|(?:three|3)[ -]pointers?|3x3|grand salami"
        r"|(?:1st|2nd|3rd|4th) quarter)\b"
    ),
)
ICE_HOCKEY = Sport(
    code="ih",
    names=("ice hockey", "icehockey", "hockey"),
    periods=_overtime_periods(Unit.GOALS),
    score_type=HockeyScore,
    outcome_space=OutcomeSpace.MARGIN_AND_TOTAL,
    handicap_in_play=HandicapRule.WHOLE_MATCH,
    line_model=LineModel.EXACT_LINE_ONLY,
    noise_words=(
        r"\b(?:penalty minutes|power[ -]?plays?|face[ -]?offs?|grand salami"
        r"|(?:1st|2nd|3rd) period)\b"
    ),
)
SPORTS: dict[str, Sport] = {
    sport.code: sport for sport in (FOOTBALL, TENNIS, BASEBALL, BASKETBALL, ICE_HOCKEY)
}
_BY_NAME = {name: sport for sport in SPORTS.values() for name in (sport.code, *sport.names)}


def find_sport(name: str) -> Sport | None:
    """Return the sport of a code or a name, None if it is not modelled."""
    return _BY_NAME.get(" ".join(name.lower().replace("_", " ").split()))


def sport_of(name: str) -> Sport:
    """Return the sport of a code or a name. Raises UnmodelledSportError if there is none."""
    found = find_sport(name)
    if found is None:
        raise UnmodelledSportError(not_modelled(name))
    return found


def by_code(code: str) -> Sport:
    """Return the sport of a code. Raises UnmodelledSportError if there is none."""
    found = SPORTS.get(code)
    if found is None:
        raise UnmodelledSportError(not_modelled(code))
    return found


@lru_cache(maxsize=256)
def kind_of(sport: str, period: str, text: str) -> SportKind:
    """Return the market kind of these texts in the sport of a code. Raises ValueError if none."""
    return by_code(sport).kind(period, text)


def not_modelled(name: str) -> str:
    """Return the sentence that refuses a sport."""
    known = ", ".join(f"{sport.name} ({sport.code})" for sport in SPORTS.values())
    return (
        f"Keter does not bet on {name or 'an unnamed sport'!r}: its rules are not modelled."
        f" Modelled are {known}."
    )


def counts_from_score_at_bet(sport: Sport, venue_does: bool) -> bool:
    """Return whether a handicap taken in play counts only what is scored after the bet.

    Sport and venue must both do so: an exchange may count the whole match in football, too.
    """
    return venue_does and sport.handicap_in_play is HandicapRule.SCORE_AT_BET
