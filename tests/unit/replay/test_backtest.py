"""The backtest bets through the real gates and books to the cent what the files say happened."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from math import exp, factorial
from pathlib import Path

import pytest

from keter.domain.market_kinds import MarketKind
from keter.pricing.devigging import devig
from keter.pricing.goals import fit_home_away
from keter.replay.backtest import Backtest, Rules, run
from keter.replay.football import Moment
from keter.settings import load_settings
from tests.kit.support import football_data

HEADER = (
    "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,PSH,PSD,PSA,AHh,PAHH,PAHA,MaxH,MaxD,MaxA,MaxAHH,MaxAHA,"
    "AHCh,PCAHH,PCAHA,PSCH,PSCD,PSCA"
)
# A match whose closing handicap line is the test's to say.
ROW = (
    "X1,11/08/2025,20:00,Reds,Blues,2,1,2.0,3.5,4.0,-0.75,1.95,1.95,,,,2.20,1.90,"
    "{},1.90,2.00,2.0,3.5,4.0"
)


def rules(min_ev_pct: float, *kinds: MarketKind) -> Rules:
    """Return the product's defaults with one sharp source, a stake of 100, no ceiling of value."""
    changed = {
        "MIN_SHARP_SOURCES": "1",
        "EV_MAX_PCT": "999",
        "FIXED_STAKE": "100",
        "MAX_STAKE": "100",
    }
    settings = load_settings(None, {**changed, "MIN_EV_PCT": str(min_ev_pct)})
    return Rules(settings.edge, settings.stake, settings.risk, kinds=frozenset(kinds or MarketKind))


def backtest(tmp_path: Path, row: str, rules: Rules) -> Backtest:
    (tmp_path / "X1.csv").write_text(f"{HEADER}\n{row}\n")
    return run([tmp_path], rules)


def test_a_quarter_line_is_settled_in_halves_and_a_moved_line_has_no_closing_value(
    tmp_path: Path,
) -> None:
    row = ROW.format("-0.5")
    result = backtest(tmp_path, row, rules(5, MarketKind.ASIAN_HANDICAP))
    (bet,) = result.bets
    assert (bet.selection_id, bet.state, bet.book) == ("ft.ah.-0.75.home", "HALF_WON", "MAX")
    assert bet.pnl_minor == 6000, "half of 100 at 2.20"
    assert bet.ev_pct == pytest.approx(10)
    assert bet.closing_p is None
    assert bet.clv is None


def test_a_close_of_a_line_two_steps_away_at_most_is_moved_by_a_goal_model_and_told_apart(
    tmp_path: Path,
) -> None:
    """The goals of the closing 1X2, split so that the home side wins as often as the close at -0.5
    says.
    """
    (bet,) = backtest(tmp_path, ROW.format("-0.5"), rules(5, MarketKind.ASIAN_HANDICAP)).bets
    result = devig([2.0, 3.5, 4.0])
    model = fit_home_away(result[0], result[2])
    total, wanted = model.home + model.away, (1 / 1.9) / (1 / 1.9 + 1 / 2.0)

    def margins(share: float) -> dict[int, float]:
        home, away = (
            [exp(-m) * m**n / factorial(n) for n in range(30)]
            for m in (total * share, total * (1 - share))
        )
        found = dict.fromkeys(range(-29, 30), 0.0)
        for h, a in product(range(30), repeat=2):
            found[h - a] += home[h] * away[a]
        return found

    low, high = 0.01, 0.99
    for _ in range(50):
        middle = (low + high) / 2
        wins = sum(p for margin, p in margins(middle).items() if margin > 0)
        low, high = (middle, high) if wins < wanted else (low, middle)
    p = margins(low)
    clear, level = sum(q for margin, q in p.items() if margin > 1), p[1]
    won, lost = clear + level / 2, 1 - clear - level
    assert bet.modelled_p == pytest.approx(won / (won + lost), abs=1e-9)
    assert bet.closing_p is None
    (far,) = backtest(tmp_path, ROW.format("0"), rules(5, MarketKind.ASIAN_HANDICAP)).bets
    (same,) = backtest(tmp_path, ROW.format("-0.75"), rules(5, MarketKind.ASIAN_HANDICAP)).bets
    assert (far.modelled_p, same.modelled_p) == (None, None)
    assert same.closing_p is not None


def test_the_sharp_book_is_not_held_against_itself(tmp_path: Path) -> None:
    row = "X1,11/08/2025,20:00,Reds,Blues,2,1,2.0,3.5,4.5,,,,,,,,,,,,,,"
    assert backtest(tmp_path, row, replace(rules(0.1), books=("PIN",))).bets == []


def test_the_close_can_be_the_yardstick(tmp_path: Path) -> None:
    row = "X1,11/08/2025,20:00,Reds,Blues,2,1,2.0,3.6,4.0,,,,2.1,3.6,4.0,,,,,,1.80,3.8,5.0"
    assert backtest(tmp_path, row, rules(5)).bets == []
    (bet,) = backtest(tmp_path, row, replace(rules(5), sharp_moment=Moment.CLOSE)).bets
    assert bet.selection_id == "ft.1x2.home"
    assert bet.clv == pytest.approx(bet.ev_pct / 100)


@pytest.mark.parametrize(("least", "bets"), [(100, 1), (101, 0)])
def test_a_stake_below_the_minimum_is_dropped_as_it_would_be_live(
    tmp_path: Path, least: int, bets: int
) -> None:
    row = ROW.format("-0.5")
    asked = rules(5, MarketKind.ASIAN_HANDICAP)
    asked = replace(asked, stake=asked.stake.model_copy(update={"min_stake": Decimal(least)}))
    assert len(backtest(tmp_path, row, asked).bets) == bets


@pytest.mark.data
@pytest.mark.parametrize(
    ("kind", "threshold_pct", "bets", "profit", "clv", "with_close"),
    [
        (MarketKind.ONE_X_TWO, 3, 306, "35.02", 0.04580689, 306),
        (MarketKind.ASIAN_HANDICAP, 1.55, 179, "1.32", 0.0225539, 94),
    ],
)
def test_five_english_seasons_agree_with_the_published_rules(
    kind: MarketKind, threshold_pct: float, bets: int, profit: str, clv: float, with_close: int
) -> None:
    files = [
        football_data() / f"E0_{season}.csv" for season in ("1920", "2021", "2122", "2223", "2324")
    ]
    result = run(files, rules(threshold_pct, kind))
    assert result.fixtures == 1900
    assert len(result.bets) == bets
    assert Decimal(sum(bet.pnl_minor or 0 for bet in result.bets)) / 10_000 == Decimal(profit)
    values = [bet.clv for bet in result.bets if bet.clv is not None]
    assert len(values) == with_close
    assert sum(values) / len(values) == pytest.approx(clv, abs=1e-7)
