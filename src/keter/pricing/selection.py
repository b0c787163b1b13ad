"""The fair price of one market from the sharp books' quotes, with every intermediate number.

The gate prices with it, and ``keter explain`` prices again with it from the stored inputs. The same
code on the same floats gives the same digits.

Handicap and totals prices say how the *action* splits, not how often the stake comes back. Where a
line can push, ``basis`` says where the push probability comes from:

| basis | source |
| --- | --- |
| ``result`` | no push is possible |
| ``1x2`` | the draw of the sharp 1X2 prices |
| ``goals`` | the Poisson model fitted to that 1X2 |
| ``total`` | the Poisson mean that the totals line itself implies |
| ``action`` | unknown: value is stated per unit of action |

Value per unit of action is the usual quotation of the edge. It has the sign of the true value, and
naive Kelly takes it. Value per unit staked is smaller by the part that pushes.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from keter.domain.market_kinds import LINED, MarketKind
from keter.domain.markets import Market, parse_market
from keter.domain.sports import FOOTBALL, LineModel
from keter.errors import NoSolutionError, PricingError
from keter.pricing.goals import fit_home_away, fit_total, margin_p, poisson
from keter.pricing.lines import extra_edge_points, move_handicap, move_total
from keter.pricing.margin import Fair, fair
from keter.pricing.pool import anchored_base, book_weights, log_pool, spread_pct

DROP_AFTER_HALF_LIVES = 10.0


class SharpQuote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sharp book's prices, in the order of the market's sides.

    ``age_s`` are the seconds since they were last confirmed. ``line_q`` is the neighbouring line on
    which they are quoted, None for the market's own.
    """

    book: str
    odds: tuple[float, ...]
    age_s: float
    line_q: int | None = None


class PoolInputs(msgspec.Struct, frozen=True, gc=False):
    """The inputs of a consensus."""

    method: str
    anchor: str
    half_life_s: float
    quotes: tuple[SharpQuote, ...]

    def without(self, book: str) -> "PoolInputs":
        """Return the same inputs without ``book``."""
        quotes = tuple([quote for quote in self.quotes if quote.book != book])
        return PoolInputs(self.method, self.anchor, self.half_life_s, quotes)


