"""Settings handed from the supervisor to its children: whole, equal, and recognisable by their
fingerprint.
"""

import os
from pathlib import Path

import msgspec
import pytest

from keter.domain.processes import RECORDING
from keter.domain.runs import Run
from keter.errors import ConfigurationError
from keter.settings import Settings, entries, load_settings
from keter.supervision.handover import Handover, hand_over, receive
from keter.supervision.run import differing, fingerprint, text_of

GIVEN = {
    "EXECUTION_MODE": "LIVE",
    "AO_USER": "tester",
    "AO_PASS": "s3cret, with = and #",
    "MAX_STAKE": "12.50",
    "SHARP_WHITELIST": "PIN, SBO",
    "MIN_EV_PCT": "4.1",
    "IN_PLAY": "true",
    "DATA_DIR": "somewhere/else",
    "REDIS_URL": "",
}


def settings(**changes: str) -> Settings:
    return load_settings(None, {**GIVEN, **changes})


ACCOUNTS = {
    "ACCOUNTS": "ALICE,BOB",
    "AO_USER__ALICE": "alice1",
    "AO_PASS__ALICE": "s3cret of alice",
    "AO_USER__BOB": "bob1",
    "AO_PASS__BOB": "s3cret of bob",
    "MAX_STAKE__BOB": "11",
    "EXECUTION_MODE__ALICE": "DRY",
}


def run_of(read: Settings) -> Run:
    return Run("run-1", "instance-1", "host", read.accounts, "ledger-1", fingerprint(read))


def through_a_pipe(line: bytes) -> Handover:
    reading, writing = os.pipe()
    try:
        os.write(writing, line)
        os.close(writing)
        return receive(reading)
    finally:
        os.close(reading)


def test_a_child_gets_every_setting_as_the_supervisor_has_it() -> None:
    read = settings()
    got = through_a_pipe(hand_over(read, run_of(read), {}).encode())
    assert got.settings == read
    assert got.settings.missing_live_limits() == read.missing_live_limits()
    assert got.run == run_of(read)


def test_a_child_gets_the_settings_of_each_account() -> None:
    read = settings(**ACCOUNTS)
    got = through_a_pipe(hand_over(read, run_of(read), {}).encode())
    assert got.settings == read
    assert [part.label for part in got.settings.parts] == ["ALICE", "BOB"]
    assert [part.sources for part in got.settings.parts] == [part.sources for part in read.parts]
    assert got.settings.missing_live_limits() == read.missing_live_limits()
    assert got.run.accounts == read.accounts
    assert [str(part.risk.max_stake) for part in got.settings.parts] == ["12.50", "11"]


def test_a_child_is_told_what_else_its_supervisor_starts() -> None:
    read = settings()
    assert through_a_pipe(hand_over(read, run_of(read), {}, RECORDING).encode()).starts == RECORDING


def test_every_kind_of_setting_reads_back_as_the_same_value() -> None:
    read = load_settings(None, {})
    again = load_settings(None, {entry.name: text_of(read, entry) for entry in entries()})
    assert differing(read, again) == ()
    assert again.model_copy(update={"sources": read.sources}) == read


def test_what_the_supervisor_replaces_is_in_force_and_not_in_the_fingerprint() -> None:
    read = settings()
    handed = hand_over(
        read,
        run_of(read),
        {"REDIS_URL": "redis://127.0.0.1:1/0", "AO_BASE_URL": "http://127.0.0.1:2/x"},
    )
    assert handed.settings.redis.redis_url.get_secret_value() == "redis://127.0.0.1:1/0"
    assert handed.settings.venue.ao_base_url == "http://127.0.0.1:2/x"


def test_a_child_refuses_settings_that_are_not_those_of_its_run() -> None:
    read = settings()
    handed = hand_over(read, run_of(settings(MAX_STAKE="13")), {})
    with pytest.raises(ConfigurationError, match="not those of this run"):
        _ = handed.settings


@pytest.mark.parametrize("line", [b"", b"no json\n", b'{"values": 3}\n', b'{"values": {}'])
def test_a_child_without_a_readable_handover_ends_with_a_sentence(line: bytes) -> None:
    with pytest.raises(ConfigurationError) as told:
        through_a_pipe(line)
    assert told.value.exit_code == 78


@pytest.mark.parametrize(
    "change",
    [
        {"MAX_STAKE": "13"},
        {"AO_PASS": "another"},
        {"TIME_ZONE": "Europe/Paris"},
        {"HALT_FILE": "elsewhere/HALT"},
        {"EXECUTION_MODE": "DRY"},
    ],
)
def test_whatever_decides_a_bet_changes_the_fingerprint(change: dict[str, str]) -> None:
    assert fingerprint(settings(**change)) != fingerprint(settings())


@pytest.mark.parametrize(
    "change",
    [
        {"MAX_STAKE__BOB": "10"},
        {"MAX_STAKE__ALICE": "11"},
        {"AO_PASS__BOB": "another"},
        {"EXECUTION_MODE__ALICE": "LIVE"},
        {"ACCOUNTS": "BOB,ALICE"},
    ],
)
def test_whatever_decides_a_bet_of_one_account_changes_the_fingerprint(
    change: dict[str, str],
) -> None:
    one, other = settings(**ACCOUNTS), settings(**{**ACCOUNTS, **change})
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(settings(**ACCOUNTS))


def test_the_settings_that_differ_are_named_with_their_account() -> None:
    one = settings(**ACCOUNTS)
    other = settings(**{**ACCOUNTS, "MAX_STAKE__BOB": "10", "FIXED_STAKE__ALICE": "1"})
    assert set(differing(one, other)) == {"MAX_STAKE__BOB", "FIXED_STAKE__ALICE"}


@pytest.mark.parametrize(
    "change",
    [
        {"DATA_DIR": "elsewhere"},
        {"DASH_PORT": "9999"},
        {"REDIS_HOST": "far"},
        {"LOG_CONSOLE": "none"},
    ],
)
def test_where_a_process_lives_does_not_change_the_fingerprint(change: dict[str, str]) -> None:
    assert fingerprint(settings(**change)) == fingerprint(settings())


def test_the_fingerprint_and_the_names_of_differing_settings_tell_no_secret(tmp_path: Path) -> None:
    one, other = settings(), settings(AO_PASS="quite-another", MAX_STAKE="13")
    assert differing(one, other) == ("AO_PASS", "MAX_STAKE")
    told = (
        fingerprint(other)
        + repr(differing(one, other))
        + msgspec.json.encode(run_of(other)).decode()
    )
    assert "quite-another" not in told
