// node --test: numbers and times as people read them.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as format from '../../../../src/keter/dashboard/web/format.js';

test('money keeps every digit of a decimal string', () => {
  assert.equal(format.money('12345678901234567890.12'), '12,345,678,901,234,567,890.12');
  assert.equal(format.money('-84.20'), '\u221284.20');
  assert.equal(format.money('0.00'), '0.00');
  assert.equal(format.money('-0.00'), '0.00');
});
test('what is unknown is a dash and never a nought', () => {
  for (const value of [null, undefined, '', 'NaN', '1e5', 12, {}]) assert.equal(format.money(value), '\u2014');
  assert.equal(format.percent(null), '\u2014');
  assert.equal(format.odds('abc'), '\u2014');
  assert.equal(format.age(NaN), '\u2014');
  assert.equal(format.clock('rubbish'), '\u2014');
});
test('profit is always signed and carries an arrow', () => {
  assert.equal(format.signedMoney('-84.20'), '\u25bc \u221284.20');
  assert.equal(format.signedMoney('12.5'), '\u25b2 +12.50');
  assert.equal(format.signedMoney('0.00'), '0.00');
});
test('odds are cut and never rounded up', () => {
  assert.equal(format.odds('1.9999'), '1.999');
  assert.equal(format.odds('2'), '2.00');
  assert.equal(format.odds('2.049'), '2.049');
});
test('edges are signed with two decimals', () => {
  assert.equal(format.percent('3.419'), '+3.41 %');
  assert.equal(format.percent('-0.5'), '\u22120.50 %');
});
test('ages grow coarser', () => {
  assert.deepEqual([0.42, 12.9, 192, 7500, 200000].map(format.age), ['0.4 s', '12 s', '3 m 12 s', '2 h 5 m', '2 d']);
  assert.equal(format.delay(0.312), '312 ms');
});
test('a moment is shown in the zone that was asked for', () => {
  assert.equal(format.clock('2026-11-21T12:04:30Z', 'Europe/Paris'), '13:04:30');
  assert.equal(format.exactClock('2026-11-21T12:04:30.007Z', 'UTC'), '12:04:30.007');
  assert.equal(format.utc('2026-11-21T12:04:30.123Z'), '2026-11-21T12:04:30Z');
});
test('odds in a column stand as wide as three places', () => {
  assert.equal(format.oddsColumn('2.5'), '2.50\u2007');
  assert.equal(format.oddsColumn('2.517'), '2.517');
  assert.equal(format.oddsColumn(null), '\u2014');
});
test('figures of workers and verdicts carry units and no underscores', () => {
  const numbers = { ev_pct: 5.4881, fair_odds: 1.91234, stake: '10.00', feed_age_s_early: '9.7', body_bytes_live: '19765', loop_lag_s: '0.0007', low_ev_streak: '500', book: null };
  assert.equal(format.figures(numbers, ['loop_lag_s']), 'edge 5.49 %, fair 1.912, stake 10.00, feed age early 9.7 s, body live 20 kB, low ev streak 500');
  assert.equal(format.figures({ sharps: ['PIN', 'ISN'], spread_pct: -0.5 }), 'sharps PIN, ISN, spread \u22120.50 %');
  assert.equal(format.figures({ stake: '5.00', tightest: 'event', tightest_left: '1000.00', tightest_limit: '5000.00' }), 'tightest limit: event, 1,000.00 left of 5,000.00, stake 5.00');
  assert.equal(format.figures({ tightest: 'bets on the event', tightest_left: 0, tightest_limit: 3 }), 'tightest limit: bets on the event, 0 left of 3');
  assert.equal(format.words('HALF_WON'), 'half won');
});
