"""The evidence of an edge decision: every number needed to compute it again. Pure.

Evidence consists of JSON values. ``offers`` are the prices judged. Each has the index of one of
``consensus``: the fair price without that book, with its ``inputs`` and ``result``. ``recompute``
runs the inputs through the same code again.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import line_text
from keter.domain.verdicts import Reason
from keter.pricing.margin import PARAMETER_NAMES
from keter.pricing.selection import Inputs, Pooled, PoolInputs, Priced, price, wanted_ev_pct
from keter.pricing.value import mass_value
from keter.strategies.value.settings import EdgeSettings

_ROUNDING_PCT = 1e-9


class Graded(NamedTuple):
    """One book's price for a side and how far it got. ``priced`` is None without a consensus."""

    reason: Reason
    ev_pct: float
    wanted_pct: float
    priced: Priced | None
    book: str
    odds: float
    text: str
    age_s: float
    inputs: Inputs
    unsettled_s: float = 0.0


class JudgedOffer(msgspec.Struct, frozen=True):
    """A price, the index of the consensus it was compared with, and its value per 100 staked.

    ``unsettled_s`` are the seconds for which the anchor's own price was not settled yet.
    """

    book: str
    odds: float
    text: str
    age_s: float
    consensus: int
    ev_pct: float
    reason: Reason
    unsettled_s: float = 0.0


class ConsensusRecord(msgspec.Struct, frozen=True):
    """One fair price with its inputs."""

    inputs: Inputs
    result: Priced


class Evidence(msgspec.Struct, frozen=True):
    """What one outcome of a market was judged by.

    ``index`` is its place among the market's outcomes. The settings are those of the decision.
    """

    market_id: str
    outcome: Outcome
    index: int
    min_ev_pct: float
    ev_max_pct: float
    min_sharp_sources: int
    max_consensus_spread_pct: float
    offers: tuple[JudgedOffer, ...]
    consensus: tuple[ConsensusRecord, ...]
    v: int = 1


class Recomputed(msgspec.Struct, frozen=True):
    """The evidence with every result computed anew, and where it differs from the stored one.

    ``differences`` is empty if every digit is the same.
    """

    evidence: Evidence
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        return not self.differences


def value_reason(
    spread_pct: float,
    ev_pct: float,
    wanted_pct: float,
    settings: "EdgeSettings | Evidence",
    *,
    unsettled_s: float = 0.0,
) -> Reason:
    """Return how far a value gets under the limits of the settings, or of the evidence."""
    if spread_pct > settings.max_consensus_spread_pct:
        return Reason.SPREAD_TOO_WIDE
    if ev_pct + _ROUNDING_PCT < wanted_pct:
        return Reason.EV_TOO_LOW
    if ev_pct > settings.ev_max_pct:
        return Reason.EV_TOO_HIGH
    return Reason.ANCHOR_UNSETTLED if unsettled_s > 0 else Reason.OK


def evidence_of(
    outcome: Outcome, index: int, graded: Sequence[Graded], settings: EdgeSettings
) -> dict[str, object]:
    """Return the evidence of the priced offers as JSON values, empty if there are none."""
    if not any(one.priced for one in graded):
        return {}
    records: list[ConsensusRecord] = []
    offers = []
    for one in graded:
        if one.priced is not None:
            record = ConsensusRecord(one.inputs, one.priced)
            if record not in records:
                records.append(record)
            offers.append(_judged_offer(one, records.index(record)))
    made = Evidence(
        market_id=graded[0].inputs.market_id,
        outcome=outcome,
        index=index,
        min_ev_pct=settings.min_ev_pct,
        ev_max_pct=settings.ev_max_pct,
        min_sharp_sources=settings.min_sharp_sources,
        max_consensus_spread_pct=settings.max_consensus_spread_pct,
        offers=tuple(offers),
        consensus=tuple(records),
    )
    return cast("dict[str, object]", msgspec.to_builtins(made))


def _judged_offer(one: Graded, consensus: int) -> JudgedOffer:
    return JudgedOffer(
        book=one.book,
        odds=one.odds,
        text=one.text,
        age_s=one.age_s,
        consensus=consensus,
        ev_pct=one.ev_pct,
        reason=one.reason,
        unsettled_s=one.unsettled_s,
    )


def read_evidence(evidence: Mapping[str, object]) -> Evidence:
    """Return the evidence of a stored decision. Raises msgspec.ValidationError if it is none."""
    stored = dict(evidence)
    # Older versions called the outcome of a selection its side.
    if "side" in stored:
        stored.setdefault("outcome", stored.pop("side"))
    return msgspec.convert(stored, Evidence)


