"""The wire format, decoded leniently: both envelopes, and the rows of the odds feed. Pure.

Unknown fields are ignored, numbers may be strings, a byte-order mark is allowed. ``Result`` may be
null or a string. Rows are decoded one by one, so that a broken one never spoils the rest. Nothing
here knows what a price means.
"""

import re
from collections.abc import Collection, Iterator
from typing import Annotated

import msgspec

from keter.plain import plain
from keter.venues.asianodds.limits import INT64
from keter.venues.base import VenueTransientError

NULL = msgspec.Raw(b"null")
Text = str | int | float | None
# An id becomes the name of a row or a key, so a row with a longer one cannot be used. Every other
# number is checked where it is used.
Id = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64)]

_BOM = b"\xef\xbb\xbf"
_BARE_NUMBERS = re.compile(rb"([:\[,]\s*)(?:NaN|-?Infinity)(?=\s*[,}\]])")
_LONG_NUMBERS = re.compile(r"\b[0-9a-fA-F]{20,}\b")
_SESSION_WORDS = re.compile(
    r"log(?:ged)?[\s-]?(?:in|on|out)\b|not\s+regist|session|token\b|authori[sz]|authenticat|expired",
    re.IGNORECASE,
)


class BrokenAnswerError(VenueTransientError):
    """An answer that is not in the format of the service: HTML, XML, cut off, too large, no JSON.

    It changes no state.
    """


class Wire(msgspec.Struct, rename="pascal", gc=False):
    """The base of what is decoded: the service writes field names in Pascal case."""


class _Envelope(Wire):
    # It is stored beside bets, in 64 bits.
    code: Annotated[int, msgspec.Meta(ge=-INT64, le=INT64)] | None = None
    message: msgspec.Raw = NULL
    result: msgspec.Raw = NULL
    data: msgspec.Raw = NULL


class _ResultTexts(Wire):
    text_message: msgspec.Raw = NULL
    message: msgspec.Raw = NULL
    bet_placement_message: msgspec.Raw = NULL


class Answer(msgspec.Struct, frozen=True):
    """The parts of an envelope.

    ``result`` and ``data`` are undecoded JSON, ``null`` if the answer has none. ``body`` is all of
    the answer.
    """

    code: int
    message: msgspec.Raw
    result: msgspec.Raw
    data: msgspec.Raw
    body: bytes

    def texts(self) -> tuple[str, ...]:
        """Return every text for people, wherever a method puts it.

        Tokens that a text may quote are masked.
        """
        return tuple(
            dict.fromkeys(
                _LONG_NUMBERS.sub("***", text)[:500] for text in self._find_texts() if text
            )
        )

    @property
    def text(self) -> str:
        """All texts in one line."""
        return " | ".join(self.texts())

    @property
    def speaks_of_session(self) -> bool:
        """Whether this is a general failure whose text is about logging in: the session ended."""
        return self.code == -1 and _SESSION_WORDS.search(self.text) is not None

    def _find_texts(self) -> Iterator[str]:
        yield string_of(self.result)
        try:
            inner = _RESULT_TEXTS.decode(self.result)
        except (ValueError, RecursionError):
            inner = _ResultTexts()
        yield string_of(inner.text_message)
        yield string_of(inner.message)
        yield string_of(inner.bet_placement_message)
        yield string_of(self.message)


def string_of(raw: msgspec.Raw) -> str:
    """Return the string that ``raw`` is; an empty one if it is anything else."""
    if not bytes(raw).lstrip().startswith(b'"'):
        return ""
    try:
        return plain(_STRING.decode(raw).strip())
    except (ValueError, RecursionError):
        return ""


def is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() == b"null"


def read_answer(body: bytes) -> Answer:
    """Return the envelope of ``body``.

    Raises BrokenAnswerError, whose kind says what came instead.
    """
    start = body.removeprefix(_BOM).lstrip()
    _check_is_json(start)
    try:
        envelope = _decode_envelope(start)
    except (ValueError, RecursionError) as e:
        raise BrokenAnswerError("malformed", f"not the JSON expected: {type(e).__name__}") from None
    if envelope.code is None:
        raise BrokenAnswerError("no_code", "JSON without a Code")
    return Answer(envelope.code, envelope.message, envelope.result, envelope.data, start)


