"""Text from outside: what moves a cursor or hides goes, what people are called stays; no cell is a
formula.
"""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.plain import FORMULA, NUMBER, csv_cell, csv_lines, plain, plain_lines, plain_values

ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates, too


@pytest.mark.parametrize(
    "name",
    [
        "Málaga CF",
        "Göztepe",
        "Đồng Tháp",
        "Şanlıurfaspor",
        "Львів",
        "الأهلي",
        "پاس همدان\u200c",
        "鹿島アントラーズ",
        "Malaga\u0301",
        "O'Higgins (W)",
        "1. FC Köln",
        "Nürnberg\u00a0II",
    ],
)
def test_real_names_stay_as_they_are(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Alpha\x1b[2J\x1b[31m FC", "Alpha [2J [31m FC"),
        ("Alpha\x07FC", "Alpha FC"),
        ("two\r\nlines\tand more", "two lines and more"),
        ("C1 \x9b31m\x85", "C1 31m"),
        ("FC \u202eahplA", "FC ahplA"),
        ("a\u2066b\u2069c\u200ed", "abcd"),
        ("Ar\u200bsen\ufeffal\u2060", "Arsenal"),
        ("\ud800x", "\ufffdx"),
        ("line\u2028end", "line end"),
    ],
)
def test_what_moves_a_cursor_or_hides_does_not_stay(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(ANYTHING)
def test_what_is_shown_is_one_line_that_every_encoding_takes(text: str) -> None:
    shown = plain(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(letter) for letter in shown} & {
        "LRO",
        "RLO",
        "LRE",
        "RLE",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    assert plain(shown) == shown
    assert not set(plain_lines(text)) & set("\x1b\x07\x00\x9b\u202e")


def test_structures_are_cleaned_throughout() -> None:
    assert plain_values({"a\x07": ["b\x1b", {"c": ("d\u202e", 1, None, True)}]}) == {
        "a ": ["b ", {"c": ["d", 1, None, True]}]
    }


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("@x", "'@x"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'=1"),
        ("\u202e=1", "'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-84.20", "-84.20"),
        (-1e-05, "-1e-05"),
        (-7, "-7"),
        (None, ""),
        (0, "0"),
        ("Bayern", "Bayern"),
    ],
)
def test_a_formula_is_text_and_a_number_a_number(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


@given(st.lists(st.lists(ANYTHING, min_size=2, max_size=4), min_size=1, max_size=4))
def test_no_text_becomes_a_formula_or_another_cell(rows: list[list[str]]) -> None:
    back = list(csv.reader(io.StringIO(csv_lines(rows).decode(), newline="")))
    assert [len(row) for row in back] == [len(row) for row in rows]
    for row in back:
        assert all(not cell.startswith(FORMULA) or NUMBER.fullmatch(cell) for cell in row)
