"""The merged feed of one account: every row known, keyed by GameId, and the markets they add up to.

Answers are deltas, so what an answer leaves out is unchanged. Rules, in this order:

* a row is merged field by field: an empty odds string, a missing line or favourite keeps the known one; but prices never move
  on to another line, so an empty odds string with another line ends the prices of the old one;
* a row that closes (WillBeRemoved) goes at once. ToBeRemovedOn alone removes nothing: samples show it on rows that stay;
* a row that cannot be read goes too, when its GameId can: its price is no longer known, and stale is never traded;
* a fixture only moves up, early to today to live: lingering copies of earlier phases are ignored, also after it has gone;
* match ids of the same names and kick-offs at most two hours apart are one event, also when the uid's date is another by now;
* where rows of one match offer the same market, the one changed last by the venue's time has replaced the others (a line's
  GameId may change): their prices of it are dropped, whatever becomes of that row. Of several matches' rows an active one wins,
  then the one changed last;
* a change time that cannot be is none: with one from the future a row would win, and a score stand, for ever;
* a match beyond the horizon is not taken, and of too many the farthest kick-offs go (``bounds``);
* after a gap (``fresh=True``) rows of the phase that the answer does not repeat are dropped;
* a row goes ``ROW_LIFE`` after kick-off, whatever the feed forgot to say; until then a match id keeps its uid, even when its
  rows have gone in between, and over restarts (``remember``).

Memory: odds strings are kept as they came, one change time per book beside them; prices are parsed
when they change.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count

import msgspec

from keter.clock import to_ms
from keter.domain.feed import MarketPrices
from keter.domain.markets import Event, Market, Phase, event_uid
from keter.venues.asianodds.bounds import MOST_ROWS, FeedBounds, forgotten, oldest, surplus
from keter.venues.asianodds.merging import Fixture, Merged, Row, Turn
from keter.venues.asianodds.normalise import (
    MARKET_TYPE_OF_PHASE,
    Problem,
    Ref,
    kept_uid,
    read_clock,
    read_event,
    read_phase,
    read_score,
)
from keter.venues.asianodds.row_markets import Slot, SlotMerger
from keter.venues.asianodds.scores import FINAL_AFTER, ScoreBook
from keter.venues.asianodds.wire import Feed, FeedRow, read_identity, read_row

ROW_LIFE = timedelta(hours=12)
_RANK = {Phase.EARLY: 0, Phase.TODAY: 1, Phase.LIVE: 2}
_SWEEP_EVERY = timedelta(seconds=60)
_SAME_FIXTURE = timedelta(hours=2)
_CLOCKS_APART_MS = 60_000
# A uid carries the date of the first kick-off told, which may have moved past midnight.
_UID_DATES = timedelta(hours=12)


class FeedState:
    """Everything the feed has told. Not thread-safe: one merge at a time."""

    def __init__(
        self, *, final_after: timedelta = FINAL_AFTER, bounds: FeedBounds | None = None
    ) -> None:
        self._bounds = bounds if bounds is not None else FeedBounds()
        self._rows: dict[int, Row] = {}
        self._fixtures: dict[str, Fixture] = {}
        self._uids: dict[int, str] = {}
        self._past: dict[str, tuple[Phase, datetime]] = {}
        self._remembered: dict[int, Event] = {}
        self._events: dict[str, Event] = {}
        self._scores = ScoreBook(final_after)
        self._revisions = count(1)
        self._swept_at: datetime | None = None

    def merge(self, feed: Feed, phase: Phase, now: datetime, *, fresh: bool = False) -> Merged:
        """Take an answer about ``phase``.

        ``now`` is when it had arrived; ``fresh`` says that earlier answers were missed.
        """
        turn = Turn(now, self._revisions)
        unseen = self._rows_of(phase) if fresh else {}
        for sport_feed in feed.sports or ():
            sport = -1 if sport_feed.sports_type is None else sport_feed.sports_type
            for raw in sport_feed.match_games or ():
                row = read_row(raw)
                if row is None:
                    self._unreadable(turn, read_identity(raw))
                else:
                    unseen.pop(row.game_id, None)
                    self._take(turn, row, sport, read_phase(row, phase))
        # Also of rows that have gone by another way meanwhile: unreadable now, or their match moved
        # on under another uid.
        turn.missed = set(unseen.values())
        for game_id in unseen:
            self._drop(turn, game_id)
        self._sweep(turn)
        self._shed(turn)
        return self._finish(turn, phase)

    def remember(self, fixtures: Mapping[int, Event]) -> None:
        """What match ids stood for before this process began: they keep their uids."""
        self._remembered = dict(fixtures)
        self._events = {event.event_uid: event for event in fixtures.values()}

    def markets(self, now: datetime) -> Iterator[MarketPrices]:
        """Every market known, as it would be told at ``now``."""
        slots = SlotMerger(iter(()), now, Counter())
        for fixture in self._fixtures.values():
            for row, slot in self._offers(fixture).values():
                yield self._prices(fixture, row, slot, slots)

    def _rows_of(self, phase: Phase) -> dict[int, str]:
        """The game id of every row of ``phase``, and the uid that it belongs to."""
        return {
            game_id: uid
            for uid, fixture in self._fixtures.items()
            if fixture.phase is phase
            for game_id in fixture.rows
        }

    def _unreadable(self, turn: Turn, game_id: int | None) -> None:
        turn.problems[Problem.BAD_ROW] += 1
        if game_id is not None:
            self._drop(turn, game_id)

    def _take(self, turn: Turn, row: FeedRow, sport: int, phase: Phase) -> None:
        known = self._rows.get(row.game_id)
        if known is not None and _RANK[phase] < _RANK[self._fixtures[known.uid].phase]:
            turn.problems[Problem.STALE_COPY] += 1
            return
        if row.will_be_removed:
            if known is not None:
                self._observe(turn, known.uid, row, sport)
                self._drop(turn, row.game_id)
            return
        event = read_event(row, sport)
        if not isinstance(event, Problem) and self._bounds.too_far(event, turn.now):
            event = Problem.BEYOND_HORIZON
        fixture = (
            event if isinstance(event, Problem) else self._fixture(turn, row.match_id, event, phase)
        )
        if isinstance(fixture, Problem):
            turn.problems[fixture] += 1
            self._drop(turn, row.game_id)
            return
        uid = fixture.event.event_uid
        known = self._rows.get(row.game_id)
        if known is None or known.uid != uid or known.sport != sport:
            self._drop(turn, row.game_id)
            if len(fixture.rows) >= MOST_ROWS:
                turn.problems[Problem.SHED] += 1
                return
            known = self._rows[row.game_id] = Row(row.game_id, row.match_id, uid, sport)
            fixture.rows.add(row.game_id)
        self._observe(turn, uid, row, sport)
        self._merge_row(turn, known, row)

    def _merge_row(self, turn: Turn, known: Row, row: FeedRow) -> None:
        """``row`` brings ``known`` up to date."""
        full, half = known.favoured
        if row.full_time_favoured is not None or row.favoured is not None:
            full = row.full_time_favoured if row.full_time_favoured is not None else row.favoured
        if row.half_time_favoured is not None or row.favoured is not None:
            half = row.half_time_favoured if row.half_time_favoured is not None else row.favoured
        known.favoured = (full, half)
        known.match_id = row.match_id
        changed_ms = _changed_ms(row, turn.now)
        known.updated_ms = changed_ms or known.updated_ms
        if row.is_active is not None:
            known.active = row.is_active
        turn.slots.merge(
            known.slots, row, known.sport, known.favoured, changed_ms or to_ms(turn.now)
        )
        self._replace(known)
        turn.touched[known.uid] = None

    def _replace(self, row: Row) -> None:
        """Leaves each market of ``row`` to the row of its match that was changed last."""
        holders = self._fixtures[row.uid].holders
        for name, slot in tuple(row.slots.items()):
            key = (row.match_id, slot.market)
            other = self._rows.get(holders.get(key, row.game_id), row)
            theirs = [place for place, held in other.slots.items() if held.market == slot.market]
            if other is row or other.match_id != row.match_id or other.uid != row.uid or not theirs:
                holders[key] = row.game_id
            elif (other.updated_ms, other.game_id) > (row.updated_ms, row.game_id):
                del row.slots[name]
            else:
                holders[key] = row.game_id
                for place in theirs:
                    del other.slots[place]

    def _fixture(self, turn: Turn, match_id: int, event: Event, phase: Phase) -> Fixture | Problem:
        """The fixture a row belongs to, raised to the row's phase, or why the row is none of its
        rows.
        """
        before = self._fixtures.get(self._uids.get(match_id, ""))
        uid = self._uid_of(match_id, event)
        event = msgspec.structs.replace(event, event_uid=uid)
        fixture = self._fixtures.get(uid)
        reached = (
            fixture.phase if fixture is not None else self._past.get(uid, (phase, turn.now))[0]
        )
        if _RANK[phase] < _RANK[reached]:
            return Problem.STALE_COPY
        if fixture is None:
            fixture = self._fixtures[uid] = Fixture(event, phase, match_id)
        elif match_id not in fixture.matches and not _same_fixture(fixture.event, event):
            return Problem.UID_COLLISION
        if before is not None and before is not fixture:
            self._leave(turn, before, match_id)
        fixture.matches.add(match_id)
        self._uids[match_id] = uid
        self._note(turn, match_id, event)
        if fixture.phase is not phase:
            for game_id in tuple(fixture.rows):
                self._drop(turn, game_id)
            fixture.phase = phase
        if match_id == fixture.lead or not self._has_rows(fixture, fixture.lead):
            fixture.lead, fixture.event = match_id, event
        return fixture

    def _has_rows(self, fixture: Fixture, match_id: int) -> bool:
        return any(self._rows[game_id].match_id == match_id for game_id in fixture.rows)

    def _uid_of(self, match_id: int, event: Event) -> str:
        """The uid that the match has had, or its fixture by another match id, perhaps with the date
        before or after.
        """
        known = self._remembered.get(match_id)
        if known is not None:
            return kept_uid(known, event)
        for moved in (-_UID_DATES, _UID_DATES):
            uid = event_uid(event.sport, event.kickoff + moved, event.home, event.away)
            other = self._events.get(uid)
            if other is not None and _same_fixture(other, event):
                return uid
        return event.event_uid

    def _note(self, turn: Turn, match_id: int, event: Event) -> None:
        if self._remembered.get(match_id) != event:
            self._remembered[match_id] = self._events[event.event_uid] = turn.fixtures[match_id] = (
                event
            )

    def _leave(self, turn: Turn, fixture: Fixture, match_id: int) -> None:
        """The match goes on under another uid: its rows there are history."""
        fixture.matches.discard(match_id)
        for game_id in tuple(fixture.rows):
            if self._rows[game_id].match_id == match_id:
                self._drop(turn, game_id)

    def _observe(self, turn: Turn, uid: str, row: FeedRow, sport: int) -> None:
        if self._fixtures[uid].phase is not Phase.LIVE:
            return
        clock = read_clock(row.in_game_minutes, sport, row.expected_length)
        score = read_score(row, clock)
        if score is None:
            return
        news = self._scores.observe(
            uid, score, clock, _changed_ms(row, turn.now) or to_ms(turn.now), turn.now
        )
        if news is not None:
            turn.scores[uid] = news
        turn.touched[uid] = None

    def _drop(self, turn: Turn, game_id: int) -> None:
        row = self._rows.pop(game_id, None)
        if row is not None:
            self._fixtures[row.uid].rows.discard(game_id)
            turn.touched[row.uid] = None

    def _sweep(self, turn: Turn) -> None:
        if self._swept_at is not None and turn.now - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = turn.now
        for fixture in self._fixtures.values():
            if turn.now - fixture.event.kickoff > ROW_LIFE:
                for game_id in tuple(fixture.rows):
                    self._drop(turn, game_id)
        for uid in [uid for uid, (_, at) in self._past.items() if turn.now - at > ROW_LIFE]:
            del self._past[uid]
        for match_id in forgotten(self._remembered, turn.now, ROW_LIFE, self._bounds):
            self._forget(turn, match_id)

    def _forget(self, turn: Turn, match_id: int) -> None:
        event = self._remembered.pop(match_id, None)
        if event is not None:
            self._events.pop(event.event_uid, None)
            turn.fixtures[match_id] = None

    def _shed(self, turn: Turn) -> None:
        """What is more than the bounds goes before anybody is told of it."""
        kickoffs = {uid: fixture.event.kickoff for uid, fixture in self._fixtures.items()}
        for uid in surplus(kickoffs, len(self._rows), self._markets_of, self._bounds):
            turn.shed.add(uid)
            turn.touched[uid] = None
            turn.problems[Problem.SHED] += 1
            for game_id in tuple(self._fixtures[uid].rows):
                self._drop(turn, game_id)
        for uid in oldest(self._past, self._bounds):
            del self._past[uid]

    def _markets_of(self, uid: str) -> int:
        return sum(len(self._rows[game_id].slots) for game_id in self._fixtures[uid].rows)

    def _finish(self, turn: Turn, phase: Phase) -> Merged:
        changed: list[MarketPrices] = []
        removed: list[tuple[str, Market]] = []
        for uid in turn.touched:
            fixture = self._fixtures[uid]
            self._report(turn, fixture, changed, removed)
            if not fixture.rows:
                self._end(turn, fixture)
            elif fixture.phase is Phase.LIVE:
                self._scores.back(uid)
        scores = [*turn.scores.values(), *self._scores.due(turn.now)]
        known = sum(
            len(fixture.told) for fixture in self._fixtures.values() if fixture.phase is phase
        )
        return Merged(
            tuple(changed), tuple(removed), tuple(scores), known, dict(turn.problems), turn.fixtures
        )

    def _report(
        self,
        turn: Turn,
        fixture: Fixture,
        changed: list[MarketPrices],
        removed: list[tuple[str, Market]],
    ) -> None:
        """Add what is different from what was told last, and remembers it as told."""
        offers = self._offers(fixture)
        score = self._scores.current(fixture.event.event_uid)
        goals = (
            (score.home, score.away, score.red_home, score.red_away) if score is not None else None
        )
        for market, (row, slot) in offers.items():
            print_of = (slot.revision, row.game_id, row.active, fixture.phase, goals, fixture.event)
            if fixture.told.get(market) != print_of:
                fixture.told[market] = print_of
                changed.append(self._prices(fixture, row, slot, turn.slots))
        for market in [market for market in fixture.told if market not in offers]:
            del fixture.told[market]
            removed.append((fixture.event.event_uid, market))

    def _end(self, turn: Turn, fixture: Fixture) -> None:
        """The fixture has no row left."""
        uid = fixture.event.event_uid
        del self._fixtures[uid]
        for match_id in fixture.matches:
            self._uids.pop(match_id, None)
        if uid in turn.shed:
            self._scores.forget(uid)
            for match_id in fixture.matches:
                self._forget(turn, match_id)
            return
        self._past[uid] = (fixture.phase, turn.now)
        if uid in turn.missed:
            self._scores.forget(uid)
        else:
            self._scores.gone(uid, turn.now)

    def _offers(self, fixture: Fixture) -> dict[Market, tuple[Row, Slot]]:
        """For each market the row and prices that stand for it."""
        offers: dict[Market, tuple[Row, Slot]] = {}
        for row in sorted((self._rows[game_id] for game_id in fixture.rows), key=_precedence):
            for slot in row.slots.values():
                offers[slot.market] = (row, slot)
        return offers

    def _prices(self, fixture: Fixture, row: Row, slot: Slot, slots: SlotMerger) -> MarketPrices:
        ref = Ref(row.sport, MARKET_TYPE_OF_PHASE[fixture.phase], row.match_id, row.game_id).seal()
        score = (
            self._scores.current(fixture.event.event_uid) if fixture.phase is Phase.LIVE else None
        )
        return MarketPrices(
            fixture.event, slot.market, fixture.phase, ref, slots.books(slot), row.active, score
        )


def _changed_ms(row: FeedRow, now: datetime) -> int | None:
    """When the venue says that the row changed; None where it does not say, or says what cannot
    be.
    """
    at = row.updated_date_time
    return at if at is not None and 0 < at <= to_ms(now) + _CLOCKS_APART_MS else None


def _precedence(row: Row) -> tuple[bool, int, int]:
    return row.active, row.updated_ms, row.game_id


def _same_fixture(one: Event, other: Event) -> bool:
    """Whether events of one uid are the same: their names may still differ in letters that a uid
    does not keep.
    """
    names = (one.home.casefold(), one.away.casefold()) == (
        other.home.casefold(),
        other.away.casefold(),
    )
    return names and abs(one.kickoff - other.kickoff) <= _SAME_FIXTURE
