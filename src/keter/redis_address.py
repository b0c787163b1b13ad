"""What a Redis address may be, checked before anything connects.

No part of an address is ever shown.
A password with ``@``, ``/``, ``?`` or ``#`` in it shifts the parts of an address.
The host, the database or an option is then the rest of the password.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import parse_qsl, urlsplit

FORM = (
    "must be an address such as redis://host:6379/0 or rediss://host:6380/0; in a password write "
    "@ as %40, / as %2F, ? as %3F, # as %23, : as %3A and % as %25"
)
TLS_OPTIONS = frozenset(
    {
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_cert_reqs",
        "ssl_check_hostname",
    }
)
# Other options of redis-py, such as socket_timeout and retry_on_timeout, are refused.
# They would undo our time-outs and repeat commands.
COMMON = frozenset({"db", "client_name", "username", "password"})
OPTIONS = {"redis": COMMON, "rediss": COMMON | TLS_OPTIONS, "unix": COMMON}
VALUES = {
    "db": re.compile(r"[0-9]{1,5}"),
    "ssl_cert_reqs": re.compile("none|optional|required"),
    "ssl_check_hostname": re.compile("true|false", re.IGNORECASE),
}
_OPTION_NAME = re.compile(r"[a-z][a-z_]{0,29}")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


def problem_of_url(text: str) -> str | None:
    """Return what is wrong with an address, None if nothing is.

    The text has no part of the address but the name of an option.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return FORM
    if (
        parts.scheme not in OPTIONS
        or parts.fragment
        or "#" in text
        or not text.isprintable()
        or " " in text
    ):
        return FORM
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.startswith("/"):
            return "must name a socket absolutely, such as unix:///run/redis/redis.sock"
    elif (
        not parts.hostname
        or port == 0
        or not is_host(parts.hostname)
        or not re.fullmatch(r"(/[0-9]{0,5})?", parts.path)
    ):
        return FORM
    return _problem_of_options(parts.scheme, parts.query)


def _problem_of_options(scheme: str, query: str) -> str | None:
    if "@" in query:  # the rest of a password, and the host behind it
        return FORM
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS[scheme]:
            known = ", ".join(sorted(OPTIONS[scheme]))
            shown = f"the option {name}" if _OPTION_NAME.fullmatch(name) else "an option"
            only = " without TLS (rediss://)" if name in TLS_OPTIONS else ""
            return f"has {shown}, which Keter does not know{only}; it knows {known}"
        if not value or (name in VALUES and not VALUES[name].fullmatch(value)):
            return f"has a value of the option {name} that it cannot have"
    return None


def is_host(text: str) -> bool:
    """Return True if ``text`` can be a host name or an address, without a port."""
    if ":" not in text:
        return _HOST_NAME.fullmatch(text) is not None
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
