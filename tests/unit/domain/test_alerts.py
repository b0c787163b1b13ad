"""The catalogue of alerts: ids that never change, and what a raised alert says."""

from datetime import UTC, datetime

import pytest

from keter.domain.alerts import AlertKind, Level, made_plain, mismatch, runbook_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Stored under these names since the first version: spelt with underscores, unlike their pages.
UNDERSCORED = {
    AlertKind.DAILY_LOSS_LIMIT: "daily_loss_limit",
    AlertKind.LOSING_STREAK: "losing_streak",
    AlertKind.VENUE_REFUSED: "venue_refused",
    AlertKind.VENUE_TIMEOUTS: "venue_timeouts",
    AlertKind.FEED_STALE: "feed_stale",
    AlertKind.FEED_OVERFLOW: "feed_overflow",
    AlertKind.LOW_EV_STREAK: "low_ev_streak",
}


@pytest.mark.parametrize("kind", AlertKind)
def test_an_id_keeps_its_spelling_and_leads_to_its_page(kind: AlertKind) -> None:
    name = UNDERSCORED.get(kind, kind.id)
    assert kind.alert_id() == name
    assert kind.alert_id("acc:live") == f"{name}:acc:live"
    assert runbook_id(kind.alert_id("acc")) == kind.id == kind.name.lower().replace("_", "-")


def test_an_alert_says_what_its_kind_says_where_nothing_else_is_worded() -> None:
    kind = AlertKind.REDIS_MEMORY
    alert = kind.alert("Redis has used 75 %.", NOON, level="ticket")
    assert (alert.id, alert.level, alert.title) == (kind.id, "ticket", kind.title)
    assert (alert.action, alert.link, alert.runbook) == (kind.action, kind.link, kind.id)
    assert (alert.detail, alert.since) == ("Redis has used 75 %.", NOON)


def test_an_alert_has_the_wording_of_its_kind() -> None:
    alert = AlertKind.FEED_STALE.alert("Old.", NOON, about="acc:live", phase="live")
    assert (alert.id, alert.title) == ("feed_stale:acc:live", "The live feed is stale")
    assert (alert.level, alert.link) == ("page", "")
    assert alert.action.startswith("Look at the venue's status")
    assert AlertKind.LOW_EV_STREAK.alert("None.", NOON).action == ""


@pytest.mark.parametrize(
    "word", ["stake", "price", "selection", "state", "record", "result", "settlement"]
)
def test_a_difference_is_found_by_its_word(word: str) -> None:
    alert = mismatch(word).alert("They differ.", NOON, about="i1")
    assert alert.id == f"bet-{word}-mismatch:i1"
    assert alert.title == f"The venue's {word} is not ours"


def test_a_word_that_the_catalogue_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError):
        mismatch("weather")


def test_every_level_is_one_of_the_three() -> None:
    levels: set[Level] = {"page", "ticket", "info"}
    assert {kind.level for kind in AlertKind} <= levels


def test_texts_lose_what_no_channel_could_write() -> None:
    alert = AlertKind.VENUE_REFUSED.alert("bad\x1b[2J \ud800 words", NOON, about="acc")
    assert made_plain(alert).detail == "bad [2J \ufffd words"
