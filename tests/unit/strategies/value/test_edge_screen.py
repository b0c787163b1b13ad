"""Skipping consensus after consensus where no price can have value changes no decision."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.quotes import BookPrices
from keter.domain.signals import ValidatedMarket
from keter.domain.verdicts import Reason
from keter.pricing.pool import log_pool, pool_ceiling
from keter.pricing.selection import Inputs, Priced, price
from keter.strategies.value import edge, market_view
from keter.strategies.value.settings import EdgeSettings
from tests.kit.signals import NOW, an_update, prices

NAMES = ("PIN", "ISN", "SBO", "IBC", "SIN", "GA")
MARKETS = tuple(
    parse_market("fb", market_id)
    for market_id in (
        "ft.1x2", "ft.ml", "ft.ah.-0.25", "ft.ah.-1", "ft.ah.0.5", "ft.ou.2.5", "ft.ou.2.75",
    )
)  # fmt: skip
Told = list[tuple[Outcome, bool, Reason]]


@st.composite
def rows_of_one_market(draw: st.DrawFn) -> list[tuple[float, ...]]:
    legs = draw(st.sampled_from([2, 3]))
    raw = draw(st.lists(st.tuples(*[st.floats(0.001, 1)] * legs), min_size=1, max_size=5))
    return [tuple(p / sum(row) for p in row) for row in raw]


@given(rows_of_one_market(), st.data())
def test_no_pool_of_some_of_the_books_reaches_above_the_ceiling(
    rows: list[tuple[float, ...]], data: st.DataObject
) -> None:
    some = data.draw(st.lists(st.sampled_from(rows), min_size=1, max_size=5, unique=True))
    raw = data.draw(st.lists(st.floats(0.001, 1), min_size=len(some), max_size=len(some)))
    pooled = log_pool(some, [weight / sum(raw) for weight in raw])
    assert all(p <= most * (1 + 1e-12) for p, most in zip(pooled, pool_ceiling(rows), strict=True))


def test_a_pool_of_three_outcomes_can_reach_above_every_book() -> None:
    """Why the largest book's probability would be no bound."""
    rows = [(0.5, 0.49, 0.01), (0.5, 0.01, 0.49)]
    assert log_pool(rows, [0.5, 0.5])[0] > 0.75
    assert pool_ceiling(rows)[0] > 0.75


@st.composite
def priced_markets(draw: st.DrawFn, market: Market | None = None) -> ValidatedMarket:
    """Books that agree on chances up to a few points, with margins of -1 to 8 %; some are missing,
    some are old.
    """
    market = market or draw(st.sampled_from(MARKETS))
    legs = len(market.outcomes)
    raw = draw(st.tuples(*[st.floats(0.2, 1)] * legs))
    books: list[BookPrices] = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True)):
        noise = draw(st.tuples(*[st.floats(-0.04, 0.04)] * legs))
        margin = draw(st.floats(0.99, 1.08))
        odds = [
            max(round(sum(raw) / (p * (1 + n) * margin), 3), 1.01)
            for p, n in zip(raw, noise, strict=True)
        ]
        old = NOW - timedelta(seconds=draw(st.sampled_from([0, 30, 400])))
        books.append(prices(name, *odds, confirmed_at=old))
    return ValidatedMarket(an_update(*books, market=market), tuple(books), {}, NOW)


@st.composite
def rules(draw: st.DrawFn) -> EdgeSettings:
    return EdgeSettings(
        min_ev_pct=draw(st.sampled_from([0, 0.5, 2, 5])),
        ev_max_pct=draw(st.sampled_from([4, 25])),
        max_consensus_spread_pct=draw(st.sampled_from([0.5, 2, 5])),
        min_sharp_sources=draw(st.sampled_from([1, 2, 3])),
        bet_books=draw(st.sampled_from([("ALL",), ("PIN",), ("PIN", "IBC"), ("SIN", "GA")])),
    )


def judged(market: ValidatedMarket, asked: EdgeSettings, others: list[ValidatedMarket]) -> Told:
    return [
        (outcome, verdict.accepted, verdict.reason)
        for outcome, verdict, _, _ in edge.evaluate(market, asked, NOW, {}, others)
    ]


@pytest.mark.slow
@settings(max_examples=400)
@given(priced_markets(), rules(), st.data())
@pytest.mark.slow
def test_every_verdict_is_that_of_pricing_against_each_consensus(
    market: ValidatedMarket, asked: EdgeSettings, data: st.DataObject
) -> None:
    beside = data.draw(st.lists(st.sampled_from(MARKETS), max_size=3, unique=True))
    others = [data.draw(priced_markets(one)) for one in beside]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge, "_cannot_reach_min_ev", lambda *_: [])
        exhaustive = judged(market, asked, others)
    assert judged(market, asked, others) == exhaustive


def consensus_made(patch: pytest.MonkeyPatch, *books: BookPrices) -> int:
    made: list[Inputs] = []

    def counted(inputs: Inputs) -> Priced:
        made.append(inputs)
        return price(inputs)

    patch.setattr(market_view, "price", counted)
    edge.evaluate(ValidatedMarket(an_update(*books), books, {}, NOW), EdgeSettings(), NOW)
    return len(made)


SHARPS = (
    prices("PIN", 2.60, 3.30, 2.90),
    prices("SBO", 2.55, 3.25, 2.88),
    prices("ISN", 2.58, 3.30, 2.85),
)


def test_a_market_without_value_costs_one_consensus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert consensus_made(monkeypatch, *SHARPS, prices("IBC", 2.55, 3.2, 2.8)) == 1


def test_a_market_with_value_on_one_side_is_looked_at_book_by_book(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert consensus_made(monkeypatch, *SHARPS, prices("IBC", 2.95, 3.2, 2.5)) == 4


def test_a_refused_side_tells_the_best_price_held_against_all_sharp_books() -> None:
    books = (
        *SHARPS,
        prices("IBC", 2.55, 3.2, 2.8),
        prices("GA", 2.58, 3.1, 2.7),
        prices("SIN", 2.58, 3.1, 2.7),
    )
    verdict = edge.evaluate(
        ValidatedMarket(an_update(*books), books, {}, NOW), EdgeSettings(), NOW
    )[0][1]
    assert (verdict.numbers["book"], verdict.numbers["odds"], verdict.numbers["sharps"]) == (
        "GA",
        2.58,
        "PIN,ISN,SBO",
    )
    fair_odds, ev_pct = verdict.numbers["fair_odds"], verdict.numbers["ev_pct"]
    assert isinstance(fair_odds, float)
    assert ev_pct == pytest.approx(100 * (2.58 / fair_odds - 1), abs=1e-9)
