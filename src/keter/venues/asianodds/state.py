"""The merged feed of one account: every row known, by GameId, and the markets that they add up to.

Answers are deltas, so what an answer leaves out is unchanged. The ten rules of the merge, each with
its test, are in docs/asianodds-feed.md. The identity of events is in ``fixture_ids``.

Odds strings are kept as they came, with one change time per book beside them. Prices are parsed
when they change. Pure.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count

import msgspec

from keter.clock import to_ms
from keter.domain.markets import Event, Phase
from keter.venues.asianodds.bounds import MOST_ROWS, FeedBounds, oldest, surplus
from keter.venues.asianodds.fixture_ids import FixtureIds, same_fixture
from keter.venues.asianodds.merging import (
    Fixture,
    Merged,
    MergeStep,
    Row,
    changed_ms,
    leave_to_newest,
    merge_row,
    report,
)
from keter.venues.asianodds.normalise import (
    Problem,
    read_clock,
    read_event,
    read_phase,
    read_score,
)
from keter.venues.asianodds.scores import FINAL_AFTER, ScoreBook
from keter.venues.asianodds.wire import Feed, FeedRow, read_identity, read_row

# From kick-off until a row goes, whatever the feed forgot to say.
ROW_LIFE = timedelta(hours=12)
_RANK = {Phase.EARLY: 0, Phase.TODAY: 1, Phase.LIVE: 2}
_SWEEP_EVERY = timedelta(seconds=60)


class FeedState:
    """Everything known from the feed. Not thread-safe: one merge at a time."""

    def __init__(
        self, *, final_after: timedelta = FINAL_AFTER, bounds: FeedBounds | None = None
    ) -> None:
        self._bounds = bounds if bounds is not None else FeedBounds()
        self._rows: dict[int, Row] = {}
        self._fixtures: dict[str, Fixture] = {}
        self._uids: dict[int, str] = {}
        # Fixtures whose rows have gone: the phase that they had reached, and when they went.
        self._ended: dict[str, tuple[Phase, datetime]] = {}
        self._ids = FixtureIds()
        self._scores = ScoreBook(final_after)
        self._revisions = count(1)
        self._swept_at: datetime | None = None

    def merge(self, feed: Feed, phase: Phase, now: datetime, *, fresh: bool = False) -> Merged:
        """Merge an answer about ``phase`` and return what it changed.

        ``now`` is when it had arrived; ``fresh`` says that earlier answers were missed.
        """
        step = MergeStep(now, self._revisions)
        unseen = self._rows_of(phase) if fresh else {}
        for sport_feed in feed.sports or ():
            sport = -1 if sport_feed.sports_type is None else sport_feed.sports_type
            for raw in sport_feed.match_games or ():
                row = read_row(raw)
                if row is None:
                    self._unreadable(step, read_identity(raw))
                else:
                    unseen.pop(row.game_id, None)
                    self._merge_row(step, row, sport, read_phase(row, phase))
        # Also rows that went in another way meanwhile: they are unreadable, or their match moved to
        # another uid.
        step.missed = set(unseen.values())
        for game_id in unseen:
            self._drop(step, game_id)
        self._sweep(step)
        self._shed(step)
        return self._finish(step, phase)

    def remember(self, fixtures: Mapping[int, Event]) -> None:
        """Take over what match ids stood for before this process began: they keep their uids."""
        self._ids.load(fixtures)

    def _rows_of(self, phase: Phase) -> dict[int, str]:
        """Return the uid of every row of ``phase``, by game id."""
        return {
            game_id: uid
            for uid, fixture in self._fixtures.items()
            if fixture.phase is phase
            for game_id in fixture.rows
        }

    def _unreadable(self, step: MergeStep, game_id: int | None) -> None:
        step.problems[Problem.BAD_ROW] += 1
        if game_id is not None:
            self._drop(step, game_id)

    def _merge_row(self, step: MergeStep, row: FeedRow, sport: int, phase: Phase) -> None:
        known = self._rows.get(row.game_id)
        if known is not None and _RANK[phase] < _RANK[self._fixtures[known.uid].phase]:
            step.problems[Problem.STALE_COPY] += 1
            return
        if row.will_be_removed:
            if known is not None:
                self._observe(step, known.uid, row, sport)
                self._drop(step, row.game_id)
            return
        fixture = self._fixture_of(step, row, sport, phase)
        if isinstance(fixture, Problem):
            step.problems[fixture] += 1
            self._drop(step, row.game_id)
            return
        known = self._row_in(step, fixture, row, sport)
        if known is None:
            step.problems[Problem.SHED] += 1
            return
        self._observe(step, known.uid, row, sport)
        merge_row(step, known, row)
        leave_to_newest(known, self._rows, fixture.holders)
        step.touched[known.uid] = None

    def _fixture_of(
        self, step: MergeStep, row: FeedRow, sport: int, phase: Phase
    ) -> Fixture | Problem:
        """Return the fixture that a row belongs to, or why it belongs to none."""
        event = read_event(row, sport)
        if isinstance(event, Problem):
            return event
        if self._bounds.too_far(event, step.now):
            return Problem.BEYOND_HORIZON
        return self._fixture(step, row.match_id, event, phase)

    def _row_in(self, step: MergeStep, fixture: Fixture, row: FeedRow, sport: int) -> Row | None:
        """Return the known row of ``fixture``, or a new one; None if the fixture has too many.

        A known row of another fixture or sport is dropped.
        """
        uid = fixture.event.event_uid
        known = self._rows.get(row.game_id)
        if known is not None and known.uid == uid and known.sport == sport:
            return known
        self._drop(step, row.game_id)
        if len(fixture.rows) >= MOST_ROWS:
            return None
        known = self._rows[row.game_id] = Row(row.game_id, row.match_id, uid, sport)
        fixture.rows.add(row.game_id)
        return known

    def _fixture(
        self, step: MergeStep, match_id: int, event: Event, phase: Phase
    ) -> Fixture | Problem:
        """Return the fixture of an event, or why there is none. It moves up to ``phase``."""
        before = self._fixtures.get(self._uids.get(match_id, ""))
        uid = self._ids.uid_of(match_id, event)
        event = msgspec.structs.replace(event, event_uid=uid)
        fixture = self._fixtures.get(uid)
        reached = (
            fixture.phase if fixture is not None else self._ended.get(uid, (phase, step.now))[0]
        )
        if _RANK[phase] < _RANK[reached]:
            return Problem.STALE_COPY
        if fixture is None:
            fixture = self._fixtures[uid] = Fixture(event, phase, match_id)
        elif match_id not in fixture.matches and not same_fixture(fixture.event, event):
            return Problem.UID_COLLISION
        if before is not None and before is not fixture:
            self._leave_fixture(step, before, match_id)
        fixture.matches.add(match_id)
        self._uids[match_id] = uid
        if self._ids.keep(match_id, event):
            step.fixtures[match_id] = event
        if fixture.phase is not phase:
            for game_id in tuple(fixture.rows):
                self._drop(step, game_id)
            fixture.phase = phase
        if match_id == fixture.lead or not self._has_rows(fixture, fixture.lead):
            fixture.lead, fixture.event = match_id, event
        return fixture

    def _has_rows(self, fixture: Fixture, match_id: int) -> bool:
        return any(self._rows[game_id].match_id == match_id for game_id in fixture.rows)

    def _leave_fixture(self, step: MergeStep, fixture: Fixture, match_id: int) -> None:
        """Drop the rows of a match that continues under another uid."""
        fixture.matches.discard(match_id)
        for game_id in tuple(fixture.rows):
            if self._rows[game_id].match_id == match_id:
                self._drop(step, game_id)

    def _observe(self, step: MergeStep, uid: str, row: FeedRow, sport: int) -> None:
        """Note the score of a live row."""
        if self._fixtures[uid].phase is not Phase.LIVE:
            return
        clock = read_clock(row.in_game_minutes, sport, row.expected_length)
        score = read_score(row, sport, clock)
        if score is None:
            return
        observed_ms = changed_ms(row, step.now) or to_ms(step.now)
        changed = self._scores.observe(uid, score, clock, observed_ms, step.now)
        if changed is not None:
            step.scores[uid] = changed
        step.touched[uid] = None

    def _drop(self, step: MergeStep, game_id: int) -> None:
        row = self._rows.pop(game_id, None)
        if row is not None:
            self._fixtures[row.uid].rows.discard(game_id)
            step.touched[row.uid] = None

    def _sweep(self, step: MergeStep) -> None:
        """Once a minute, drop what is over: rows, fixtures that ended, match ids."""
        if self._swept_at is not None and step.now - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = step.now
        for fixture in self._fixtures.values():
            if step.now - fixture.event.kickoff > ROW_LIFE:
                for game_id in tuple(fixture.rows):
                    self._drop(step, game_id)
        for uid in [uid for uid, (_, at) in self._ended.items() if step.now - at > ROW_LIFE]:
            del self._ended[uid]
        for match_id in self._ids.outdated(step.now, ROW_LIFE, self._bounds):
            self._forget(step, match_id)

    def _forget(self, step: MergeStep, match_id: int) -> None:
        if self._ids.forget(match_id):
            step.fixtures[match_id] = None

    def _shed(self, step: MergeStep) -> None:
        """Drop what is more than the bounds allow, before it is reported."""
        kickoffs = {uid: fixture.event.kickoff for uid, fixture in self._fixtures.items()}
        for uid in surplus(kickoffs, len(self._rows), self._markets_of, self._bounds):
            step.shed.add(uid)
            step.touched[uid] = None
            step.problems[Problem.SHED] += 1
            for game_id in tuple(self._fixtures[uid].rows):
                self._drop(step, game_id)
        for uid in oldest(self._ended, self._bounds):
            del self._ended[uid]

    def _markets_of(self, uid: str) -> int:
        return sum(len(self._rows[game_id].slots) for game_id in self._fixtures[uid].rows)

    def _finish(self, step: MergeStep, phase: Phase) -> Merged:
        """Report what changed, and end the fixtures without a row."""
        for uid in step.touched:
            fixture = self._fixtures[uid]
            report(step, fixture, self._rows, self._scores)
            if not fixture.rows:
                self._end_fixture(step, fixture)
            elif fixture.phase is Phase.LIVE:
                self._scores.back(uid)
        scores = [*step.scores.values(), *self._scores.due(step.now)]
        known = sum(
            len(fixture.reported) for fixture in self._fixtures.values() if fixture.phase is phase
        )
        return Merged(
            changed=tuple(step.changed),
            removed=tuple(step.removed),
            scores=tuple(scores),
            known_markets=known,
            problems=dict(step.problems),
            fixtures=step.fixtures,
        )

    def _end_fixture(self, step: MergeStep, fixture: Fixture) -> None:
        """End a fixture that has no row left."""
        uid = fixture.event.event_uid
        del self._fixtures[uid]
        for match_id in fixture.matches:
            self._uids.pop(match_id, None)
        if uid in step.shed:
            self._scores.forget(uid)
            for match_id in fixture.matches:
                self._forget(step, match_id)
            return
        self._ended[uid] = (fixture.phase, step.now)
        if uid in step.missed:
            self._scores.forget(uid)
        else:
            self._scores.gone(uid, step.now)