def recompute(evidence: Mapping[str, object]) -> Recomputed:
    """Price and judge a decision again from its stored inputs; compare to the last digit.

    Raises msgspec.ValidationError if it is no evidence, PricingError if the inputs have no price.
    """
    stored = read_evidence(evidence)
    records = tuple(
        ConsensusRecord(record.inputs, price(record.inputs)) for record in stored.consensus
    )
    offers = []
    for offer in stored.offers:
        record = records[offer.consensus]
        ev_pct = 100 * mass_value(*record.result.masses(stored.index), offer.odds)
        wanted_pct = wanted_ev_pct(stored.min_ev_pct, record.inputs, offer.odds)
        spread_pct = record.result.pool.spread_pct
        reason = value_reason(spread_pct, ev_pct, wanted_pct, stored, unsettled_s=offer.unsettled_s)
        offers.append(msgspec.structs.replace(offer, ev_pct=ev_pct, reason=reason))
    made = msgspec.structs.replace(stored, offers=tuple(offers), consensus=records)
    differences = list(_differences("", msgspec.to_builtins(stored), msgspec.to_builtins(made)))
    return Recomputed(made, tuple(differences))


def _differences(path: str, left: object, right: object) -> Sequence[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        return [
            line
            for key in left
            for line in _differences(f"{path}.{key}", left[key], right.get(key))
        ]
    if (
        isinstance(left, list | tuple)
        and isinstance(right, list | tuple)
        and len(left) == len(right)
    ):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for n, (a, b) in pairs for line in _differences(f"{path}[{n}]", a, b)]
    return [] if left == right else [f"{path.lstrip('.')}: stored {left!r}, recomputed {right!r}"]


def explain(evidence: Mapping[str, object]) -> str:
    """Return the steps of a decision in words and figures, recomputed. Raises as ``recompute``."""
    made = recompute(evidence)
    facts = made.evidence
    lines = [f"{facts.market_id} {facts.outcome}"]
    for number, record in enumerate(facts.consensus):
        lines += ["", f"Consensus {number + 1}:", *_consensus_lines(record, facts)]
    lines.append("")
    for offer in facts.offers:
        record = facts.consensus[offer.consensus]
        win, loss = record.result.masses(facts.index)
        wanted = wanted_ev_pct(facts.min_ev_pct, record.inputs, offer.odds)
        lines.append(
            f"{offer.book} at {offer.odds!r} ({offer.text}), confirmed {offer.age_s:.1f} s before,"
            f" against consensus {offer.consensus + 1}: EV = {win!r} * ({offer.odds!r} - 1) -"
            f" {loss!r} = {offer.ev_pct!r} %, wanted {wanted:g} to {facts.ev_max_pct:g} %:"
            f" {offer.reason}"
        )
    same = "identical to the stored decision, to the last digit"
    lines += ["", f"Recomputed: {same if made.identical else 'DIFFERS'}", *made.differences]
    return "\n".join(lines)


def _consensus_lines(record: ConsensusRecord, facts: Evidence) -> list[str]:
    inputs, result = record.inputs, record.result
    outcomes = [str(outcome) for outcome in inputs.market.outcomes]
    lines = _pool_lines(inputs.pool, result.pool, outcomes)
    if inputs.one_x_two is not None and result.one_x_two is not None:
        lines += [
            "  1X2, for the push:",
            *_pool_lines(inputs.one_x_two, result.one_x_two, ["home", "draw", "away"]),
        ]
    win, loss = result.masses(facts.index)
    return [
        *lines,
        (
            f"  spread {result.pool.spread_pct:.3f} points (allowed"
            f" {facts.max_consensus_spread_pct:g}), {len(inputs.pool.quotes)} sharp books (needed"
            f" {facts.min_sharp_sources})"
        ),
        (
            f"  push probability {result.push_p!r} (basis: {result.basis}), action W + X ="
            f" {result.action!r}"
        ),
        f"  W = {win!r}, X = {loss!r}, fair odds {1 / result.effective_p[facts.index]!r}",
    ]


def _pool_lines(inputs: PoolInputs, result: Pooled, outcomes: Sequence[str]) -> list[str]:
    lines = []
    for n, quote in enumerate(inputs.quotes):
        parameter = result.parameters[n]
        line = "" if quote.line_q is None else f" at line {line_text(quote.line_q)}, moved"
        bent = "" if parameter is None else f", {PARAMETER_NAMES[inputs.method]} = {parameter!r}"
        lines.append(
            f"  {quote.book} {' / '.join(map(repr, quote.odds))}, {quote.age_s:.1f} s old{line}:"
            f" margin {100 * (result.booksums[n] - 1):.3f} %, {inputs.method}{bent} ->"
            f" {' / '.join(map(repr, result.fair[n]))}, weight {result.weights[n]:.4f}"
        )
    pooled = ", ".join(f"{outcome} {p!r}" for outcome, p in zip(outcomes, result.p, strict=True))
    return [*lines, f"  logarithmic pool: {pooled}"]
