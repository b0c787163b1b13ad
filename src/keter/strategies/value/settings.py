"""Settings of value betting: which markets may be priced, and what counts as value. Pure."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from keter.domain.market_kinds import MarketKind
from keter.domain.sports import SPORTS
from keter.setting_kinds import YEAR_S, Group, Percent, Seconds, Words, checked_books

# The periods of every sport, with the kinds of each.
_MARKETS = [
    (period.code, kind)
    for sport in SPORTS.values()
    for period in sport.periods
    for kind in period.kinds
]
# The methods of keter.pricing.margin.
MarginMethod = Literal[
    "multiplicative", "additive", "power", "shin", "odds_ratio", "balanced_book", "goto", "jsd"
]


class ValidationSettings(Group):
    """What a market must be before it is priced."""

    max_quote_age_s: Seconds = Field(
        30, description="Oldest confirmation of a price that may still be used, before kick-off."
    )
    max_quote_age_live_s: Seconds = Field(8, description="The same in play.")
    in_play: bool = Field(False, description="Bet on events that have started.")
    horizon_h: Annotated[float, Field(gt=0, le=8_760)] = Field(
        72, description="Ignore events that kick off later than this."
    )
    league_blacklist: Words = Field(
        ("FANTASY", "EFOOTBALL", "E-FOOTBALL", "ESOCCER", "FRIENDLY"),
        description="Leagues whose name contains one of these, ignoring case.",
    )
    market_type_blacklist: Words = Field(
        (),
        description="Market kinds (1x2, ah, ou, ml) or periods (ft, ht) never to bet.",
    )

    @field_validator("market_type_blacklist")
    @classmethod
    def _known_market_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        kinds = dict.fromkeys([*MarketKind, *(kind.text for _, kind in _MARKETS)])
        periods = dict.fromkeys(period for period, _ in _MARKETS)
        known = {*kinds, *periods, *(f"{period}.{kind}" for period in periods for kind in kinds)}
        if not {word.lower() for word in value} <= known:
            raise ValueError(f"must be of {', '.join([*kinds, *periods])}, or both as in ht.ah")
        return value


class EdgeSettings(Group):
    """What a price must be worth."""

    sharp_whitelist: Words = Field(
        ("PIN", "ISN", "SBO"), description="Books whose prices make the consensus."
    )
    min_sharp_sources: Annotated[int, Field(ge=1)] = Field(
        2, description="Sharp books needed, the book being bet left out."
    )
    min_ev_pct: Percent = Field(5, description="Smallest expected value, in per cent of the stake.")
    ev_max_pct: Percent = Field(25, description="Above this the price is taken for an error.")
    max_consensus_spread_pct: Percent = Field(
        5, description="Largest disagreement of the sharp books, in points of probability."
    )
    confirmation_window_sec: Seconds = Field(
        0, description="Value must stand for this long before it counts."
    )
    devig_method_1x2: MarginMethod = Field("power", description="Margin removal for 1X2.")
    devig_method_ah: MarginMethod = Field(
        "multiplicative", description="Margin removal for Asian handicaps."
    )
    devig_method_ou: MarginMethod = Field("power", description="Margin removal for totals.")
    devig_method_ml: MarginMethod = Field(
        "power", description="Margin removal for two-way money lines."
    )
    sharp_anchor: str = Field("PIN", description="The sharp book that carries half of the weight.")
    anchor_settle_sec: Seconds = Field(
        30,
        description=(
            "The anchor's own price is bet only after it has stood this long while the other sharp"
            " books were confirmed: it moves first, and until they follow its new price looks like"
            " value."
        ),
    )
    sharp_half_life_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        300,
        description=(
            "Half-life of a sharp price's weight before kick-off; a fifth in the last hour, a"
            " hundredth in play."
        ),
    )
    bet_books: Words = Field(
        ("ALL",), description="Books that may be bet with, comma separated, or ALL."
    )

    @field_validator("sharp_whitelist", "bet_books")
    @classmethod
    def _book_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_books(value)

    @field_validator("sharp_anchor")
    @classmethod
    def _one_book(cls, value: str) -> str:
        return checked_books((value,))[0] if value else value

    def devig_method(self, kind: MarketKind) -> str:
        """Return the method of margin removal for a market kind."""
        method: str = getattr(self, f"devig_method_{kind.value}")
        return method
