"""Before anything starts, what is missing is said in one sentence with the right exit code."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.errors import ConfigurationError, PermissionDeniedError, UnavailableError
from keter.license.token import issue, load_private_key, new_key
from keter.settings import Settings, load_settings
from keter.supervision.preflight import check_folder, check_live, check_port, check_ports
from keter.system.addresses import free_port
from keter.system.private_files import loose_permissions

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LIMITS = {
    "MAX_STAKE": "50",
    "MAX_EXPOSURE_EVENT": "100",
    "MAX_EXPOSURE_LEAGUE": "500",
    "MAX_EXPOSURE_DAY": "1000",
    "MAX_EXPOSURE_TOTAL": "1000",
    "DAILY_LOSS_LIMIT_UNITS": "14",
}
ACCOUNT = {"AO_USER": "u", "AO_PASS": "p"}


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), **environ})


def test_a_free_port_passes_and_may_be_used_afterwards() -> None:
    port = free_port()
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port} .* DASH_PORT"):
            check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"DASH_HOST: {host} is no address of this machine"
    ):
        check_port(host, 8080)


def test_a_taken_port_of_the_sandbox_is_named_where_the_sandbox_is_used(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {"DASH_PORT": "0", "SANDBOX_PORT": str(other.getsockname()[1])}
        with pytest.raises(UnavailableError, match="SANDBOX_PORT to a free port"):
            check_ports(settings(tmp_path, **ports))
        check_ports(settings(tmp_path, **ports, **ACCOUNT))


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        check_folder(settings(tmp_path / "file" / "below"))
    check_folder(settings(tmp_path / "new" / "folder"))
    new = tmp_path / "new" / "folder"
    assert sorted(new.rglob("*")) == [new / "logs", new / "run"], "no trace of the trial stays"


@pytest.mark.parametrize("name", ["run", "logs"])
def test_a_file_where_a_folder_must_be_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(ConfigurationError, match=f"DATA_DIR .*{name}. cannot be written"):
        check_folder(settings(tmp_path))


def test_dry_asks_for_nothing(tmp_path: Path) -> None:
    check_live(settings(tmp_path), ManualClock(NOW))


def test_live_asks_for_account_limits_and_licence_one_after_the_other(tmp_path: Path) -> None:
    live = {"EXECUTION_MODE": "LIVE"}
    with pytest.raises(ConfigurationError, match="AO_USER"):
        check_live(settings(tmp_path, **live), ManualClock(NOW))
    with pytest.raises(ConfigurationError, match=r"missing: MAX_STAKE, .*DAILY_LOSS_LIMIT_UNITS"):
        check_live(settings(tmp_path, **live, **ACCOUNT), ManualClock(NOW))
    with pytest.raises(PermissionDeniedError, match="licence"):
        check_live(settings(tmp_path, **live, **ACCOUNT, **LIMITS), ManualClock(NOW))
    pem, public = new_key()
    licence = issue(load_private_key(pem), "Ada", now=NOW, valid_for=timedelta(days=1))
    keys = {"KETER_LICENSE_KEY": licence, "LICENSE_PUBLIC_KEY": public}
    check_live(settings(tmp_path, **live, **ACCOUNT, **LIMITS, **keys), ManualClock(NOW))


def test_a_file_open_to_others_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert loose_permissions(file) is None
    file.write_text("")
    file.chmod(0o644)
    assert "chmod 600" in str(loose_permissions(file))
    file.chmod(0o600)
    assert loose_permissions(file) is None
