"""Open LIVE bets are followed whatever is missing for new ones; with nothing open a start is
refused as ever.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.domain.order_states import OrderState
from keter.domain.processes import EVERYTHING, RECORDING
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, KeterError, PermissionDeniedError, UnavailableError
from keter.license.keeper import license_file
from keter.license.token import issue, load_private_key, new_key
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings, load_settings
from keter.supervision.following import following_text, obstacle, start_following
from keter.supervision.launch import banner
from keter.supervision.preflight import armable
from keter.supervision.up import why_following_only
from tests.kit.execution import ACCOUNT, USER, an_event, an_intent
from tests.kit.ledger_contract import WAY_TO
from tests.unit.supervision.test_preflight import LIMITS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLOCK = ManualClock(NOW)
PEM, PUBLIC = new_key()
S = OrderState
LIVE = ExecutionMode.LIVE


def token(days: float = 1) -> str:
    made = NOW - timedelta(days=30)
    return issue(load_private_key(PEM), "Ada", now=made, valid_for=timedelta(days=30 + days))


READY = {
    "EXECUTION_MODE": "LIVE",
    "AO_USER": USER,
    "AO_PASS": "p",
    **LIMITS,
    "KETER_LICENSE_KEY": token(),
    "LICENSE_PUBLIC_KEY": PUBLIC,
}
LACKING: dict[str, tuple[dict[str, str], str, int]] = {
    "no licence": (
        {"KETER_LICENSE_KEY": ""},
        "there is no licence; get one as docs/licences.md tells",
        77,
    ),
    "ended": (
        {"KETER_LICENSE_KEY": token(-1)},
        "the licence ended on 2026-02-28 00:00 UTC; get a new one",
        77,
    ),
    "another issuer's": ({"LICENSE_PUBLIC_KEY": new_key()[1]}, "the licence does not verify", 77),
    "no public key": (
        {"LICENSE_PUBLIC_KEY": ""},
        "there is a licence, and no public key to verify it with; set LICENSE_",
        77,
    ),
    "no key at all": (
        {"LICENSE_PUBLIC_KEY": "not-a-key"},
        "LICENSE_PUBLIC_KEY is not an Ed25519 public key",
        78,
    ),
    "limits": ({"MAX_STAKE": ""}, "LIVE needs its limits set by hand; missing: MAX_STAKE", 78),
}


def settings(folder: Path, lacking: dict[str, str] | None = None, **more: str) -> Settings:
    """Return what LIVE needs, but for what is lacking; an empty limit is one that is not set."""
    values = {"DATA_DIR": str(folder), **READY, **(lacking or {}), **more}
    return load_settings(
        None, {name: value for name, value in values.items() if value or not name.startswith("MAX")}
    )


def put_bets(
    folder: Path,
    state: OrderState,
    *,
    count: int = 1,
    account: str = ACCOUNT,
    mode: ExecutionMode = LIVE,
) -> None:
    async def put() -> None:
        ledger = await open_settings_ledger(settings(folder), clock=CLOCK)
        for n in range(count):
            name = f"{account}{mode}{state}{n}"
            await ledger.orders.create(
                an_intent(name, event=an_event(name), mode=mode, account=account), worker="w"
            )
            for step in WAY_TO[state]:
                await ledger.orders.transition(name, step, at=NOW, cause="test", worker="w")
        await ledger.aclose()

    asyncio.run(put())


@pytest.mark.parametrize("lacking", LACKING)
def test_with_nothing_open_a_start_is_refused_with_its_reason(tmp_path: Path, lacking: str) -> None:
    environ, why, code = LACKING[lacking]
    for state in (None, S.LOST, S.INTENDED):
        if state is not None:
            put_bets(tmp_path, state)
        with pytest.raises(KeterError) as refused:
            start_following(settings(tmp_path, environ), CLOCK)
        assert why in str(refused.value)
        assert refused.value.exit_code == code


@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("state", [S.SENDING, S.OPEN, S.FILLED, S.UNKNOWN])
def test_with_a_bet_that_may_be_at_the_venue_it_is_followed(
    tmp_path: Path, lacking: str, state: OrderState
) -> None:
    environ, why, _ = LACKING[lacking]
    put_bets(tmp_path, state, count=2)
    told = start_following(settings(tmp_path, environ), CLOCK)
    assert told is not None
    assert told.startswith("following 2 open bets only, nothing is bet: ")
    assert why in told


@pytest.mark.parametrize("lacking", LACKING)
def test_while_it_follows_arming_is_refused_with_the_sentence(tmp_path: Path, lacking: str) -> None:
    environ, why, code = LACKING[lacking]
    put_bets(tmp_path, S.FILLED)
    with pytest.raises(KeterError) as refused:
        armable(settings(tmp_path, environ), CLOCK)
    assert why in str(refused.value)
    assert refused.value.exit_code == code


def test_live_that_lacks_nothing_and_dry_start_as_ever(tmp_path: Path) -> None:
    put_bets(tmp_path, S.FILLED)
    assert start_following(settings(tmp_path), CLOCK) is None
    assert obstacle(settings(tmp_path), CLOCK) is None
    dry = settings(tmp_path, LACKING["no licence"][0], EXECUTION_MODE="DRY")
    assert (start_following(dry, CLOCK), obstacle(dry, CLOCK)) == (None, None)


def test_bets_on_paper_are_not_followed_without_the_licence_that_was_asked_for(
    tmp_path: Path,
) -> None:
    put_bets(tmp_path, S.FILLED, mode=ExecutionMode.DRY)
    put_bets(tmp_path, S.FILLED)
    dry = settings(tmp_path, LACKING["ended"][0], EXECUTION_MODE="DRY", LICENSE_REQUIRED_FOR="all")
    with pytest.raises(PermissionDeniedError, match="DRY needs a valid licence"):
        start_following(dry, CLOCK)


def test_nothing_is_followed_without_credentials_and_the_bets_that_wait_for_them_are_named(
    tmp_path: Path,
) -> None:
    put_bets(tmp_path, S.FILLED, count=3)
    with pytest.raises(
        ConfigurationError, match=f"AO_PASS.* 3 open LIVE bets of {ACCOUNT} wait for its user name"
    ):
        start_following(settings(tmp_path, {"AO_USER": "", "AO_PASS": ""}), CLOCK)


def test_another_accounts_bets_are_no_reason_to_start_and_are_named(tmp_path: Path) -> None:
    put_bets(tmp_path, S.UNKNOWN, account="OTHER")
    with pytest.raises(
        PermissionDeniedError, match=r"there is no licence.* 1 open LIVE bets of OTHER wait"
    ):
        start_following(settings(tmp_path, LACKING["no licence"][0]), CLOCK)


def test_a_ledger_that_cannot_be_read_is_no_proof_that_nothing_is_open(tmp_path: Path) -> None:
    """Exit code 69, which a service manager tries again, and not the final 77."""
    (tmp_path / "ledger.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(
        UnavailableError, match=r"there is no licence.* Whether LIVE bets are open is not known"
    ):
        start_following(settings(tmp_path, LACKING["no licence"][0]), CLOCK)


def test_a_recording_has_no_tracker_and_follows_nothing(tmp_path: Path) -> None:
    put_bets(tmp_path, S.FILLED)
    without = settings(tmp_path, LACKING["no licence"][0])
    assert why_following_only(without, CLOCK, EVERYTHING) is not None
    with pytest.raises(PermissionDeniedError):
        why_following_only(without, CLOCK, RECORDING)


def test_a_licence_put_into_its_file_ends_it(tmp_path: Path) -> None:
    conf = settings(tmp_path, {"KETER_LICENSE_KEY": ""})
    assert obstacle(conf, CLOCK) is not None
    license_file(conf).write_text(token())
    assert obstacle(conf, CLOCK) is None


@pytest.mark.parametrize("content", [b"caf\xe9", b"\x00\xff"])
def test_a_licence_file_that_is_no_text_is_one_that_does_not_hold(
    tmp_path: Path, content: bytes
) -> None:
    conf = settings(tmp_path, {"KETER_LICENSE_KEY": ""})
    license_file(conf).write_bytes(content)
    told = obstacle(conf, CLOCK)
    assert told is not None
    assert "cannot be read: it is not UTF-8 text" in told


def test_the_number_of_open_bets_is_told_as_it_is_known() -> None:
    assert following_text(1, "why.").startswith("following 1 open bet only, nothing is bet: why.")
    assert following_text(None, "why.").startswith("following open bets only")
    assert following_text(0, "why.") == "nothing is bet and nothing is left to follow: why."


def test_the_banner_says_that_nothing_is_bet(tmp_path: Path) -> None:
    told = following_text(17, "the licence ended.")
    text = "\n".join(banner(settings(tmp_path), page="p", redis="r", sandbox=None, following=told))
    assert "LIVE: following 17 open bets only, nothing is bet: the licence ended." in text
    assert "once armed" not in text


@pytest.mark.parametrize("more", [{}, {"KETER_LICENSE_KEY": ""}])
@pytest.mark.parametrize(
    "way", [{"AO_BASE_URL": "http://venue.example"}, {"REDIS_URL": "redis://redis.example"}]
)
def test_nothing_starts_over_a_connection_that_others_can_listen_to(
    tmp_path: Path, way: dict[str, str], more: dict[str, str]
) -> None:
    """Before anything is started, so that no process sends the password first; also where bets
    would be followed.
    """
    put_bets(tmp_path, S.FILLED)
    with pytest.raises(ConfigurationError, match=r"LIVE refuses the (venue|Redis) at"):
        why_following_only(settings(tmp_path, {**way, **more}), CLOCK, EVERYTHING)
