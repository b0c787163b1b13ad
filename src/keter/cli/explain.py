"""``keter explain``: a decision computed again from what was stored, step by step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.access import with_ledger
from keter.cli.output import JsonFlag, show_json
from keter.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from keter.domain.orders import Order, Transition
    from keter.domain.signals import Decision
    from keter.ledger import Ledger
    from keter.strategies.value.evidence import Recomputed


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(explain)


def explain(
    name: Annotated[
        str, typer.Argument(help="A bet's id, its venue reference, a decision id or a trace id.")
    ],
    as_json: JsonFlag = False,
) -> ExitCode:
    """Show why a bet was made or a value refused, recomputed.

    The exit code is 70 when a digit differs from what was stored.
    """
    bet, steps, decisions = with_ledger(lambda ledger: _find(ledger, name))
    if bet is None and not decisions:
        raise UsageError(
            f"nothing is known of {name!r}; give a bet id, reference, decision id or trace id from"
            " the page or logs"
        )
    from keter.strategies.value.evidence import explain as in_words
    from keter.strategies.value.evidence import recompute

    evidence = _evidence(bet, decisions)
    recomputed = [recompute(one) for one in evidence]
    identical = all(one.identical for one in recomputed)
    if as_json:
        show_json(_as_json(bet, steps, decisions, recomputed) | {"identical": identical})
    else:
        _print(bet, steps, decisions)
        for one in evidence:
            typer.echo(f"\n{in_words(one)}")
    return ExitCode.OK if identical else ExitCode.BUG


def _as_json(
    bet: "Order | None",
    steps: "list[Transition]",
    decisions: "list[Decision]",
    recomputed: "list[Recomputed]",
) -> dict[str, object]:
    import msgspec

    intent = msgspec.to_builtins(bet.intent, enc_hook=str) | {"signal": None} if bet else None
    return {
        "bet": intent,
        "state": bet.state if bet else None,
        "steps": msgspec.to_builtins(steps),
        "decisions": msgspec.to_builtins(decisions),
        "recomputed": msgspec.to_builtins(recomputed),
    }


async def _find(
    ledger: "Ledger", name: str
) -> "tuple[Order | None, list[Transition], list[Decision]]":
    bet = (
        await ledger.orders.by_reference(name)
        or await ledger.orders.by_decision(name)
        or await _by_id(ledger, name)
    )
    if bet is None:
        return None, [], await ledger.decisions.by_trace(name)
    steps = await ledger.orders.trail(bet.intent.intent_id)
    decisions = await ledger.decisions.by_trace(bet.intent.trace_id)
    return bet, steps, [one for one in decisions if one.selection_id == bet.intent.selection_id]


async def _by_id(ledger: "Ledger", name: str) -> "Order | None":
    from keter.ledger.errors import NotInLedgerError

    try:
        return await ledger.orders.get(name)
    except NotInLedgerError:
        return None


def _evidence(bet: "Order | None", decisions: "list[Decision]") -> list[Mapping[str, object]]:
    """Return what the price was based on.

    It comes from the intent where there is one, else from the recorded decisions.
    """
    from keter.domain.signals import approved_signal

    approved = approved_signal(bet.intent.signal) if bet is not None else None
    if approved is not None:
        return [approved.signal.fair.evidence]
    found: list[Mapping[str, object]] = []
    for decision in decisions:
        fair = decision.details.get("fair")
        evidence = (
            fair.get("evidence") if isinstance(fair, dict) else decision.details.get("evidence")
        )
        if isinstance(evidence, dict) and evidence and evidence not in found:
            found.append(evidence)
    return found


def _print(bet: "Order | None", steps: "list[Transition]", decisions: "list[Decision]") -> None:
    if bet is not None:
        intent = bet.intent
        typer.echo(
            f"{intent.home} v {intent.away}, {intent.league}, {intent.selection_id}: {bet.state}"
            f" ({intent.mode})"
        )
    for decision in decisions:
        numbers = ", ".join(f"{name} {value}" for name, value in decision.verdict.numbers.items())
        typer.echo(
            f"{decision.at:%H:%M:%S.%f} {decision.stage:<10} {decision.verdict.reason:<22}"
            f" {numbers}"
        )
    for step in steps:
        typer.echo(f"{step.at:%H:%M:%S.%f} {step.worker:<10} {step.target:<22} {step.cause}")
