"""Login and commands."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from keter.dashboard.models.base import Model
from keter.domain.accounts import LONGEST_ACCOUNT

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class SessionAnswer(Model):
    """Who the caller is.

    ``secure`` is false where the browser would not keep the login: plain HTTP on an address.

    ``ends_at`` is when the login ends if nothing is done, ``last_at`` when in any case. Both are
    None without a login.
    """

    login_required: bool
    name: str | None
    role: Literal["viewer", "operator"] | None
    mode: Literal["DEMO", "DRY", "LIVE"]
    host: str
    version: str
    password_set: bool
    viewer: bool
    totp: bool
    secure: bool
    ends_at: datetime | None
    last_at: datetime | None


class LoginBody(Model):
    """A login.

    ``device`` comes from a link of `keter config device`, for a browser that has no cookie of a
    former login.
    """

    user: Annotated[str, StringConstraints(max_length=32)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    code: Code | None = None
    device: Annotated[str, StringConstraints(max_length=200)] | None = None


class LogoutBody(Model):
    """Empty: logging out needs no input."""


class Done(Model):
    done: Literal[True] = True


Action = Literal[
    "pause",
    "reduce",
    "halt",
    "resume",
    "arm",
    "disarm",
    "acknowledge",
    "clear_cooldown",
    "clear_lock",
    "set_limit",
]


class PrepareBody(Model):
    """A command to prepare.

    ``target`` is ``trading``, an account, an alert's id, a key of Redis or a limit's name.
    ``for_s`` bounds a pause; ``value`` is the new value of a limit. ``account`` is its
    whole name, or its name at the venue. It limits pause, reduce, halt and resume to that account,
    and says whose limit is set; without it that of the first account.
    """

    action: Action
    target: Annotated[str, StringConstraints(pattern=r"^[\w.:|@ +~%{}-]{1,200}$")] = "trading"
    reason: Annotated[str, StringConstraints(max_length=200)] = "from the console"
    account: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ACCOUNT)] | None = (
        None
    )
    for_s: Annotated[float, Field(gt=0, le=86400)] | None = None
    value: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$")] | None = None


class Prepared(Model):
    """What a command would do, in the server's words.

    ``needs`` names the proofs that the commit must carry.
    """

    token: str
    expires_in: int
    revision: int | None
    summary: str
    needs: list[Literal["word", "password", "code"]]


class CommitBody(Model):
    token: Annotated[str, StringConstraints(pattern=r"^[\w-]{16,64}$")]
    word: Annotated[str, StringConstraints(max_length=32)] | None = None
    password: Annotated[str, StringConstraints(max_length=512)] | None = None
    code: Code | None = None


class CommandResult(Model):
    """What was done.

    ``revision`` is the trading state that guard and router must reach. ``account`` is whose own
    state that is, None for that of everything; workers show it as the figure
    ``trading_revision:{account}``.
    """

    command_id: str
    action: str
    sentence: str
    revision: int | None
    account: str | None
    audited: bool
    warnings: list[str]


class TestAlertBody(Model):
    """Empty: a test alert needs no input."""

    __test__ = False  # For pytest: this is no test.


class TestAlertResult(Model):
    """What each channel did with a test alert. ``failed`` says why, without any address."""

    __test__ = False  # For pytest: this is no test.

    sentence: str
    sent: list[str]
    failed: dict[str, str]


class AuditRow(Model):
    """One command of the audit.

    ``before`` and ``after`` are trading modes, a limit's amounts or an account's arming. None where
    unknown.
    """

    at: datetime
    action: str
    actor: str
    source: str
    target: str
    reason: str
    accepted: bool
    result: str
    before: str | None
    after: str | None
