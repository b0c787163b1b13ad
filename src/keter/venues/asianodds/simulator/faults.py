"""Faults on request: which fault happens on which call, and how often it happened.

A rule is ``{"kind": "lost_after", "route": "placebet", "count": 1, "skip": 0, "probability": 1.0,
...parameters}``. ``route`` is a comma list of lower-case method names, or ``*``. Without it the
kind's own routes hold.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

BET_LISTS = ("getbets", "getrunningbets", "getnonrunningbets", "getbetbyreference")
PLACEMENT = ("placebet",)
FEED = ("getfeeds",)
ANY = ("*",)


class FaultKind(StrEnum):
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    LATE = "late"
    SLOW = "slow"
    HTTP_ERROR = "http_error"
    THROTTLED = "throttled"
    CODE = "code"
    CODE_PLACED = "code_placed"
    SESSION_KILLED = "session_killed"
    EXPIRED_401 = "expired_401"
    EXPIRED_CODE = "expired_code"
    WRONG_STAKE = "wrong_stake"
    WRONG_PRICE = "wrong_price"
    REFUSED_LATER = "refused_later"
    DUPLICATE_ROWS = "duplicate_rows"
    REORDERED_ROWS = "reordered_rows"
    MISSING_ROWS = "missing_rows"
    BOM = "bom"
    XML = "xml"
    HTML = "html"
    TRUNCATED_GZIP = "truncated_gzip"
    HUGE = "huge"
    RESULT_NULL = "result_null"
    UNKNOWN_FIELDS = "unknown_fields"
    MISSING_TEAMS = "missing_teams"
    ODD_ODDS = "odd_odds"
    NAN = "nan"


@dataclass(frozen=True, slots=True)
class About:
    """What a kind does, on which calls by default, and its parameters with their defaults."""

    text: str
    routes: tuple[str, ...]
    parameters: dict[str, float | str] = field(default_factory=dict)


_K = FaultKind
KINDS: dict[FaultKind, About] = {
    _K.LOST_BEFORE: About("the connection is cut before the call has any effect", PLACEMENT),
    _K.LOST_AFTER: About(
        "the call takes effect, then the connection is cut without an answer", PLACEMENT
    ),
    _K.LATE: About(
        "the call is only worked on after delay_s, even when the client has gone",
        PLACEMENT,
        {"delay_s": 30.0},
    ),
    _K.SLOW: About(
        "the call takes effect at once, the answer comes after delay_s",
        PLACEMENT,
        {"delay_s": 30.0},
    ),
    _K.HTTP_ERROR: About("HTTP status instead of the call", ANY, {"status": 503.0}),
    _K.THROTTLED: About("refused as too frequent: 810, -810 or 429", FEED, {"answer": "810"}),
    _K.CODE: About(
        "a failure code and no effect", PLACEMENT, {"code": -1307.0, "message": "Error occurred"}
    ),
    _K.CODE_PLACED: About(
        "a failure code though the call took effect",
        PLACEMENT,
        {"code": -1307.0, "message": "Error occurred"},
    ),
    _K.SESSION_KILLED: About("another client logs in: the session ends", ANY),
    _K.EXPIRED_401: About("the session ends; HTTP 401", ANY),
    _K.EXPIRED_CODE: About("the session ends; Code -1", ANY),
    _K.WRONG_STAKE: About(
        "the accepted stake is the asked one times factor", PLACEMENT, {"factor": 0.5}
    ),
    _K.WRONG_PRICE: About(
        "the accepted price is the asked one times factor", PLACEMENT, {"factor": 0.95}
    ),
    _K.REFUSED_LATER: About(
        "accepted, then taken back after_s later", PLACEMENT, {"after_s": 30.0}
    ),
    _K.DUPLICATE_ROWS: About("every row twice", BET_LISTS),
    _K.REORDERED_ROWS: About("rows in random order", BET_LISTS),
    _K.MISSING_ROWS: About("rows left out with probability share", BET_LISTS, {"share": 0.5}),
    _K.BOM: About("a byte order mark before the JSON", ANY),
    _K.XML: About("XML instead of JSON", ANY),
    _K.HTML: About("an HTML error page with status", ANY, {"status": 200.0}),
    _K.TRUNCATED_GZIP: About("a gzip body cut in half", ANY),
    _K.HUGE: About("a valid answer padded to megabytes", ANY, {"megabytes": 50.0}),
    _K.RESULT_NULL: About("Result null with Code 0", FEED),
    _K.UNKNOWN_FIELDS: About("fields nobody has heard of, of every type", FEED),
    _K.MISSING_TEAMS: About("rows without a team, or with an empty name", FEED),
    _K.ODD_ODDS: About("odds strings with colons, gaps, words, zeros, signs", FEED),
    _K.NAN: About("NaN and Infinity where numbers belong", FEED),
}


@dataclass(slots=True)
class Rule:
    """A rule in force.

    ``count`` None: it holds for ever. The first ``skip`` calls that match are left alone.
    """

    kind: FaultKind
    routes: tuple[str, ...]
    count: int | None
    skip: int
    probability: float
    parameters: dict[str, float | str]

    def number(self, name: str) -> float:
        return float(self.parameters[name])

    def text(self, name: str) -> str:
        return str(self.parameters[name])

    def matches(self, route: str) -> bool:
        return self.count != 0 and ("*" in self.routes or route in self.routes)


def parse_rule(raw: Mapping[str, Any]) -> Rule:
    """Return the rule. Raises ValueError that says what is wrong with it."""
    values = dict(raw)
    try:
        kind = FaultKind(values.pop("kind"))
    except (KeyError, ValueError) as e:
        raise ValueError(f"kind must be one of {', '.join(FaultKind)}") from e
    about = KINDS[kind]
    route, count = values.pop("route", None), values.pop("count", None)
    skip = int(values.pop("skip", 0))
    probability = float(values.pop("probability", 1.0))
    unknown = set(values) - set(about.parameters)
    if unknown:
        raise ValueError(
            f"{kind} does not know {', '.join(sorted(unknown))}; it knows"
            f" {', '.join(about.parameters) or 'nothing'}"
        )
    if not 0 <= probability <= 1 or skip < 0:
        raise ValueError("probability must lie within 0 and 1, skip must not be negative")
    routes = about.routes
    if route is not None:
        routes = tuple(part.strip().lower() for part in str(route).split(","))
    parameters = {**about.parameters, **values}
    return Rule(kind, routes, None if count is None else int(count), skip, probability, parameters)


class Faults:
    """The rules in force. ``injected`` counts by kind what really happened."""

    def __init__(self, rules: Iterable[Mapping[str, Any]] = (), *, seed: int = 0) -> None:
        self.injected: Counter[FaultKind] = Counter()
        self.rules: list[Rule] = []
        self.rng = random.Random(seed)  # noqa: S311 - faults must be repeatable
        self.add(*rules)

    def add(self, *rules: Mapping[str, Any]) -> None:
        """Add rules; all or none. Raises ValueError."""
        self.rules += [parse_rule(rule) for rule in rules]

    def replace(self, rules: Iterable[Mapping[str, Any]], seed: int | None = None) -> None:
        """Put ``rules`` in place of all others; a seed starts their chance anew.

        Raises ValueError.
        """
        parsed = [parse_rule(rule) for rule in rules]
        self.rules = parsed
        if seed is not None:
            self.rng = random.Random(seed)  # noqa: S311 - as above

    def clear(self) -> None:
        self.rules = []

    def take(self, kind: FaultKind, route: str) -> Rule | None:
        """Count and return the rule by which ``kind`` happens to this call; None if none does."""
        for rule in self.rules:
            if rule.kind is not kind or not rule.matches(route):
                continue
            if rule.skip:
                rule.skip -= 1
            elif self.rng.random() < rule.probability:
                rule.count = None if rule.count is None else rule.count - 1
                self.injected[kind] += 1
                return rule
        return None

    def facts(self) -> dict[str, object]:
        """Return the rules left, the counts and all kinds, for the control API."""
        rules = [_rule_facts(rule) for rule in self.rules]
        return {
            "rules": rules,
            "injected": dict(self.injected),
            "kinds": {kind: about.text for kind, about in KINDS.items()},
        }


def _rule_facts(rule: Rule) -> dict[str, object]:
    facts: dict[str, object] = {
        "kind": rule.kind,
        "route": ",".join(rule.routes),
        "count": rule.count,
        "skip": rule.skip,
    }
    return {**facts, "probability": rule.probability, **rule.parameters}
