"""Settings come from one place, wrong ones are named without being shown."""

from decimal import Decimal
from pathlib import Path

import pytest

from keter.domain.markets import MarketKind
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, ExitCode
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
        ("AO_SPORTS=football", "AO_SPORTS .*numbers"),
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
