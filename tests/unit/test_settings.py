"""Settings come from one place, wrong ones are named without being shown."""

from decimal import Decimal
from pathlib import Path

import pytest

from keter.domain.limits import LIVE_LIMITS
from keter.domain.market_kinds import MarketKind
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, ExitCode, UsageError
from keter.pricing.margin import METHODS
from keter.settings import entries, load_settings


def load(tmp_path: Path, text: str, **environ: str) -> object:
    file = tmp_path / ".env"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def test_without_anything_it_is_dry_and_needs_no_account() -> None:
    settings = load_settings(None, {})
    assert settings.mode.execution_mode is ExecutionMode.DRY
    assert settings.uses_sandbox
    assert not settings.live
    assert settings.edge.sharp_whitelist == ("PIN", "ISN", "SBO")
    assert settings.edge.devig_method(MarketKind.ASIAN_HANDICAP) == "multiplicative"


def test_the_environment_wins_over_the_file_and_sources_say_so(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("FIXED_STAKE=7\nMIN_EV_PCT=3\n")
    settings = load_settings(file, {"FIXED_STAKE": "8.50"})
    assert settings.stake.fixed_stake == Decimal("8.50")
    assert settings.edge.min_ev_pct == 3
    assert settings.sources["FIXED_STAKE"] == "environment"
    assert settings.sources["MIN_EV_PCT"] == ".env"
    assert settings.sources["EV_MAX_PCT"] == "default"


def test_a_byte_order_mark_quotes_and_spaces_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b'\xef\xbb\xbfSHARP_WHITELIST=" PIN , ISN "\r\nMIN_SHARP_SOURCES= 2 \r\n')
    assert load_settings(file, {}).edge.sharp_whitelist == ("PIN", "ISN")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("FIXD_STAKE=1", "did you mean FIXED_STAKE"),
        ("NONSENSE_KEY=1", "docs/configuration.md"),
        ("FIXED_STAKE=abc", "FIXED_STAKE .* valid decimal"),
        ("FIXED_STAKE=1.005", "FIXED_STAKE"),
        ("FIXED_STAKE=-1", "FIXED_STAKE"),
        ("MIN_EV_PCT=nan", "MIN_EV_PCT"),
        ("DASH_PORT=99999", "DASH_PORT"),
        ("TIME_ZONE=Mars/Olympus", "TIME_ZONE .*IANA"),
        ("EXECUTION_MODE=live", "EXECUTION_MODE"),
        ("EV_MAX_PCT=1", "EV_MAX_PCT must be above MIN_EV_PCT"),
        ("MIN_SHARP_SOURCES=9", "MIN_SHARP_SOURCES"),
        ("EXEC_LOCK_TTL_S=12", "EXEC_LOCK_TTL_S must exceed"),
        ("FIXED_STAKE", "has no value"),
        ("AO_PASS=change-me", "placeholder"),
        (f"AO_USER={'x' * 65}\nAO_PASS=mine", "AO_USER .*: is longer than 64 characters"),
        ("AO_USER=me\u202eyou\nAO_PASS=mine", "AO_USER .*: holds a character that cannot be seen"),
        ("AO_BASE_URL=ftp://x", "AO_BASE_URL"),
        ("AO_BASE_URL=http://x:port", "AO_BASE_URL .*http"),
        ("AO_SPORTS=football", r"AO_SPORTS .*numbers.*Did you mean 1 \(football\)\?"),
        ("AO_SPORTS=1,tenis", r"AO_SPORTS .*numbers of sports.*Did you mean 3 \(tennis\)\?"),
        ("AO_SPORTS=5", r"AO_SPORTS .*rules are modelled: 1 \(football\), 2 \(basketball\)"),
        ("AO_SPORTS=,", "AO_SPORTS .*numbers"),
        ("REDIS_URL=localhost:6379", "REDIS_URL .*redis://host"),
        ("REDIS_URL=redis://localhost:port", "REDIS_URL .*redis://host"),
        ("TIME_ZONE=Europe", "TIME_ZONE .*IANA"),
        ("TIME_ZONE=", "TIME_ZONE .*IANA"),
        ("DEVIG_METHOD_AH=mulitplicative", "DEVIG_METHOD_AH .*'shin'"),
        ("MARKET_TYPE_BLACKLIST=1x2,corners", "MARKET_TYPE_BLACKLIST .*ht.ah"),
        ("DAILY_LOSS_LIMIT_UNITS=inf", "DAILY_LOSS_LIMIT_UNITS .*finite"),
        ("HORIZON_H=1e9", "HORIZON_H .*8760"),
        ("RESERVATION_TTL_S=1e300", "RESERVATION_TTL_S"),
        ("SANDBOX_PORT=8080", "SANDBOX_PORT and DASH_PORT"),
        ("AO_USER=me", "AO_USER and AO_PASS go together"),
        ("AO_PASS=mine", "AO_USER and AO_PASS go together"),
        ("MAX_STAKE=20\nMAX_STAKE=200", "MAX_STAKE is set twice"),
        ("# fine\n\nFIXED_STAKE 5", "line 3 cannot be read"),
        ("MAX_STAKE='20\nFIXED_STAKE=5", "line 1 cannot be read"),
        ("=5", "line 1 cannot be read"),
    ],
)
def test_a_wrong_file_is_one_clear_sentence_with_the_configuration_exit_code(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        load(tmp_path, text + "\n")
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"AO_PASS=p\xe4ss\n")
    (tmp_path / "folder").mkdir()
    for name, says in (("latin", "not UTF-8"), ("folder", "directory")):
        with pytest.raises(ConfigurationError, match=f"{name} cannot be read: .*{says}"):
            load_settings(tmp_path / name, {})


