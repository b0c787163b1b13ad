"""The shop window: stamps, cursors, removal."""

from keter.venues.asianodds.simulator.board import Board, Fixture, MarketType, Numbers, Offer, Row

FIXTURE = Fixture(-1, -2, "LEAGUE", "Home", "Away", 1_000_000)


def a_row(price: int = 1900, game_id: int = 5) -> Row:
    return Row(game_id, FIXTURE, MarketType.TODAY, {("H", True): Offer(-3, {"PIN": (price, 1900)})})


def test_a_row_that_says_nothing_new_is_no_change() -> None:
    board = Board(300)
    board.put(a_row(), 10)
    board.put(a_row(), 20)
    assert board.rows[5].updated_ms == 10


def test_a_change_after_a_cursor_is_stamped_above_it_even_within_the_same_millisecond() -> None:
    board = Board(300)
    board.put(a_row(), 10)
    cursor = board.cursor()
    board.put(a_row(1950), 10)
    assert [row.game_id for row in board.changed(MarketType.TODAY, cursor)] == [5]


def test_stamps_never_fall_when_the_clock_does() -> None:
    board = Board(300)
    board.put(a_row(), 100)
    board.put(a_row(1950), 50)
    assert board.rows[5].updated_ms == 100


def test_a_closed_row_is_told_and_goes_when_its_time_has_come() -> None:
    board = Board(300)
    board.put(a_row(), 10)
    board.close(5, 20)
    row = board.rows[5]
    assert (row.closing, row.active, row.remove_on_ms) == (True, False, 320)
    board.purge(319)
    assert 5 in board.rows
    board.purge(320)
    assert 5 not in board.rows


def test_the_wire_form_follows_a_change_and_keeps_to_the_books_asked_for() -> None:
    board = Board(300)
    board.put(a_row(), 10)
    assert b"PIN=1.900" in board.rows[5].wire("00", None)
    board.put(a_row(1950), 20)
    assert b"PIN=1.950" in board.rows[5].wire("00", None)
    assert b'"BookieOdds":"","Handicap":""' in board.rows[5].wire("00", frozenset({"SBO"}))


def test_ids_are_signed_and_do_not_repeat() -> None:
    numbers = Numbers(7)
    taken = [numbers.take() for _ in range(50_000)]
    assert len(set(taken)) == len(taken)
    assert min(taken) < 0 < max(taken)
    assert all(-(2**31) <= number < 2**31 for number in taken)
