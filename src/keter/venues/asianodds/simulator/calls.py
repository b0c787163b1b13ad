"""What a method of the service takes and returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keter.venues.asianodds.simulator.house import House
from keter.venues.asianodds.simulator.requests import FAILED, Refused
from keter.venues.asianodds.simulator.sessions import Session


@dataclass(slots=True)
class Call:
    """One request.

    Names in ``query`` are lower case; ``session`` is set once the token has been checked.
    """

    route: str
    query: Mapping[str, str]
    body: dict[str, Any]
    token: str
    key: str
    ip: str
    base_url: str
    now_ms: int
    opened: Session | None = None

    @property
    def session(self) -> Session:
        if self.opened is None:
            raise LookupError(f"{self.route} was called without a session")
        return self.opened


@dataclass(frozen=True, slots=True)
class Answer:
    """The envelope, and how long the bookmaker takes for it."""

    envelope: dict[str, object]
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Method:
    """How a method is called: its HTTP verb, and whether it needs a session."""

    verb: str
    run: Callable[[House, Call], Answer]
    needs_session: bool = field(default=True)


def result(value: object, code: int = 0, message: str | None = "") -> Answer:
    """Return an answer of the Result family."""
    return Answer({"Code": code, "Message": message, "Result": value})


def data(rows: list[Any], empty_code: int = 0) -> Answer:
    """Return an answer of the Data family; ``Data`` null and ``empty_code`` without rows."""
    if rows:
        return Answer({"Code": 0, "Message": "", "Data": rows})
    return Answer({"Code": empty_code, "Message": "", "Data": None})


def integer(call: Call, name: str) -> int | None:
    """Return a parameter of the query; None where it is absent or empty. Raises Refused."""
    text = call.query.get(name)
    try:
        return int(text) if text else None
    except ValueError as e:
        raise Refused(FAILED, f"{name} must be an integer") from e


def words(call: Call, name: str) -> frozenset[str] | None:
    """Return the values of a comma list in upper case; None for all."""
    text = call.query.get(name, "").upper()
    if text in {"", "ALL"}:
        return None
    return frozenset(part.strip() for part in text.split(",") if part.strip())
