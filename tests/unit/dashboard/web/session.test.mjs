// node --test: who is logged in is decided by the server's answer, never by its absence.
import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.location = { hash: '' };
const { learnSession } = await import('../../../../src/keter/dashboard/web/session.js');
const { get } = await import('../../../../src/keter/dashboard/web/api.js');
const store = await import('../../../../src/keter/dashboard/web/store.js');

const answers = (status, body) => { globalThis.fetch = async () => new Response(JSON.stringify(body), { status }); };
const session = (changes) => ({ login_required: false, name: 'operator', ends_at: '2026-11-28T04:00:00Z', ...changes });

async function expire() {
  answers(200, session());
  await learnSession();
  answers(401, { error: { code: 'login', message: 'log in' } });
  await assert.rejects(get('orders'));
}

test('a session that has ended puts the login over the page', async () => {
  await expire();
  assert.equal(store.loginNeeded.value, true);
});
test('a failure to ask leaves the login where it is, and what is known', async () => {
  await expire();
  for (const failure of [() => answers(503, { error: { message: 'busy' } }), () => { globalThis.fetch = async () => { throw new TypeError('no network'); }; }]) {
    failure();
    const error = await learnSession(true);
    assert.equal(store.link.value.problem, error.message);
    assert.equal(store.loginNeeded.value, true);
    assert.equal(store.session.value.name, 'operator');
  }
});
test('a failure to ask puts no login over a page that needs none', async () => {
  answers(200, session());
  await learnSession();
  answers(500, {});
  await learnSession(true);
  assert.equal(store.loginNeeded.value, false);
});
test('an answer decides either way', async () => {
  answers(200, session({ login_required: true, name: null }));
  assert.equal(await learnSession(), null);
  assert.equal(store.loginNeeded.value, true);
  answers(200, session());
  await learnSession();
  assert.equal(store.loginNeeded.value, false);
});
