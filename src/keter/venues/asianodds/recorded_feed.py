"""Recorded GetFeeds answers as the updates they were, by the decoder and merge of the live source.

Pure.
"""

from keter.domain.feed import CapturedAnswer, FeedUpdate
from keter.domain.markets import Phase
from keter.venues.asianodds.source import EVERYTHING
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import (
    BrokenAnswerError,
    leave_out_other_sports,
    read_answer,
    read_feed,
)


class CapturedFeeds:
    """Turns answers into updates, in the order in which they were received.

    Time comes from the recording.
    """

    def __init__(self) -> None:
        self._state = FeedState()

    def update(self, captured: CapturedAnswer) -> FeedUpdate | None:
        """Return what the answer changed; None for an answer that is no feed.

        Raises BrokenAnswerError, and then changes nothing.
        """
        request = captured.request
        if request.get("method") != "GetFeeds":
            return None
        try:
            phase = Phase(str(request.get("phase")))
        except ValueError:
            raise BrokenAnswerError(
                "bad_request", f"a recorded feed of no known phase: {request.get('phase')!r}"
            ) from None
        feed = read_feed(read_answer(captured.body))
        sports = str(request.get("sports", "")).split(",")
        leave_out_other_sports(feed, [int(sport) for sport in sports if sport.isdecimal()])
        merged = self._state.merge(
            feed, phase, captured.received_at, fresh=request.get("since") == EVERYTHING
        )
        return FeedUpdate(
            phase=phase,
            changed=merged.changed,
            removed=merged.removed,
            scores=merged.scores,
            requested_at=captured.requested_at,
            received_at=captured.received_at,
            body_bytes=len(captured.body),
            parse_s=0.0,
            known_markets=merged.known_markets,
            problems=merged.problems,
        )
