// What a frame does to what is known. Pure: every function returns new values.

export const ROW_CAP = 200;
const ROWS = { orders: 'id', signals: 'key', ticks: 'key' };

export function keyOf(kind, row) {
  if (kind === 'orders') return row.id;
  if (kind === 'signals') return `${row.trace_id}|${row.stage}|${row.selection_id}`;
  return `${row.event_uid}|${row.selection_id}|${row.book}`;
}

/** Newer rows replace those with their key and go first where they are new; at most `cap` stay. */
export function mergeRows(kind, known, fresh, cap = ROW_CAP) {
  const incoming = new Map(fresh.map((row) => [keyOf(kind, row), row]));
  const kept = known.map((row) => {
    const key = keyOf(kind, row);
    const newer = incoming.get(key);
    incoming.delete(key);
    return newer ?? row;
  });
  const added = [...incoming.values()];
  if (added.length === 0 && kept.length <= cap) return kept;
  return [...added, ...kept].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, cap);
}

/** The sections that `data` changes, merged with `known`. */
export function patch(known, data) {
  const changed = {};
  for (const [name, value] of Object.entries(data)) {
    changed[name] = name in ROWS ? mergeRows(name, known[name] ?? [], value) : value;
  }
  return changed;
}

/** How the id of a frame stands to the last one known: `same` (a heartbeat), `next`, `old` or `gap`. */
export function relation(previous, next) {
  if (previous === null) return 'next';
  const [oldRun, oldNumber] = split(previous);
  const [newRun, newNumber] = split(next);
  if (oldRun !== newRun || newNumber > oldNumber + 1) return 'gap';
  if (newNumber === oldNumber) return 'same';
  return newNumber === oldNumber + 1 ? 'next' : 'old';
}

function split(id) {
  const [run, number] = String(id ?? '').split('-');
  return [run, Number(number)];
}

/** Seconds until the next try: 0.5 doubling to 15, with jitter from `random` in [0, 1). */
export function backoff(attempt, random) {
  const ceiling = Math.min(15, 0.5 * 2 ** attempt);
  return ceiling * (0.5 + random / 2);
}

const STAGE_OF = { validator: 'raw', edge: 'validated', guard: 'confirmed', router: 'approved' };

/** One line a process: worst state, oldest beat, and the queue it eats from. */
export function workerLines(workers, queues) {
  const byQueue = new Map((queues ?? []).map((queue) => [queue.name, queue]));
  return (workers ?? []).map((worker) => ({ ...worker, queue: byQueue.get(STAGE_OF[worker.process]) ?? null }));
}

/** The tape: bets and verdicts in one list, newest first. `kinds` says which of them; a `state` leaves bets only. */
export function tapeRows(sections, kinds, { words = '', state = '', book = '' } = {}) {
  const needle = words.trim().toLowerCase();
  const wrap = (kind) => (sections[kind] ?? []).map((row) => ({ kind, key: keyOf(kind, row), at: row.at, row }));
  const rows = [...(kinds.has('orders') ? wrap('orders') : []), ...(kinds.has('signals') && !state ? wrap('signals') : [])];
  return rows
    .filter(({ row }) => !state || row.state === state)
    .filter(({ row }) => !book || bookOf(row) === book)
    .filter(({ row }) => !needle || searchText(row).includes(needle))
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : a.key < b.key ? 1 : -1))
    .slice(0, ROW_CAP);
}

/** The book of a bet, or the one whose price a verdict is about. */
export function bookOf(row) {
  return row.book ?? row.numbers?.book ?? null;
}

function searchText(row) {
  const words = [row.home, row.away, row.league, row.sport, bookOf(row), row.outcome_text, row.market_text, row.reason_text, row.event_uid, row.event_text, row.selection_id, row.id, row.state, row.stage];
  return words.filter(Boolean).join(' ').toLowerCase();
}

/** Where nothing has happened for most of the time, the line begins shortly before the first step. */
export function fromFirstStep(points) {
  const [begin, first, end] = [points[0], points[1], points.at(-1)].map((point) => Date.parse(point.at));
  const room = Math.max(60_000, (end - first) * 0.1);
  return first - begin > (end - begin) / 2 && first - room > begin ? [{ ...points[0], at: new Date(first - room).toISOString() }, ...points.slice(1)] : points;
}