def test_comments_exports_and_quotes_are_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# a comment\n\nexport FIXED_STAKE=7 # unit\nAO_USER=me\nAO_PASS='a # b\"'\n\n")
    settings = load_settings(file, {})
    assert settings.stake.fixed_stake == 7
    assert settings.venue.ao_pass.get_secret_value() == 'a # b"'


def test_every_margin_method_may_be_chosen_for_every_kind_of_market() -> None:
    for kind in MarketKind:
        for method in METHODS:
            name = f"DEVIG_METHOD_{kind.value.upper()}"
            assert load_settings(None, {name: method}).edge.devig_method(kind) == method


def test_no_error_shows_a_value(tmp_path: Path) -> None:
    canary = "s3cr3t-canary-931"
    numbers, texts = (
        ("FIXED_STAKE", "REDIS_PORT", "AO_SPORTS"),
        ("AO_USER", "AO_BASE_URL", "REDIS_URL"),
    )
    for name in (*numbers, *texts, "TIME_ZONE", "ACCOUNT_CURRENCY"):
        try:
            load(tmp_path, f"{name}={canary}\nAO_PASS={canary}\nDASH_PORT=x\n")
        except ConfigurationError as e:
            text = f"{e!r} {e} {e.__cause__!r}"
            assert canary not in text
    settings = load_settings(
        None, {"AO_USER": "me", "AO_PASS": canary, "REDIS_URL": f"redis://:{canary}@127.0.0.1/0"}
    )
    assert canary not in repr(settings)
    assert canary not in settings.model_dump_json()


def test_live_limits_count_only_when_set_by_hand() -> None:
    settings = load_settings(None, {"MAX_STAKE": "50"})
    assert "MAX_STAKE" not in settings.missing_live_limits()
    assert "MAX_EXPOSURE_EVENT" in settings.missing_live_limits()


def test_every_setting_is_named_once_and_described() -> None:
    listed = list(entries())
    names = [entry.name for entry in listed]
    assert len(names) == len(set(names))
    assert all(entry.field.description for entry in listed)
    secrets = {entry.name for entry in listed if entry.secret}
    assert {
        "AO_PASS",
        "REDIS_URL",
        "REDIS_PASSWORD",
        "KETER_LICENSE_KEY",
        "TELEGRAM_BOT_TOKEN",
    } <= secrets


TWO = {
    "ACCOUNTS": "alice, BOB",
    "AO_USER__ALICE": "alice1",
    "AO_PASS__ALICE": "made-up",
    "AO_USER__BOB": "bob1",
    "AO_PASS__BOB": "made-up",
}


def test_each_account_has_the_common_values_and_its_own_on_top() -> None:
    settings = load_settings(
        None, {**TWO, "FIXED_STAKE": "4", "FIXED_STAKE__BOB": "2", "EXECUTION_MODE__BOB": "LIVE"}
    )
    assert [one.key for one in settings.accounts] == ["asianodds:alice1", "asianodds:bob1"]
    alice, bob = (settings.of(account.key) for account in settings.accounts)
    assert (alice.label, bob.label) == ("ALICE", "BOB")
    assert [alice.stake.fixed_stake, bob.stake.fixed_stake] == [4, 2]
    assert [one.mode for one in settings.accounts] == [ExecutionMode.DRY, ExecutionMode.LIVE]
    assert settings.live
    assert (alice.live, bob.live) == (False, True)
    assert not settings.uses_sandbox
    assert settings.account.key == "asianodds:alice1", "what names no account means the first"


