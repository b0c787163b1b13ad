"""A label takes a bounded number of words."""

from hypothesis import given
from hypothesis import strategies as st

from keter.metrics.exposition import MOST_WORDS, bounded


@given(st.dictionaries(st.text(max_size=60), st.integers(0, 1000), max_size=200))
def test_a_label_takes_a_bounded_number_of_words_and_no_count_is_lost(
    counts: dict[str, int],
) -> None:
    found = bounded(counts)
    assert len(found) <= MOST_WORDS
    assert sum(found.values()) == sum(counts.values())
    assert all(
        name.isascii() and name == name.lower() and len(name) <= 40 and " " not in name
        for name in found
    )
