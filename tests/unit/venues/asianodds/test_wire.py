"""The envelope: both families, its texts in four places, and everything that is no answer at
all.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.venues.asianodds.wire import (
    BrokenAnswerError,
    is_null,
    read_answer,
    read_feed,
    read_identity,
    read_row,
)
from tests.kit.asianodds_payloads import data_body, feed_body, match_game, result_body


def test_both_envelopes_are_read() -> None:
    assert json.loads(bytes(read_answer(result_body({"a": 1})).result)) == {"a": 1}
    assert json.loads(bytes(read_answer(data_body([1])).data)) == [1]
    assert is_null(read_answer(data_body(None)).data)


def test_a_byte_order_mark_and_unknown_fields_do_no_harm() -> None:
    answer = read_answer(b'\xef\xbb\xbf {"Code":0,"New":{"x":[1]},"Result":null}')
    assert answer.code == 0
    assert is_null(answer.result)


def test_the_code_may_be_written_as_a_string() -> None:
    assert read_answer(b'{"Code":"-810"}').code == -810


@pytest.mark.parametrize(
    "body",
    [
        result_body({"TextMessage": "wrong password"}, -1),
        result_body({"Message": "wrong password"}, -1),
        result_body({"BetPlacementMessage": "wrong password"}, -1),
        result_body(None, -1, "wrong password"),
        result_body("wrong password", -1, None),
    ],
)
def test_the_error_text_is_found_wherever_it_is(body: bytes) -> None:
    assert read_answer(body).text == "wrong password"


def test_texts_of_a_wrong_type_are_no_texts() -> None:
    assert (
        read_answer(
            b'{"Code":-1,"Message":{"a":1},"Result":{"TextMessage":5,"Message":["x"]}}'
        ).texts()
        == ()
    )


@pytest.mark.parametrize(
    "text",
    ["You are not logged in", "Session expired", "AOToken is invalid", "user not registered"],
)
def test_a_general_failure_about_logging_in_is_a_lost_session(text: str) -> None:
    assert read_answer(result_body(text, -1)).speaks_of_session
    assert not read_answer(result_body(text, -1307)).speaks_of_session


def test_a_general_failure_about_something_else_is_no_lost_session() -> None:
    assert not read_answer(result_body("Minimum stake is 5", -1)).speaks_of_session


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "html"),
        (b'<?xml version="1.0"?><LoginResponse xmlns="x"/>', "xml"),
        (b'{"Code":0,"Result":{"Since":17', "malformed"),
        (b"Service Unavailable", "malformed"),
        (b"[1,2]", "malformed"),
        (b'{"Code":{}}', "malformed"),
        (b'{"Message":"x"}', "no_code"),
        (b"{" * 100_000, "malformed"),
        (b'{"Code":0,"Result":' + b"[" * 100_000, "malformed"),
    ],
)
def test_what_is_no_answer_is_named(body: bytes, kind: str) -> None:
    with pytest.raises(BrokenAnswerError) as caught:
        read_answer(body)
    assert caught.value.kind == kind


def test_a_bare_nan_is_taken_for_null() -> None:
    body = feed_body(match_game(InGameMinutes=77)).replace(
        b'"InGameMinutes": 77', b'"InGameMinutes": NaN'
    )
    assert b"NaN" in body
    (row,) = (read_feed(read_answer(body)).sports or [])[0].match_games or []
    known = read_row(row)
    assert known is not None
    assert known.in_game_minutes is None
    assert known.game_id == 910022331


@pytest.mark.parametrize(
    "result",
    [None, {}, {"Sports": []}, {"Sports": None}, {"Since": 5, "Sports": [{"MatchGames": None}]}],
)
def test_nothing_new_has_many_spellings(result: object) -> None:
    assert not [
        row
        for sport in read_feed(read_answer(result_body(result))).sports or ()
        for row in sport.match_games or ()
    ]


@pytest.mark.parametrize(
    "result", ["text", 5, {"Sports": 5}, {"Sports": [{"MatchGames": "x"}]}, {"Since": "soon"}]
)
def test_a_result_that_is_no_feed_is_a_broken_answer(result: object) -> None:
    with pytest.raises(BrokenAnswerError, match="bad_result"):
        read_feed(read_answer(result_body(result)))


def test_a_row_of_wrong_types_is_none_but_still_tells_which_row_it_is() -> None:
    feed = read_feed(read_answer(feed_body(match_game(5, HomeTeam="Alpha FC"), match_game(6))))
    broken, good = (feed.sports or [])[0].match_games or []
    assert read_row(broken) is None
    assert read_identity(broken) == 5
    assert read_row(good) is not None


def test_numbers_written_as_strings_are_numbers() -> None:
    feed = read_feed(
        read_answer(
            feed_body(match_game(GameId="-77", StartTime="1771218000000", WillBeRemoved="true"))
        )
    )
    row = read_row(((feed.sports or [])[0].match_games or [])[0])
    assert row is not None
    assert (row.game_id, row.start_time, row.will_be_removed) == (-77, 1771218000000, True)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_the_named_error(body: bytes) -> None:
    try:
        read_feed(read_answer(body))
    except BrokenAnswerError as e:
        assert e.kind


@given(st.binary(max_size=60), st.integers(0, 2_000), st.integers(0, 60))
def test_a_damaged_feed_raises_nothing_but_the_named_error(
    noise: bytes, place: int, length: int
) -> None:
    body = feed_body(match_game())
    damaged = body[:place] + noise + body[place + length :]
    try:
        feed = read_feed(read_answer(damaged))
    except BrokenAnswerError as e:
        assert e.kind
    else:
        for sport in feed.sports or ():
            for raw in sport.match_games or ():
                read_row(raw)
                read_identity(raw)
