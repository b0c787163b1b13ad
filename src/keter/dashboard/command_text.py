"""The summary that an operator confirms: what a command would do now, in words and figures."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from keter.bus.queue import QueueName
from keter.control.standing import Standing, outlasts, stop_text, until_text
from keter.dashboard.accounts import AccountConsoles
from keter.dashboard.models import PrepareBody, Snapshot


def describe(
    body: PrepareBody, standing: Standing, limit: Decimal | None, accounts: AccountConsoles
) -> str:
    """Return what the command ``body`` would do now; ``limit`` is the present one."""
    target, latest = body.target, [one.hub.latest() for one in accounts]
    of = _of(body)
    waiting, stays = _waiting(latest), _stays(_meant(body, accounts) or latest)
    texts = {
        "pause": (
            _standing_pause(body, standing)
            or f"Pause{of}: no new bets, {waiting} will be refused, {stays}."
        ),
        "reduce": (
            f"Reduce{of}: only bets that do not raise the worst case of their event, {stays}."
        ),
        "halt": f"Halt{of}: no new bets, {waiting} will be refused, {stays}.{_file_text(body)}",
        "resume": _resume_text(standing, of),
        "arm": f"Arm {target}: LIVE bets with real money may be made.",
        "disarm": f"Disarm {target}: no more LIVE bets, {stays}.",
        "acknowledge": f"Acknowledge {target}: it stands until its cause is gone.",
        "clear_cooldown": f"End the rest of {target}: it may be bet again at once.",
        "clear_lock": f"Take the lock {target} from its owner, who then does not bet.",
        "set_limit": f"Set {target.upper()}{of and f' of{of}'} to {body.value}; it is {limit}.",
    }
    return texts[body.action]


def _of(body: PrepareBody) -> str:
    return f" {body.account}" if body.account is not None else ""


def _meant(body: PrepareBody, accounts: AccountConsoles) -> list[Snapshot | None]:
    """Return the snapshot of the account that ``body`` is about; none if it is for all."""
    name = body.account or body.target
    return [one.hub.latest() for one in accounts if one.settings.account.is_called(name)]


def _waiting(latest: Sequence[Snapshot | None]) -> str:
    # All accounts have one queue of confirmed signals, and each its own of approved ones.
    found = {
        (place if queue.name == QueueName.APPROVED else 0, queue.name): queue
        for place, snapshot in enumerate(latest)
        for queue in (snapshot.queues if snapshot is not None else [])
        if queue.name in {QueueName.CONFIRMED, QueueName.APPROVED}
    }
    queued = sum(queue.depth + queue.in_flight for queue in found.values())
    return f"{queued} queued signal{'' if queued == 1 else 's'}"


def _stays(latest: Sequence[Snapshot | None]) -> str:
    """Say how many bets stay open, if that is known of every account in ``latest``."""
    money = [one.money if one is not None else None for one in latest]
    known = [one.open for one in money if one is not None and one.open is not None]
    if len(known) < len(latest):
        return "open bets stay open"
    opened = sum(known)
    return f"{opened} open bet{'' if opened == 1 else 's'} stay{'s' if opened == 1 else ''} open"


def _standing_pause(body: PrepareBody, standing: Standing) -> str | None:
    """Return a sentence when trading is paused already, for at least as long as is asked for."""
    state = standing.own
    until = standing.at + timedelta(seconds=body.for_s) if body.for_s is not None else None
    if state is None or not outlasts(state, until, standing.at):
        return None
    return (
        f"Pause{_of(body)}: {state.actor} has paused already, {until_text(state.until)}"
        f" ({state.reason}); that stands."
    )


def _file_text(body: PrepareBody) -> str:
    return " The HALT file is written as well." if body.account is None else ""


def _resume_text(standing: Standing, of: str) -> str:
    if standing.own is None:
        return f"Resume{of}: new bets may be made."
    ended = standing.ended_by_resume or {standing.scope: standing.own}
    file = " The HALT file is removed." if standing.halt_file and not standing.scope else ""
    return (
        " ".join(
            [
                f"Resume{of}: new bets may be made again.",
                *(f"{stop_text(name, state)}." for name, state in ended.items()),
            ]
        )
        + file
    )
