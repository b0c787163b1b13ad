"""The grammar of odds strings and line strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.venues.asianodds.prices import read_line, read_price, split_odds


def test_an_odds_string_is_split_into_books_without_best() -> None:
    text = "PIN=1.934,1.970;SIN=1.950,1.950;BEST=SIN 1.950,PIN 1.970"
    assert split_odds(text) == [("PIN", "1.934,1.970"), ("SIN", "1.950,1.950")]


def test_a_colon_is_taken_for_an_equals_sign_and_best_may_be_missing() -> None:
    assert split_odds("pin:1.9,2.0; SBO = 1.8,2.1 ;") == [("PIN", "1.9,2.0"), ("SBO", " 1.8,2.1 ")]


def test_no_prices_are_no_books() -> None:
    assert split_odds("") == []
    assert split_odds(" ; ") == []


def test_a_segment_that_is_no_book_is_kept_nameless_so_that_it_is_counted() -> None:
    assert split_odds("nonsense;=1,2;P I N=1.9,2.0") == [("", ""), ("", "1,2"), ("", "1.9,2.0")]


@pytest.mark.parametrize("text", ["", " ", "0", "0.00", "0.000"])
def test_no_price_is_none(text: str) -> None:
    assert read_price(text) == ("", None)


@pytest.mark.parametrize(
    "text",
    ["NaN", "inf", "-0.73", "1", "0.530", "1001.1", "1e3", "1_000", "1,95", "٢.٥", "x", "9" * 99],
)
def test_what_is_no_decimal_odds_raises(text: str) -> None:
    with pytest.raises(ValueError, match=r"price|odds"):
        read_price(text)


def test_a_price_keeps_its_own_text() -> None:
    assert read_price(" 1.950 ") == ("1.950", 1.95)


@pytest.mark.parametrize(
    ("text", "quarters"),
    [
        ("0.0", 0),
        ("0", 0),
        ("1.0", 4),
        ("0.5", 2),
        ("0-0.5", 1),
        ("0.5-1", 3),
        ("1-1.5", 5),
        ("2.5-3", 11),
        ("2.5", 10),
        ("0.5 - 1.0", 3),
        ("2/2.5", 9),
        ("0.25", 1),
        ("182.5", 730),
    ],
)
def test_lines_are_read_in_quarters(text: str, quarters: int) -> None:
    assert read_line(text) == quarters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-0.5",
        "+0.5",
        "0.5-1.5",
        "1-0.5",
        "0.25-0.75",
        "0.3",
        "x",
        "1e1",
        "nan",
        "0.5-",
        "2-2",
        "99999",
        "1-1.5-2",
    ],
)
def test_what_is_no_line_raises(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|quarter"):
        read_line(text)


@given(st.integers(0, 4_000))
def test_every_quarter_line_survives_its_spelling(quarters: int) -> None:
    def half(value: int) -> str:
        return f"{value / 4:.1f}".removesuffix(".0")

    text = half(quarters) if quarters % 2 == 0 else f"{half(quarters - 1)}-{half(quarters + 1)}"
    if quarters < 4_000:
        assert read_line(text) == quarters


BOOKS = st.lists(
    st.from_regex(r"[A-Z0-9]{2,5}", fullmatch=True).filter(lambda book: book != "BEST"),
    unique=True,
    max_size=8,
)
PRICES = st.integers(1_001, 1_001_000).map(
    lambda thousandths: f"{thousandths / 1000:.3f}"
) | st.just("")


@given(BOOKS, st.data(), st.sampled_from("=:"), st.booleans())
def test_any_list_of_books_survives_its_spelling(
    books: list[str], data: st.DataObject, sign: str, best: bool
) -> None:
    lists = [data.draw(st.lists(PRICES, min_size=2, max_size=3)) for _ in books]
    text = ";".join(
        f"{book}{sign}{','.join(prices)}" for book, prices in zip(books, lists, strict=True)
    )
    if best:
        text += ";BEST=PIN 1.950,SIN 1.970"
    read = split_odds(text)
    assert [book for book, _ in read] == books
    for (_, segment), prices in zip(read, lists, strict=True):
        assert [read_price(price)[0] for price in segment.split(",")] == prices


@given(st.text(max_size=60))
def test_any_text_is_split_without_an_error(text: str) -> None:
    for book, prices in split_odds(text):
        assert book != "BEST"
        for price in prices.split(","):
            try:
                _, odds = read_price(price)
            except ValueError:
                continue
            assert odds is None or 1 < odds <= 1001
