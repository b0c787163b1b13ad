"""A book that the settings name and no feed shows is told, and nobody else."""

from datetime import UTC, datetime

import pytest

from keter.bus.state.feeds import FeedFacts
from keter.domain.markets import Phase
from keter.domain.verdicts import Number
from keter.errors import ConfigurationError
from keter.settings import load_settings
from keter.supervision.book_names import (
    MOST_BOOKS,
    books_text,
    missing_books,
    remember_books,
    wanted_books,
)

NOW_MS = 1_700_000_000_000
SETTINGS = load_settings(
    None, {"SHARP_WHITELIST": "PIN,ISN,SOB", "BET_BOOKS": "ibc,GA", "SHARP_ANCHOR": "PIN"}
)


def feed(*, since_s: float, **seen_s: float) -> FeedFacts:
    books = {book: int(NOW_MS - ago * 1000) for book, ago in seen_s.items()}
    fields: dict[str, Number] = {
        "books": books_text(books),
        "books_since_ms": int(NOW_MS - since_s * 1000),
    }
    return FeedFacts(
        "acc", Phase.EARLY, datetime.now(UTC), None, None, None, None, None, fields=fields
    )


def test_every_book_named_is_wanted_and_all_is_none() -> None:
    assert set(wanted_books(SETTINGS)) == {"PIN", "ISN", "SOB", "IBC", "GA"}
    assert set(wanted_books(load_settings(None, {}))) == {"PIN", "ISN", "SBO"}


def test_a_book_that_is_misspelt_is_told_once_others_were_shown_for_long_enough() -> None:
    seen = {"PIN": 0.0, "ISN": 100.0, "SBO": 5.0, "IBC": 599.0}
    [ga, sob] = missing_books(SETTINGS, [feed(since_s=601, **seen)])
    assert "shown GA of BET_BOOKS for 10 min" in ga
    assert "shown SOB of SHARP_WHITELIST" in sob
    assert "Shown: IBC, ISN, PIN, SBO" in sob
    assert missing_books(SETTINGS, [feed(since_s=599, **seen)]) == [], "it may still come"


def test_another_feed_may_show_it_and_silence_of_all_says_nothing() -> None:
    both = [feed(since_s=700, PIN=0, ISN=0, SOB=0), feed(since_s=700, IBC=0, GA=0)]
    assert missing_books(SETTINGS, both) == []
    assert missing_books(SETTINGS, []) == []
    assert missing_books(SETTINGS, [feed(since_s=9000)]) == []
    plain = FeedFacts(
        "acc",
        Phase.EARLY,
        None,
        None,
        None,
        None,
        None,
        None,
        fields={"books": 7, "books_since_ms": "x"},
    )
    assert missing_books(SETTINGS, [plain]) == []


def test_books_without_end_are_forgotten() -> None:
    known: dict[str, int] = {}
    for moment in range(MOST_BOOKS + 50):
        known = remember_books(known, [f"B{moment}"], moment)
    assert len(known) == MOST_BOOKS
    assert f"B{MOST_BOOKS + 49}" in known


@pytest.mark.parametrize("name", ["SHARP_WHITELIST", "BET_BOOKS", "AO_BOOKIES", "SHARP_ANCHOR"])
@pytest.mark.parametrize(
    "value", ['["PIN","ISN","SBO"]', "['PIN']", "PIN;ISN", "[PIN]", "PIN ISN", '"PIN"', "P|N"]
)
def test_what_can_be_no_book_code_is_refused_with_the_spelling_wanted(
    name: str, value: str
) -> None:
    with pytest.raises(
        ConfigurationError,
        match=rf"{name} .*such as (PIN,ISN,SBO|A,B), without brackets and quotes",
    ):
        load_settings(None, {name: value, "MIN_SHARP_SOURCES": "1"})


@pytest.mark.parametrize(
    "name", ["LEAGUE_BLACKLIST", "MARKET_TYPE_BLACKLIST", "DASH_ALLOWED_HOSTS", "TELEGRAM_USER_IDS"]
)
def test_a_list_written_as_json_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} .*without brackets and quotes"):
        load_settings(None, {name: '["a","b"]'})


def test_a_name_with_an_apostrophe_and_an_address_in_brackets_are_words() -> None:
    assert load_settings(None, {"LEAGUE_BLACKLIST": "Women's,U19"}).validation.league_blacklist == (
        "Women's",
        "U19",
    )
    assert load_settings(
        None, {"DASH_ALLOWED_HOSTS": "[::1]:8080"}
    ).dashboard.dash_allowed_hosts == ("[::1]:8080",)
