"""Updates per second of a replay, beside decoding and merging the same recording without deciding
anything.

Run: python -m benchmarks.replay_speed CAPTURES [--rounds 3]
CAPTURES: a capture file or a folder, such as DATA_DIR/captures.

Figures are processor time of this process, the fastest of the rounds. The decisions of all rounds
are compared byte for byte.
"""

import argparse
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keter.domain.feed import CapturedAnswer
from keter.replay.capture import capture_files, read_captures
from keter.replay.replayer import Replayer
from keter.settings import load_settings
from keter.venues.asianodds.recorded_feed import CapturedFeeds


def merge_only(answers: Sequence[CapturedAnswer]) -> tuple[float, int]:
    """Seconds and changed markets."""
    feeds, changed, started = CapturedFeeds(), 0, time.process_time()
    for answer in answers:
        update = feeds.update(answer)
        changed += len(update.changed) if update else 0
    return time.process_time() - started, changed


def decide(answers: Sequence[CapturedAnswer]) -> tuple[float, int, str]:
    """Seconds, market updates judged, and a digest of the decisions."""
    replayer, digest = Replayer(load_settings(None, {}), CapturedFeeds()), hashlib.sha256()
    started = time.process_time()
    for decision in replayer.run(answers):
        digest.update(msgspec.json.encode(decision))
    return time.process_time() - started, replayer.updates, digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    files = capture_files(options.captures) if options.captures.is_dir() else [options.captures]
    answers = list(read_captures(files))
    merged = min(merge_only(answers) for _ in range(options.rounds))
    decided = [decide(answers) for _ in range(options.rounds)]
    assert len({digest for _, _, digest in decided}) == 1, (
        "the same recording gave different decisions"
    )
    seconds, updates, digest = min(decided)
    print(
        f"{len(answers):,} answers, {merged[1]:,} changed markets, decisions {digest[:16]} in every"
        " round"
    )
    print(
        f"decode and merge   {merged[0]:8.3f} s   1.0   {merged[1] / merged[0]:>10,.0f} markets/s"
    )
    print(
        f"replay             {seconds:8.3f} s   {seconds / merged[0]:.1f}  "
        f" {updates / seconds:>10,.0f} updates/s"
    )


if __name__ == "__main__":
    main()
