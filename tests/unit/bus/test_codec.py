"""Values survive the way through Redis; whatever is not exactly what was expected is poisoned."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.domain.feed import CapturedAnswer
from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Market
from keter.domain.quotes import Score
from keter.domain.signals import Decision
from keter.domain.sports import FULL_TIME
from keter.domain.verdicts import accept

NOW = datetime(2026, 2, 21, 12, 0, 0, 123456, tzinfo=UTC)
DECISION = Decision(
    "t", "edge", "w", "e", "s", accept(ev_pct=5.25, n=1, x=None), NOW, {"books": ["PIN"]}
)


def test_a_value_comes_back_as_it_went() -> None:
    assert decode(Decision, encode(DECISION)) == DECISION


@given(home=st.integers(0, 99), away=st.integers(0, 99), minute=st.none() | st.integers(0, 130))
def test_any_score_comes_back_as_it_went(home: int, away: int, minute: int | None) -> None:
    assert decode(Score, encode(Score(home, away, minute))) == Score(home, away, minute)


@given(junk=st.binary(max_size=60))
def test_junk_is_poisoned_and_nothing_else(junk: bytes) -> None:
    with pytest.raises(PoisonedPayloadError):
        decode(Decision, junk)


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_schema_version_is_poisoned(version: int) -> None:
    with pytest.raises(
        PoisonedPayloadError, match=f"schema version {version}; this Keter reads version 1"
    ):
        decode(Decision, encode(msgspec.structs.replace(DECISION, v=version)))


def test_a_type_whose_own_check_fails_is_poisoned() -> None:
    """An over/under without a line can be written down as JSON, and is no market."""
    payload = encode(Market(FULL_TIME, MarketKind.OVER_UNDER, 10)).replace(b"10", b"null")
    with pytest.raises(PoisonedPayloadError, match="needs line"):
        decode(Market, payload)


def test_a_type_without_a_version_needs_none() -> None:
    assert decode(dict, b'{"a": 1}') == {"a": 1}


def test_the_error_names_the_type_and_the_place() -> None:
    with pytest.raises(PoisonedPayloadError, match=r"not a CapturedAnswer: .*account"):
        decode(CapturedAnswer, b'{"account": 7}')


@pytest.mark.parametrize("kind", [dict, Decision, Score])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_lists_within_lists_without_end_are_poisoned(
    kind: type[object], opens: bytes, closes: bytes
) -> None:
    deep = opens * 50_000 + b"1" + closes * 50_000
    with pytest.raises(PoisonedPayloadError):
        decode(kind, b'{"details":' + deep + b"}")


def test_details_nested_without_end_are_poisoned_by_their_depth_alone() -> None:
    """Everything else about it is a Decision."""
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    with pytest.raises(PoisonedPayloadError, match="recursion"):
        decode(Decision, encode(DECISION).replace(b'{"books":["PIN"]}', deep))
