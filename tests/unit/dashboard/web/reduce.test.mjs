// node --test: what a frame does to what is known.
import assert from 'node:assert/strict';
import test from 'node:test';
import { backoff, fromFirstStep, mergeRows, patch, relation, tapeRows, workerLines } from '../../../../src/keter/dashboard/web/reduce.js';

const order = (id, at, state = 'FILLED') => ({ id, at, state, home: 'Arsenal', away: 'Chelsea' });

test('a newer row replaces the older one where it stands, a new one goes first', () => {
  const known = [order('b', '2'), order('a', '1')];
  const merged = mergeRows('orders', known, [order('a', '1', 'WON'), order('c', '3')]);
  assert.deepEqual(merged.map((row) => [row.id, row.state]), [['c', 'FILLED'], ['b', 'FILLED'], ['a', 'WON']]);
});
test('rows are capped', () => {
  const many = Array.from({ length: 500 }, (_, i) => order(String(i), String(1000 + i)));
  const merged = mergeRows('orders', [], many);
  assert.equal(merged.length, 200);
  assert.equal(merged[0].id, '499');
});
test('a frame replaces the sections it names and leaves the others', () => {
  const changed = patch({ trading: { mode: 'ACTIVE' }, orders: [order('a', '1')] }, { trading: { mode: 'HALTED' } });
  assert.deepEqual(changed, { trading: { mode: 'HALTED' } });
});
test('the order of frames tells a heartbeat from the next, the old and a gap', () => {
  assert.equal(relation('ab-4', 'ab-4'), 'same');
  assert.equal(relation('ab-4', 'ab-5'), 'next');
  assert.equal(relation('ab-4', 'ab-3'), 'old');
  assert.equal(relation('ab-4', 'ab-6'), 'gap');
  assert.equal(relation('ab-4', 'cd-5'), 'gap');
  assert.equal(relation(null, 'cd-5'), 'next');
});
test('tries to reconnect spread between a quarter of a second and fifteen', () => {
  assert.equal(backoff(0, 0), 0.25);
  assert.equal(backoff(20, 1), 15);
});
test('the tape finds by word, by state and by book', () => {
  const sections = { orders: [order('a', '1'), order('b', '2', 'WON')], signals: [{ trace_id: 't', stage: 'edge', selection_id: 's', at: '3', event_text: 'Roma v Lazio' }] };
  const both = new Set(['orders', 'signals']);
  assert.deepEqual(tapeRows(sections, both).map((row) => row.kind), ['signals', 'orders', 'orders']);
  assert.deepEqual(tapeRows(sections, both, { words: 'lazio' }).map((row) => row.kind), ['signals']);
  assert.deepEqual(tapeRows(sections, both, { state: 'WON' }).map((row) => row.key), ['b']);
  const books = { orders: [{ ...order('a', '1'), book: 'SBO' }, { ...order('b', '2'), book: 'IBC' }], signals: [{ ...sections.signals[0], numbers: { book: 'IBC' } }] };
  assert.deepEqual(tapeRows(books, both, { book: 'IBC' }).map((row) => row.kind), ['signals', 'orders']);
  assert.deepEqual(tapeRows(books, both, { book: 'CRO' }), []);
});
test('a worker is shown with the queue it eats from', () => {
  const lines = workerLines([{ process: 'guard', worker: 'guard' }, { process: 'ingest', worker: 'ingest' }], [{ name: 'confirmed', depth: 3 }]);
  assert.equal(lines[0].queue.depth, 3);
  assert.equal(lines[1].queue, null);
});
test('a line that is flat for most of the day begins shortly before its first step', () => {
  const at = (time, value) => ({ at: `2026-11-21T${time}.000Z`, value });
  const late = [at('00:00:00', '0.00'), at('20:00:00', '5.00'), at('21:00:00', '7.00')];
  assert.deepEqual(fromFirstStep(late), [at('19:54:00', '0.00'), ...late.slice(1)]);
  const early = [at('00:00:00', '0.00'), at('01:00:00', '5.00'), at('21:00:00', '7.00')];
  assert.equal(fromFirstStep(early), early);
});
