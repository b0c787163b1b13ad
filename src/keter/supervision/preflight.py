"""What must be in place before anything starts.

Each check raises an error that says what to do.
"""

import errno
import os
import socket

from keter.clock import Clock
from keter.domain.accounts import Account
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, UnavailableError, UsageError
from keter.license.keeper import LicenseKeeper
from keter.settings import Settings
from keter.system.addresses import LOOPBACK, is_loopback
from keter.system.private_files import make_folder
from keter.trust import require_safe_transport


def check_folder(settings: Settings) -> None:
    """Make DATA_DIR and the folders that every process writes to, and try to write there.

    Raises ConfigurationError.
    """
    data_dir = settings.mode.data_dir
    for folder in (data_dir, data_dir / "run", data_dir / "logs"):
        try:
            make_folder(folder)
            probe = folder / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as e:
            raise ConfigurationError(
                f"DATA_DIR ({folder}) cannot be written: {e.strerror or e}"
            ) from e


def check_ports(settings: Settings) -> None:
    """Check that nothing listens where the page and the sandbox will. Raises as ``check_port``."""
    check_port(settings.dashboard.dash_host, settings.dashboard.dash_port)
    if settings.uses_sandbox:
        check_port(LOOPBACK, settings.sandbox.sandbox_port, setting="SANDBOX_PORT")


def check_port(host: str, port: int, *, setting: str = "DASH_PORT") -> None:
    """Check that nothing listens on this port. Port 0 stands for a free one.

    ``setting`` names where the port is set.

    Raises UnavailableError for a port that is taken.
    Raises ConfigurationError for an address that is not ours or a port that we may not open.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # On POSIX: in spite of connections that have just ended. On Windows it means more.
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except PermissionError as e:
        raise ConfigurationError(
            f"{setting}: port {port} may not be opened by this user; choose one above 1023"
        ) from e
    except OSError as e:
        if isinstance(e, socket.gaierror) or e.errno == errno.EADDRNOTAVAIL:
            raise ConfigurationError(f"DASH_HOST: {host} is no address of this machine") from e
        raise UnavailableError(
            f"port {port} on {host} is taken by another program (or by another Keter); stop it or"
            f" set {setting} to a free port"
        ) from e


def check_bind(settings: Settings) -> None:
    """Check that the console is open to other machines only with everything that this needs.

    Raises ConfigurationError.
    """
    dashboard = settings.dashboard
    password = bool(dashboard.dash_password_hash.get_secret_value())
    if is_loopback(dashboard.dash_host):
        if (dashboard.dash_trusted_proxies or dashboard.dash_allowed_hosts) and not password:
            raise ConfigurationError(
                "DASH_TRUSTED_PROXIES and DASH_ALLOWED_HOSTS let others reach the console; also set"
                " DASH_PASSWORD_HASH (`keter config password`), or remove them and use an SSH"
                " tunnel"
            )
        return
    missing = [
        name
        for name, there in (
            ("DASH_PASSWORD_HASH", password),
            ("DASH_ALLOWED_HOSTS", bool(dashboard.dash_allowed_hosts)),
            ("DASH_ALLOW_REMOTE=true", dashboard.dash_allow_remote),
        )
        if not there
    ]
    if missing:
        raise ConfigurationError(
            f"DASH_HOST={dashboard.dash_host} would open the console to other machines; also set"
            f" {', '.join(missing)}, or keep 127.0.0.1 and use an SSH tunnel"
        )


def check_live(settings: Settings, clock: Clock) -> None:
    """Check everything that LIVE needs before it may start.

    DRY passes, unless LICENSE_REQUIRED_FOR=all.

    Raises ConfigurationError for missing credentials or limits.
    Raises it also for a connection that others can listen to.
    Raises PermissionDeniedError for the licence.
    """
    check_credentials(settings)
    if settings.live:
        require_safe_transport(settings)
    check_permission(settings, clock)


def check_credentials(settings: Settings) -> None:
    """Check that LIVE has an account, which betting and following both need.

    Raises ConfigurationError.
    """
    if settings.live and settings.venue.simulated:
        raise ConfigurationError(
            "LIVE needs an account: set AO_USER and AO_PASS, or EXECUTION_MODE=DRY."
        )


def check_permission(settings: Settings, clock: Clock) -> None:
    """Check what LIVE needs to bet besides an arming.

    Raises ConfigurationError for limits, PermissionDeniedError for the licence.
    """
    if settings.live and (missing := settings.missing_live_limits()):
        raise ConfigurationError(
            f"LIVE needs its limits set by hand; missing: {', '.join(missing)}."
        )
    LicenseKeeper(settings, clock).require()


def armable(settings: Settings, clock: Clock) -> tuple[Account, ...]:
    """Return the accounts whose LIVE bets may be allowed now.

    Raises UsageError in DRY, which needs no arming, and as ``check_live``.
    """
    if not settings.live:
        raise UsageError("arming is for LIVE; EXECUTION_MODE is DRY and needs none")
    check_live(settings, clock)
    return tuple(one for one in settings.accounts if one.mode is ExecutionMode.LIVE)
