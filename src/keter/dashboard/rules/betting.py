"""Rules about betting: what keeps it from going on, and what goes wrong with it. Pure."""

from collections.abc import Sequence

from keter.bus.state.reconciliation import pass_counts_for_s
from keter.dashboard.facts import following
from keter.dashboard.rules.base import Finding, Situation
from keter.domain.order_states import ANSWERED, OrderState
from keter.domain.orders import Order
from keter.domain.processes import Process, role_name

LAST_PLACEMENTS = 20
# Whoever has just started LIVE is about to arm it.
UNARMED_S = 60.0


def trading_state_missing(s: Situation) -> Finding | None:
    # Without a guard nobody is there to restore it, and nobody bets.
    if Process.GUARD not in s.starts:
        return None
    view = s.facts.bus.standing.trading
    if view is None or view.state is not None:
        return None
    return Finding("Redis holds no trading state.")


def nothing_bet(s: Situation) -> Finding | None:
    if s.standstill is None:
        return None
    return Finding(s.standstill.sentence, "ticket" if s.standstill.ordinary else None)


def not_armed(s: Situation) -> Finding | None:
    if s.unarmed_since is None or (s.facts.at - s.unarmed_since).total_seconds() < UNARMED_S:
        return None
    if s.was_armed:
        return Finding("LIVE was armed and is not any more: nothing is bet until somebody arms it.")
    return Finding("LIVE is not armed: nothing is bet until somebody arms it.", "ticket")


def refusals_rising(s: Situation) -> Finding | None:
    placed = [bet for bet in _bets(s) if bet.state in ANSWERED][:LAST_PLACEMENTS]
    refused = sum(bet.state is OrderState.REFUSED for bet in placed)
    most_pct = s.settings.alerts.alert_refusal_pct
    if len(placed) < LAST_PLACEMENTS or refused * 100 <= most_pct * len(placed):
        return None
    return Finding(f"{refused} of the last {len(placed)} placements were refused.")


def licence_ending(s: Situation) -> Finding | None:
    if s.licence is None or s.facts.bus.blocked.licence is None or s.settings.missing_live_limits():
        return s.licence
    return Finding(following(s.facts) or s.licence.detail, s.licence.level)


def limits_missing(s: Situation) -> Finding | None:
    sentence = following(s.facts) if s.settings.missing_live_limits() else None
    return Finding(sentence) if sentence is not None else None


def reconciliation_incomplete(s: Situation) -> Finding | None:
    """Look only where the account's router beats.

    Without a router nothing is bet, and its silence has an alert of its own.
    """
    limit_s = pass_counts_for_s(s.settings.router.reconcile_interval_s)
    since = s.facts.bus.reconciled_at
    waited_s = (s.facts.at - max(since or s.watched_since, s.watched_since)).total_seconds()
    router = role_name(Process.ROUTER, s.settings.label)
    if waited_s <= limit_s or all(beat.role != router for beat in s.facts.bus.heartbeats):
        return None
    last = "none since Keter started" if since is None else f"the last one at {since:%H:%M:%S} UTC"
    return Finding(
        f"Ledger and venue were not compared completely for {waited_s:.0f} s ({last}); nothing is"
        " bet."
    )


def login_failures(s: Situation) -> Finding | None:
    if s.login_failures is None:
        return None
    address, count = s.login_failures
    return Finding(f"{count} failed logins in a row from {address}.")


def _bets(s: Situation) -> Sequence[Order]:
    return s.facts.ledger.bets if s.facts.ledger is not None else ()
