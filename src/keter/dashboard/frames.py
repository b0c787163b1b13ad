"""What a frame of the live stream brings, and who may open one more socket. Pure."""

from collections.abc import Sequence
from typing import Any

from keter.dashboard.models import Snapshot
from keter.dashboard.routes import Principal, Role

MAX_SOCKETS = 20
# Viewers share half of them, so that the operator's page always gets its stream.
VIEWER_SOCKETS = 10
# Of one login: an operator may have many tabs, a viewer is one of several.
SESSION_SOCKETS = {Role.OPERATOR: 15, Role.VIEWER: 5}
_SECTIONS = (
    "server",
    "trading",
    "money",
    "attention",
    "workers",
    "queues",
    "feeds",
    "redis",
    "funnel",
    "pnl",
    "problems",
    "accounts",
)
_ROWS = ("orders", "signals", "ticks")
_TYPES = (
    ("trading", "state"),
    ("attention", "alert"),
    ("orders", "order"),
    ("signals", "signal"),
    ("ticks", "tick"),
)


def changes(old: Snapshot, new: Snapshot) -> dict[str, Any]:
    """Return the sections of ``new`` that differ from ``old``, by name.

    Of the sections with rows only the rows that are new or changed.
    """
    found: dict[str, Any] = {}
    for name in _SECTIONS:
        value = getattr(new, name)
        if value != getattr(old, name):
            found[name] = new.model_dump(mode="json", include={name})[name]
    for name in _ROWS:
        known = set(map(_fingerprint, getattr(old, name)))
        fresh = [row for row in getattr(new, name) if _fingerprint(row) not in known]
        if fresh:
            found[name] = [row.model_dump(mode="json") for row in fresh]
    return found


def _fingerprint(row: Any) -> str:
    text: str = row.model_dump_json()
    return text


def frame_type(data: dict[str, Any]) -> str:
    """Return the name of what a frame mainly brings."""
    return next((kind for section, kind in _TYPES if section in data), "state")


def refusal(taken: Sequence[Principal], caller: Principal) -> str | None:
    """Return why ``caller`` gets no socket beside those that are ``taken``; None when
    it gets one.
    """
    if len(taken) >= MAX_SOCKETS:
        return f"{MAX_SOCKETS} pages are open already; close one"
    if (
        caller.role is Role.VIEWER
        and sum(one.role is Role.VIEWER for one in taken) >= VIEWER_SOCKETS
    ):
        return f"{VIEWER_SOCKETS} pages of viewers are open already; close one"
    most = SESSION_SOCKETS[caller.role]
    if caller.session and sum(one.session == caller.session for one in taken) >= most:
        return f"{most} pages of this login are open already; close one"
    return None