def _check_is_json(start: bytes) -> None:
    if not start:
        raise BrokenAnswerError("empty", "the body is empty")
    if start.startswith(b"<"):
        head = start[:1024].lower()
        kind = "html" if b"<html" in head or b"<!doctype html" in head else "xml"
        raise BrokenAnswerError(kind, f"{kind.upper()} instead of JSON")


def _decode_envelope(start: bytes) -> _Envelope:
    try:
        return _ENVELOPE.decode(start)
    except msgspec.DecodeError:
        # A bare NaN or Infinity is no JSON, but one such number must not stop the whole feed.
        repaired, found = _BARE_NUMBERS.subn(rb"\1null", start)
        if not found:
            raise
        return _ENVELOPE.decode(repaired)


class TeamRow(Wire):
    name: str | None = None
    score: int | None = None
    red_cards: int | None = None


class PricesRow(Wire):
    """A handicap, goal line or 1X2 of a row; ``handicap`` and ``goal`` are unsigned line texts."""

    handicap: Text = None
    goal: Text = None
    bookie_odds: str | None = None


class FeedRow(Wire):
    """One line of a fixture (MatchGame).

    ``start_time``, ``updated_date_time``: milliseconds since the epoch, UTC.
    """

    game_id: Id
    match_id: Id
    league_name: str | None = None
    market_type_id: int | None = None
    home_team: TeamRow | None = None
    away_team: TeamRow | None = None
    start_time: int | None = None
    in_game_minutes: int | None = None
    expected_length: int | None = None
    favoured: int | None = None
    full_time_favoured: int | None = None
    half_time_favoured: int | None = None
    full_time_hdp: PricesRow | None = None
    full_time_ou: PricesRow | None = None
    full_time_one_x_two: PricesRow | None = None
    full_time_money_line: PricesRow | None = None
    half_time_hdp: PricesRow | None = None
    half_time_ou: PricesRow | None = None
    half_time_one_x_two: PricesRow | None = None
    is_active: bool | None = None
    will_be_removed: bool | None = None
    updated_date_time: int | None = None


class RowIdentity(Wire):
    """The one field of a broken row that still says which row it is."""

    game_id: Id


class SportFeed(Wire):
    sports_type: int | None = None
    match_games: list[msgspec.Raw] | None = None


class Feed(Wire):
    """The result of GetFeeds; ``since`` is the cursor to send next."""

    since: int | None = None
    sports: list[SportFeed] | None = None


def read_feed(answer: Answer) -> Feed:
    """Return the feed of a good answer; an empty one if nothing changed.

    Raises BrokenAnswerError.
    """
    if is_null(answer.result):
        return Feed()
    try:
        return _FEED.decode(answer.result)
    except (ValueError, RecursionError) as e:
        raise BrokenAnswerError(
            "bad_result", f"a feed that cannot be read: {type(e).__name__}"
        ) from None


def leave_out_other_sports(feed: Feed, sports: Collection[int]) -> None:
    """Keep only ``sports`` of an answer about every sport.

    With one sport the question was about it alone, and nothing is left out.
    """
    if len(sports) > 1:
        feed.sports = [sport for sport in feed.sports or () if sport.sports_type in sports]


def read_row(raw: msgspec.Raw) -> FeedRow | None:
    """Return a row of the feed; None if a field has an impossible type."""
    try:
        return _ROW.decode(raw)
    except (ValueError, RecursionError):
        return None


def read_identity(raw: msgspec.Raw) -> int | None:
    """Return the game id of a row that ``read_row`` could not read; None if that fails too."""
    try:
        return _IDENTITY.decode(raw).game_id
    except (ValueError, RecursionError):
        return None


_STRING = msgspec.json.Decoder(str)
_ENVELOPE = msgspec.json.Decoder(_Envelope, strict=False)
_RESULT_TEXTS = msgspec.json.Decoder(_ResultTexts)
_FEED = msgspec.json.Decoder(Feed, strict=False)
_ROW = msgspec.json.Decoder(FeedRow, strict=False)
_IDENTITY = msgspec.json.Decoder(RowIdentity, strict=False)