class Inputs(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that a market's fair price depends on.

    * ``line_q`` is the line from the present score on: of totals, the line less the goals scored.
      It is None where the kind has no line or the score is unknown.
    * ``one_x_two`` are the sharp 1X2 quotes of the same period, None where they do not apply to
      this handicap.
    """

    market_id: str
    line_q: int | None
    pool: PoolInputs
    one_x_two: PoolInputs | None
    # Evidence of football names no sport, as there was no other when the first was stored.
    sport: str = FOOTBALL.code

    @property
    def market(self) -> Market:
        return parse_market(self.sport, self.market_id)

    def without(self, book: str) -> "Inputs":
        """Return the same inputs without ``book`` in any consensus."""
        one_x_two = self.one_x_two.without(book) if self.one_x_two else None
        return Inputs(
            self.market_id,
            self.line_q,
            self.pool.without(book),
            one_x_two if one_x_two and one_x_two.quotes else None,
            self.sport,
        )

    def helped_by(self, neighbours: Sequence[SharpQuote]) -> "Inputs":
        """Return the same inputs with ``neighbours`` of books that do not quote this line."""
        own = {quote.book for quote in self.pool.quotes}
        quotes = self.pool.quotes + tuple(quote for quote in neighbours if quote.book not in own)
        pool = PoolInputs(self.pool.method, self.pool.anchor, self.pool.half_life_s, quotes)
        return Inputs(self.market_id, self.line_q, pool, self.one_x_two, self.sport)


class Pooled(msgspec.Struct, frozen=True, gc=False):
    """A consensus with its steps, book by book in the order of the quotes.

    ``fair`` has a row of probabilities per book, on the market's own line.
    """

    booksums: tuple[float, ...]
    parameters: tuple[float | None, ...]
    fair: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    p: tuple[float, ...]
    spread_pct: float


class Priced(msgspec.Struct, frozen=True, gc=False):
    """The fair price of a market.

    ``effective_p`` is by side. ``action`` is W + X, which is the same for both sides of a line.
    """

    pool: Pooled
    one_x_two: Pooled | None
    basis: str
    push_p: float
    action: float
    effective_p: tuple[float, ...]

    def masses(self, outcome: int) -> tuple[float, float]:
        """Return W and X of a side."""
        return self.win_mass(outcome), self.loss_mass(outcome)

    def win_mass(self, outcome: int) -> float:
        return self.action * self.effective_p[outcome]

    def loss_mass(self, outcome: int) -> float:
        return self.action * (1 - self.effective_p[outcome])


@lru_cache(maxsize=8192)
def fair_once(odds: tuple[float, ...], method: str) -> Fair:
    """Return ``fair`` from a cache: most books' prices are unchanged at the next update."""
    return fair(odds, method)


def price(inputs: Inputs) -> Priced:
    """Return the fair price of a market. Raises a PricingError if there is none."""
    quarter = 0 if inputs.line_q is None else inputs.line_q % 4
    one_x_two = None
    if inputs.one_x_two is not None and (quarter != 2 or steps_moved(inputs)):
        one_x_two = pool(inputs.one_x_two)
    pooled = pool(inputs.pool, _mover(inputs, one_x_two))
    basis, push_p = "result", 0.0
    if _can_push(inputs.market) and quarter != 2:
        basis, push_p = _push(inputs, pooled, one_x_two)
    action = 1 - (push_p / 2 if quarter % 2 else push_p)
    return Priced(pooled, one_x_two, basis, push_p, action, pooled.p)


Mover = Callable[[float, int], float]


def pool(inputs: PoolInputs, move: Mover | None = None) -> Pooled:
    """Remove each book's margin, move it to one line, and pool the books.

    Raises a PricingError.
    """
    made = [fair_once(quote.odds, inputs.method) for quote in inputs.quotes]
    rows = tuple([
        one.p if quote.line_q is None else _moved(quote, quote.line_q, one.p, move)
        for quote, one in zip(inputs.quotes, made, strict=True)
    ])  # fmt: skip
    base = anchored_base(
        [quote.book for quote in inputs.quotes], [one.margin for one in made], inputs.anchor
    )
    raw = book_weights(
        len(rows),
        base,
        age_s=[quote.age_s for quote in inputs.quotes],
        half_life_s=inputs.half_life_s,
    )
    total = sum(raw)
    weights = tuple([weight / total for weight in raw])
    return Pooled(
        booksums=tuple([one.booksum for one in made]),
        parameters=tuple([one.parameter for one in made]),
        fair=rows,
        weights=weights,
        p=log_pool(rows, weights),
        spread_pct=spread_pct(rows),
    )


def _moved(
    quote: SharpQuote, from_q: int, p: tuple[float, ...], move: Mover | None
) -> tuple[float, ...]:
    if move is None:
        raise NoSolutionError(f"{quote.book} quotes another line and there is no way to move it")
    first = move(p[0], from_q)
    return (first, 1 - first)


def _mover(inputs: Inputs, one_x_two: Pooled | None) -> Mover | None:
    """Return the function that moves a neighbouring line's chance to this line.

    Totals are moved through their Poisson mean, handicaps through a goal model whose total is that
    of the 1X2. Return None if nothing is to be moved or no model is known.
    """
    market, line_q = inputs.market, inputs.line_q
    if line_q is None or not steps_moved(inputs):
        return None
    if market.of.line_model is LineModel.EXACT_LINE_ONLY:
        return None
    kind = market.family
    if kind is MarketKind.OVER_UNDER:
        return lambda p, from_q: move_total(p, from_q, line_q)
    if kind is MarketKind.ASIAN_HANDICAP and one_x_two is not None:
        model = fit_home_away(one_x_two.p[0], one_x_two.p[2])
        return lambda p, from_q: move_handicap(p, from_q, line_q, model.home + model.away)
    return None


def steps_moved(inputs: Inputs) -> int:
    """Return the most quarter steps that any quote of the consensus is moved."""
    steps = 0
    for quote in inputs.pool.quotes:
        if quote.line_q is not None:
            steps = max(steps, abs(quote.line_q - (inputs.line_q or 0)))
    return steps


def wanted_ev_pct(min_ev_pct: float, inputs: Inputs, odds: float) -> float:
    """Return the least value to accept.

    A price moved from another line adds what its possible error in probability is worth.
    """
    steps = steps_moved(inputs)
    return min_ev_pct + extra_edge_points(steps) * odds if steps else min_ev_pct


def _can_push(market: Market) -> bool:
    """Return whether a level result gives stakes back: without a draw no money line does."""
    if market.family is MarketKind.MONEY_LINE:
        return market.of.period(market.period).level
    return market.family in LINED


def nearest_goal(line_q: int) -> int:
    """Return the goals at which a line pushes or half pushes: 0.25 -> 0, 0.75 -> 1, -0.75 -> -1."""
    return (line_q + 1) // 4


def _push(inputs: Inputs, pooled: Pooled, one_x_two: Pooled | None) -> tuple[str, float]:
    """Return the basis, and the probability of a score at which the line pushes or half pushes."""
    market, line_q = inputs.market, inputs.line_q
    if market.of.line_model is LineModel.EXACT_LINE_ONLY:
        return "action", 0.0
    kind = market.family
    if kind is MarketKind.OVER_UNDER:
        if line_q is None or line_q < 1:
            return "action", 0.0
        goals = nearest_goal(line_q)
        return "total", poisson(fit_total(pooled.p[0], line_q), goals + 1)[goals]
    if one_x_two is None or (kind is MarketKind.ASIAN_HANDICAP and line_q is None):
        return "action", 0.0
    home, draw, away = one_x_two.p
    margin = -nearest_goal(line_q or 0)
    if margin == 0:
        return "1x2", draw
    return "goals", margin_p(fit_home_away(home, away), margin)


def usable(quotes: Sequence[SharpQuote], method: str, half_life_s: float) -> tuple[SharpQuote, ...]:
    """Return the quotes that may enter a consensus.

    They are young enough, not underround, and have a fair price by the method.
    """
    return tuple([quote for quote in quotes if _usable(quote, method, half_life_s)])


def _usable(quote: SharpQuote, method: str, half_life_s: float) -> bool:
    if quote.age_s > DROP_AFTER_HALF_LIVES * half_life_s:
        return False
    try:
        return fair_once(quote.odds, method).booksum >= 1
    except PricingError:
        return False
