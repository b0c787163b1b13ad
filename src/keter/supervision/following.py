"""LIVE without permission to bet: open bets are followed to their settlement, nothing is bet.

Permission (``keter.risk.permission``) keeps guard and router from betting, for each run and bet.
Everything else works as ever.
Here is what a start does then, and the sentence that reports it everywhere.
"""

import asyncio

from keter.clock import Clock
from keter.domain.trading import ExecutionMode
from keter.errors import (
    ConfigurationError,
    ExitCode,
    KeterError,
    PermissionDeniedError,
    UnavailableError,
)
from keter.ledger import LedgerUnavailableError
from keter.opening.stores import ledger_may_exist, open_settings_ledger
from keter.settings import Settings
from keter.supervision.preflight import check_credentials, check_permission
from keter.trust import require_safe_transport


def obstacle(settings: Settings, clock: Clock) -> str | None:
    """Return why LIVE may not bet even when armed: its limits or its licence. Reads files.

    Return None where it may, and in DRY.
    """
    found = _obstacle(settings, clock) if settings.live else None
    return str(found) if found is not None else None


def following_text(open_orders: int | None, why: str) -> str:
    """Return what Keter does without permission, as a sentence without its full stop.

    ``open_orders`` is None where their number is not known.
    """
    if open_orders == 0:
        return f"nothing is bet and nothing is left to follow: {why}"
    number = (
        "open bets"
        if open_orders is None
        else f"{open_orders} open bet{'' if open_orders == 1 else 's'}"
    )
    return f"following {number} only, nothing is bet: {why}"


def start_following(settings: Settings, clock: Clock) -> str | None:
    """Return the sentence for a LIVE start that may not bet while bets are open.

    Return None where it may bet, and in DRY.

    Raises as ``check_live`` where nothing is open.
    It also raises where open bets cannot be followed: without the account's credentials, or over
    a connection that others can listen to.
    """
    require_safe_transport(settings)
    try:
        check_credentials(settings)
        check_permission(settings, clock)
    except (ConfigurationError, PermissionDeniedError) as e:
        if not settings.live:
            raise
        return _follow(settings, clock, e)
    return None


def _obstacle(settings: Settings, clock: Clock) -> KeterError | None:
    try:
        check_permission(settings, clock)
    except (ConfigurationError, PermissionDeniedError) as e:
        return e
    return None


def _follow(settings: Settings, clock: Clock, why: KeterError) -> str:
    try:
        found = asyncio.run(_open_bets(settings, clock))
    except LedgerUnavailableError as e:
        raise UnavailableError(f"{why} Whether LIVE bets are open is not known: {e}") from e
    ours = sum(found.pop(account.key, 0) for account in settings.accounts)
    if ours:
        return following_text(ours, str(why))
    others = "".join(
        f" {n} open LIVE bets of {account} wait for its user name and password."
        for account, n in found.items()
    )
    if why.exit_code is ExitCode.PERMISSION:
        raise PermissionDeniedError(f"{why}{others}") from why
    raise ConfigurationError(f"{why}{others}") from why


async def _open_bets(settings: Settings, clock: Clock) -> dict[str, int]:
    """Return how many LIVE bets may be at the venue, by account.

    Migrates the ledger, as every start does.
    """
    if not ledger_may_exist(settings):
        return {}
    ledger = await open_settings_ledger(settings, clock=clock)
    try:
        return await ledger.orders.may_be_at_venue(ExecutionMode.LIVE)
    finally:
        await ledger.aclose()
