"""Whether betting is licensed: from where the licence comes, and what the mark remembers."""

from datetime import timedelta
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.errors import PermissionDeniedError
from keter.license.keeper import FileClockMark, LicenseKeeper, license_file
from keter.license.token import issue
from keter.settings import Settings, load_settings
from tests.unit.license.test_token import NOW, PRIVATE, PUBLIC, YEAR, token


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), "LICENSE_PUBLIC_KEY": PUBLIC, **environ})


def test_dry_needs_no_licence_unless_told_so(tmp_path: Path) -> None:
    assert LicenseKeeper(settings(tmp_path), ManualClock(NOW)).require() is None
    with pytest.raises(PermissionDeniedError, match="DRY needs a valid licence"):
        LicenseKeeper(settings(tmp_path, LICENSE_REQUIRED_FOR="all"), ManualClock(NOW)).require()


def test_live_without_a_licence_is_told_where_to_get_one(tmp_path: Path) -> None:
    keeper = LicenseKeeper(
        settings(tmp_path, EXECUTION_MODE="LIVE", LICENSE_OBTAIN_URL="https://shop.test/x"),
        ManualClock(NOW),
    )
    with pytest.raises(PermissionDeniedError, match=r"https://shop\.test/x") as caught:
        keeper.require()
    assert caught.value.exit_code == 77


def test_a_licence_comes_from_the_environment_or_the_file(tmp_path: Path) -> None:
    live = {"EXECUTION_MODE": "LIVE"}
    found = LicenseKeeper(
        settings(tmp_path, KETER_LICENSE_KEY=token(), **live), ManualClock(NOW)
    ).require()
    assert found is not None
    from_file = settings(tmp_path, **live)
    license_file(from_file).write_text(f"\ufeff{token(sub='Bob')}\n", encoding="utf-8")
    second = LicenseKeeper(from_file, ManualClock(NOW)).require()
    assert second is not None
    assert second.holder == "Bob"


def test_a_licence_that_ends_while_running_stops_holding(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    keeper = LicenseKeeper(
        settings(tmp_path, EXECUTION_MODE="LIVE", KETER_LICENSE_KEY=token()), clock
    )
    keeper.require()
    clock.set(NOW + timedelta(hours=1, minutes=1))
    with pytest.raises(PermissionDeniedError, match="ended"):
        keeper.require()


def test_the_mark_is_kept_between_runs_and_only_moves_forward(tmp_path: Path) -> None:
    conf = settings(tmp_path, KETER_LICENSE_KEY=issue(PRIVATE, "Ada", now=NOW, valid_for=YEAR))
    LicenseKeeper(conf, ManualClock(NOW + timedelta(days=30))).check()
    assert FileClockMark(tmp_path / ".clock_mark").read() == NOW + timedelta(days=30)
    LicenseKeeper(conf, ManualClock(NOW + timedelta(days=29, hours=12))).check()
    assert FileClockMark(tmp_path / ".clock_mark").read() == NOW + timedelta(days=30)
    with pytest.raises(PermissionDeniedError, match="clock"):
        LicenseKeeper(conf, ManualClock(NOW + timedelta(days=2))).check()


def test_an_end_that_was_seen_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    """The mark's last step was before the end: without the end itself in it, setting the clock back
    would do.
    """
    conf = settings(tmp_path, KETER_LICENSE_KEY=token())
    LicenseKeeper(conf, ManualClock(NOW + timedelta(minutes=30))).check()
    for moment in (timedelta(hours=1, minutes=1), timedelta(0), timedelta(minutes=31)):
        with pytest.raises(PermissionDeniedError, match="ended") as told:
            LicenseKeeper(conf, ManualClock(NOW + moment)).check()
    assert "this machine has seen" in str(told.value)


def test_a_clock_that_was_wrong_by_years_does_not_spoil_the_next_licence(tmp_path: Path) -> None:
    old, clock = settings(tmp_path, KETER_LICENSE_KEY=token()), ManualClock(NOW + 9 * YEAR)
    keeper = LicenseKeeper(old, clock)
    for _ in range(2):
        with pytest.raises(PermissionDeniedError, match="ended"):
            keeper.check()
        clock.set(NOW)
    new = settings(tmp_path, KETER_LICENSE_KEY=issue(PRIVATE, "Ada", now=NOW, valid_for=YEAR))
    assert LicenseKeeper(new, ManualClock(NOW + timedelta(hours=2))).check().holder == "Ada"


def test_time_goes_on_for_a_licence_whose_clock_is_set_back_again_and_again(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    keeper = LicenseKeeper(settings(tmp_path, KETER_LICENSE_KEY=token()), clock)
    for _ in range(5):
        keeper.check()
        clock.set(NOW + timedelta(minutes=10))
        clock.set(NOW)
    clock.set(NOW + timedelta(minutes=11))
    with pytest.raises(PermissionDeniedError, match="ended"):
        keeper.check()


def test_a_broken_mark_counts_as_none(tmp_path: Path) -> None:
    mark = FileClockMark(tmp_path / "mark")
    for text in ("", "yesterday", "2026-03-01T00:00:00"):
        (tmp_path / "mark").write_text(text)
        assert mark.read() is None
