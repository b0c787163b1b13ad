"""Just enough of PromQL to tell which metrics and labels a query uses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'(?P<string>"(?:\\.|[^"\\])*")|(?P<range>\[[^\]]*\])|(?P<number>\d+(?:\.\d+)?\w*)|(?P<name>[a-zA-Z_:][\w:]*)'
    r"|(?P<sign>=~|!~|!=|>=|<=|==|[-+*/%^(){},=<>])|(?P<space>\s+)"
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset"})


@dataclass
class Selector:
    """One metric of a query. ``matchers`` are (label, operator, value)."""

    metric: str
    matchers: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Query:
    selectors: list[Selector] = field(default_factory=list)
    grouped_by: set[str] = field(default_factory=set)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of every token; raise ValueError at what is none."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"cannot read {text[at : at + 20]!r}")
        at = found.end()
        if found.lastgroup != "space":
            yield str(found.lastgroup), found.group()


def read_query(text: str) -> Query:
    """Return the selectors and grouping labels of ``text``."""
    found, rest = Query(), list(tokens(text))
    while rest:
        kind, word = rest.pop(0)
        following = rest[0][1] if rest else ""
        if kind != "name" or word in _WORDS:
            continue
        if word in _GROUPING:
            found.grouped_by |= (
                {name for kind, name in _within(rest, ")") if kind == "name"}
                if following == "("
                else set()
            )
        elif following == "{":
            found.selectors.append(Selector(word, _matchers(_within(rest, "}"))))
        elif following != "(" and not _aggregates(rest):
            found.selectors.append(Selector(word))
    return found


def _aggregates(rest: list[tuple[str, str]]) -> bool:
    """Return whether this is ``sum by (le) (...)``: the word before a grouping is a function."""
    return bool(rest) and rest[0][1] in {"by", "without"}


def _within(rest: list[tuple[str, str]], end: str) -> list[tuple[str, str]]:
    """Take what stands between the bracket that comes next and its end."""
    rest.pop(0)
    inner = []
    while (token := rest.pop(0))[1] != end:
        inner.append(token)
    return inner


def _matchers(inner: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    parts = [token for token in inner if token[1] != ","]
    return [
        (parts[n][1], parts[n + 1][1], parts[n + 2][1].strip('"')) for n in range(0, len(parts), 3)
    ]
