"""How close to the limits: from the risk book, the day and the settings. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import unquote

from keter.betting_settings import CommonRiskSettings
from keter.dashboard import models
from keter.dashboard.facts import Facts
from keter.dashboard.views import event_text, selection_text
from keter.domain.exposure import Exposure, open_stake, worst_case, worst_cases
from keter.domain.limits import daily_loss_limit_minor
from keter.domain.money import money_text, to_minor
from keter.domain.trading import OperatorCommand, TradingState
from keter.ledger import MoneySummary
from keter.settings import Settings

_LABELS = {
    "event": "Worst case of one event",
    "league": "Worst cases of one league's events",
    "total": "Worst cases of all events",
}
Names = Mapping[str, tuple[str, str]]


def names_of(facts: Facts) -> Names:
    """Return the teams of the events lately bet on, by ``event_uid``.

    The id alone does not say how they are written.
    """
    bets = (*facts.ledger.bets, *facts.ledger.unknown) if facts.ledger else ()
    return {bet.intent.event_uid: (bet.intent.home, bet.intent.away) for bet in bets}


def risk_view(
    facts: Facts, settings: Settings, holds: list[models.Hold], audit: list[models.AuditRow]
) -> models.Risk:
    """Return the Risk screen: limits, events, exposures, ``holds`` and ``audit``."""
    exposures, names = facts.bus.exposures, names_of(facts)
    events = event_rows(exposures, to_minor(facts.bus.limits.max_exposure_event), names)
    return models.Risk(
        holds=holds,
        limits=limit_rows(facts, settings, events),
        events=events,
        exposures=[_exposure_row(exposure, names) for exposure in exposures],
        audit=audit,
    )


def limit_rows(
    facts: Facts, settings: Settings, events: Sequence[models.EventRisk]
) -> list[models.Limit]:
    """Return every limit with what is used of it; None where the source of that is missing."""
    risk, exposures = facts.bus.limits, facts.bus.exposures
    summary = facts.ledger.summary if facts.ledger else None
    lost = max(0, -summary.pnl_minor) if summary else None
    staked = summary.staked_minor if summary else None
    worst = to_minor(events[0].worst) if events else 0
    loss_limit = daily_loss_limit_minor(risk.daily_loss_limit_units, settings.stake.fixed_stake)
    unknown, highest = _unknown_text(summary), "the highest"
    return [
        _money("daily_loss", "Loss of the day", lost, loss_limit, "settled bets only"),
        _money("day", "Stakes of the day", staked, to_minor(risk.max_exposure_day)),
        _money(
            "total",
            _LABELS["total"],
            sum(worst_cases(exposures).values()),
            to_minor(risk.max_exposure_total),
            unknown,
        ),
        _money(
            "league",
            _LABELS["league"],
            _most_in_one_league(exposures),
            to_minor(risk.max_exposure_league),
            highest,
        ),
        _money("event", _LABELS["event"], worst, to_minor(risk.max_exposure_event), highest),
        *common_rows([*exposures, *facts.bus.of_others], settings.common_risk),
    ]


def common_rows(everyone: Sequence[Exposure], common: CommonRiskSettings) -> Iterator[models.Limit]:
    """Yield each common cap that is set, with what all accounts together use of it."""
    events = worst_cases(everyone, in_risk_currency=True)
    rows = (
        ("event", max(events.values(), default=0), common.common_max_exposure_event),
        (
            "league",
            _most_in_one_league(everyone, in_risk_currency=True),
            common.common_max_exposure_league,
        ),
        ("total", sum(events.values()), common.common_max_exposure_total),
    )
    for name, used, cap in rows:
        if cap:
            label = f"{_LABELS[name]} on all accounts"
            yield _money(f"common_{name}", label, used, to_minor(cap), f"in {common.risk_currency}")


def _unknown_text(summary: MoneySummary | None) -> str:
    if summary is None or not summary.unknown:
        return ""
    return f"{money_text(summary.unknown_stake_minor)} of it in {summary.unknown} UNKNOWN"


def _most_in_one_league(exposures: Sequence[Exposure], *, in_risk_currency: bool = False) -> int:
    worst = (
        worst_cases(
            (one for one in exposures if one.league == name), in_risk_currency=in_risk_currency
        )
        for name in {exposure.league for exposure in exposures}
    )
    return max((sum(events.values()) for events in worst), default=0)


def _money(name: str, label: str, used: int | None, limit: int, note: str = "") -> models.Limit:
    return models.Limit(
        name=name,
        label=label,
        used=money_text(used) if used is not None else None,
        limit=money_text(limit),
        pct=used * 100 // limit if used is not None and limit else None,
        note=note,
    )


def event_rows(exposures: Sequence[Exposure], limit: int, names: Names) -> list[models.EventRisk]:
    """Return one row per event, the largest possible loss first. ``limit`` is in minor units."""
    events: dict[str, list[Exposure]] = {}
    for exposure in exposures:
        events.setdefault(exposure.event_uid, []).append(exposure)
    ranked = sorted(
        ((worst_case(own), uid, own) for uid, own in events.items()),
        key=lambda item: (-item[0], item[1]),
    )
    return [
        models.EventRisk(
            event_uid=uid,
            event_text=_event(uid, names),
            league=own[0].league,
            stakes=len(own),
            staked=money_text(open_stake(own)),
            worst=money_text(worst),
            pct=worst * 100 // limit if limit else 0,
        )
        for worst, uid, own in ranked
    ]


def _exposure_row(exposure: Exposure, names: Names) -> models.ExposureRow:
    home, away = names.get(exposure.event_uid, ("Home", "Away"))
    return models.ExposureRow(
        decision_id=exposure.decision_id,
        event_uid=exposure.event_uid,
        event_text=_event(exposure.event_uid, names),
        league=exposure.league,
        selection_text=selection_text(exposure.event_uid, exposure.selection_id, home, away)
        if exposure.selection_id
        else "unreadable ticket",
        stake=money_text(exposure.stake_minor),
        odds=_odds(exposure),
        status=exposure.status.value,
        made_at=exposure.made_at,
        expires_at=exposure.expires_at,
    )


def _odds(exposure: Exposure) -> str:
    """Return the odds of the fills, joined by commas; those asked for while nothing is filled."""
    return ",".join(dict.fromkeys(odds for _, odds in exposure.fills)) or exposure.odds


def _event(uid: str, names: Names) -> str:
    return " v ".join(names[uid]) if uid in names else event_text(uid)


def hold_row(
    action: Literal["clear_cooldown", "clear_lock"],
    key: str,
    why: str,
    remaining_s: float,
    names: Names,
) -> models.Hold:
    """Return a cooldown or a lock in words.

    Its key ends in the id of an event, that of a selection where only that is held, and the
    account.
    """
    *_, before, last, _, _ = (unquote(part) for part in key.split(":"))
    uid, selection_id = (last, None) if before == "event" else (before, last)
    event = _event(uid, names)
    home, _, away = event.partition(" v ")
    return models.Hold(
        action=action,
        key=key,
        event_text=event,
        selection_text=selection_text(uid, selection_id, home, away)
        if selection_id is not None
        else None,
        why=why,
        remaining_s=round(remaining_s),
    )


def audit_row(command: OperatorCommand) -> models.AuditRow:
    """Return a command of the audit as a row."""
    return models.AuditRow(
        at=command.at,
        action=command.action.value,
        actor=command.actor,
        source=command.source,
        target=command.target,
        reason=command.reason,
        accepted=command.accepted,
        result=command.result,
        before=_mode(command.before) or command.value_before,
        after=_mode(command.after) or command.value_after,
    )


def _mode(state: TradingState | None) -> str | None:
    return state.mode.value if state is not None else None