def test_one_account_is_named_by_its_id_its_name_or_not_at_all() -> None:
    alone = load_settings(None, {"AO_USER": "me", "AO_PASS": "made-up"})
    two = load_settings(None, TWO)
    assert alone.named("").key == alone.named("me").key == "asianodds:me"
    assert two.named("bob1").key == two.named("asianodds:bob1").key == "asianodds:bob1"
    for text in ("", "carol", "BOB"):
        with pytest.raises(UsageError, match="asianodds:alice1, asianodds:bob1"):
            two.named(text)
    with pytest.raises(UsageError, match="no account asianodds:me"):
        two.of("asianodds:me")


def test_own_values_come_from_file_and_environment_and_their_sources_say_so(
    tmp_path: Path,
) -> None:
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in TWO.items()) + "MAX_STAKE=40\n")
    settings = load_settings(file, {"MAX_STAKE__ALICE": "30"})
    alice, bob = settings.parts
    assert [alice.risk.max_stake, bob.risk.max_stake] == [30, 40]
    assert (alice.sources["MAX_STAKE"], bob.sources["MAX_STAKE"]) == ("environment", ".env")
    assert settings.sources["MAX_STAKE__ALICE"] == "environment"
    assert "MAX_STAKE__BOB" not in settings.sources


def test_the_environment_wins_over_the_file_for_an_own_value_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("FIXED_STAKE__ALICE=7\n")
    assert load_settings(file, {**TWO, "FIXED_STAKE__ALICE": "8"}).parts[0].stake.fixed_stake == 8


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"AO_USER__BOB": "", "AO_PASS__BOB": ""}, "BOB: set AO_USER__BOB and AO_PASS__BOB"),
        ({"AO_PASS__BOB": ""}, "account BOB: .*AO_USER and AO_PASS go together"),
        ({"AO_USER__BOB": "alice1"}, "two of ACCOUNTS are asianodds:alice1"),
        ({"ACCOUNTS": "ALICE,B-B"}, "letters and digits"),
        ({"ACCOUNTS": "ALICE,alice"}, "names an account twice"),
        ({"FIXED_STAKE__BOB": "51"}, "account BOB: .*FIXED_STAKE is above MAX_STAKE"),
        ({"MAX_STAKE__ALICE": "x"}, r"account ALICE: MAX_STAKE__ALICE \(environment\)"),
    ],
)
def test_a_wrong_account_is_told_with_its_name(changes: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as told:
        load_settings(None, {**TWO, **changes})
    assert "made-up" not in str(told.value)


@pytest.mark.parametrize(
    "name",
    [
        "MIN_EV_PCT__ALICE",
        "GATHER_SIGNALS_SEC__ALICE",
        "REDIS_URL__ALICE",
        "DATA_DIR__ALICE",
        "ACCOUNTS__ALICE",
        "FIXED_STAKE__CAROL",
        "FIXED_STAKE__alice",
    ],
)
def test_what_is_common_to_all_accounts_or_of_nobody_is_no_setting(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown setting {name}"):
        load(tmp_path, f"{name}=1\n", **TWO)


def test_without_accounts_there_are_no_own_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown setting FIXED_STAKE__ALICE"):
        load(tmp_path, "FIXED_STAKE__ALICE=2\n")


def test_live_limits_of_an_account_are_set_by_hand_for_all_or_for_it_alone() -> None:
    for_all = {name.upper(): "1" for name in LIVE_LIMITS if name != "max_stake"}
    live = {**TWO, **for_all, "FIXED_STAKE": "1", "EXECUTION_MODE__BOB": "LIVE"}
    assert load_settings(None, live).missing_live_limits() == ("MAX_STAKE",)
    others = load_settings(None, {**live, "MAX_STAKE__ALICE": "5"})
    assert others.missing_live_limits() == ("MAX_STAKE",), "what is DRY needs none and gives none"
    assert load_settings(None, {**live, "MAX_STAKE__BOB": "5"}).missing_live_limits() == ()


def test_own_settings_are_listed_with_the_account_that_they_are_for() -> None:
    settings = load_settings(None, {**TWO, "FIXED_STAKE": "4", "FIXED_STAKE__BOB": "2"})
    own = {entry.name: entry for entry in entries(settings) if entry.label}
    assert set(own) == set(TWO) - {"ACCOUNTS"} | {"FIXED_STAKE__BOB"}
    stake = own["FIXED_STAKE__BOB"]
    assert (stake.common, stake.label, stake.value_in(settings)) == ("FIXED_STAKE", "BOB", 2)
    assert own["AO_PASS__BOB"].secret
