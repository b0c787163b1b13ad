"""What the choice among values is worth: a recording decided twice, best first and as values come.

Run: python -m benchmarks.choice CAPTURES
CAPTURES: a capture file or a folder, such as DATA_DIR/captures.

The baseline of each ratio is the same recording without the rule. Value is what the edge gate
promised at the bet, in per cent of the stake; CLV compares it with the last fair price before
kick-off.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from unittest.mock import patch

from keter.domain.feed import CapturedAnswer
from keter.domain.signals import ConfirmedSignal
from keter.replay.capture import capture_files, read_captures
from keter.replay.records import BetRecord
from keter.replay.replayer import Replayer
from keter.risk.gate import RiskLimits, best_first
from keter.settings import load_settings
from keter.venues.asianodds.recorded_feed import CapturedFeeds

ROOM = {  # room for every event, so that the choice within one is what differs
    "THROTTLE_BETS": "1000",
    "MAX_EXPOSURE_TOTAL": "1000000",
    "MAX_EXPOSURE_LEAGUE": "1000000",
    "MAX_EXPOSURE_DAY": "1000000",
    "BANKROLL": "1000000",
}


def as_they_come(signals: Sequence[ConfirmedSignal], _limits: RiskLimits) -> list[int]:
    """Keep the order of the feed."""
    return list(range(len(signals)))


def decided(answers: Sequence[CapturedAnswer], *, best: bool, settle_s: str) -> list[BetRecord]:
    """Return the bets of a replay, with or without each rule."""
    settings = load_settings(None, {**ROOM, "ANCHOR_SETTLE_SEC": settle_s})
    replayer = Replayer(settings, CapturedFeeds())
    with patch("keter.replay.replayer.best_first", best_first if best else as_they_come):
        for _ in replayer.run(answers):
            pass
    return replayer.book.records(replayer.closing)


def line(name: str, bets: Sequence[BetRecord], baseline: float | None) -> float:
    """Print one run and returns its mean value."""
    value = mean(bet.ev_pct for bet in bets)
    clv = [100 * bet.clv for bet in bets if bet.clv is not None]
    closing = f"{mean(clv):+6.2f} % over {len(clv)}" if clv else "none"
    ratio = 1.0 if baseline is None else value / baseline
    print(f"{name:<34} {len(bets):>5} bets   value {value:6.2f} %   {ratio:5.2f}   CLV {closing}")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", type=Path)
    options = parser.parse_args()
    files = capture_files(options.captures) if options.captures.is_dir() else [options.captures]
    answers = list(read_captures(files))
    baseline = line("as they come (baseline)", decided(answers, best=False, settle_s="30"), None)
    line("best first", decided(answers, best=True, settle_s="30"), baseline)
    anchor = load_settings(None, {}).edge.sharp_anchor
    for settle_s in ("0", "30"):
        bets = [bet for bet in decided(answers, best=True, settle_s=settle_s) if bet.book == anchor]
        clv = [100 * bet.clv for bet in bets if bet.clv is not None]
        closing = f"mean CLV {mean(clv):+.2f} %" if clv else "no CLV"
        print(f"at the anchor, ANCHOR_SETTLE_SEC={settle_s:<3} {len(bets):>5} bets   {closing}")


if __name__ == "__main__":
    main()
