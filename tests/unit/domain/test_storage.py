"""Which files go when there are too many bytes of them, and for how long the room will do."""

import pytest

from keter.domain.storage import DAY_S, StorageUse, days_until, growth, oldest_above

FILES = [("a", 10), ("b", 20), ("c", 30)]


@pytest.mark.parametrize(
    ("most", "gone"), [(60, []), (59, ["a"]), (50, ["a"]), (49, ["a", "b"]), (0, ["a", "b", "c"])]
)
def test_the_oldest_go_until_the_rest_fits(most: int, gone: list[str]) -> None:
    assert oldest_above(FILES, most) == gone


def test_what_is_being_written_never_goes() -> None:
    assert oldest_above(FILES, 0, kept={"a"}) == ["b", "c"]


def test_growth_is_what_was_added_not_what_trimming_left() -> None:
    samples = [(0.0, 100), (DAY_S / 2, 200), (DAY_S * 0.75, 50), (DAY_S, 80)]
    assert growth(samples, 600) == 130
    assert growth(samples[:1], 600) is None
    assert growth([(0.0, 1), (599.0, 9)], 600) is None


@pytest.mark.parametrize(
    ("room", "a_day", "days"), [(100, 10, 10), (-5, 10, 0), (100, 0, None), (100, None, None)]
)
def test_days_are_told_only_where_something_grows(
    room: int, a_day: int | None, days: float | None
) -> None:
    assert days_until(room, a_day) == days


def test_a_full_store_has_no_days_left() -> None:
    assert StorageUse("ledger", 120, 100, 10).days_left == 0
