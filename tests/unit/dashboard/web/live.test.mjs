// node --test: the feed survives gaps, silence and closed sockets, in a world made of plain functions.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createLive } from '../../../../src/keter/dashboard/web/live.js';

function makeWorld() {
  const world = { time: 0, timers: [], sockets: [], phases: [], frames: [], snapshots: 0, problems: [], authLost: 0, fails: false, next: 'ab-1' };
  Object.assign(world, {
    now: () => world.time,
    random: () => 0.5,
    setTimeout: (fn, ms) => { const timer = { fn, at: world.time + ms }; world.timers.push(timer); return timer; },
    clearTimeout: (timer) => { world.timers = world.timers.filter((other) => other !== timer); },
    fetchSnapshot: async () => { if (world.fails) throw new Error('no answer'); world.snapshots += 1; return { id: world.next }; },
    openSocket: (since) => { const socket = { since, close() { this.closed = true; } }; world.sockets.push(socket); return socket; },
    onSnapshot: () => {},
    onFrame: (frame) => world.frames.push(frame.id),
    onPhase: (phase) => world.phases.push(phase),
    onAuthLost: () => { world.authLost += 1; },
    onProblem: (error) => world.problems.push(error.message),
  });
  world.pass = async (ms) => {
    world.time += ms;
    const due = world.timers.filter((timer) => timer.at <= world.time);
    world.timers = world.timers.filter((timer) => timer.at > world.time);
    due.forEach((timer) => timer.fn());
    await new Promise((resolve) => setImmediate(resolve));
  };
  return world;
}
const send = (socket, frame) => socket.onmessage({ data: JSON.stringify(frame) });

test('it resumes where the snapshot ended', async () => {
  const world = makeWorld();
  await createLive(world).start();
  assert.equal(world.sockets[0].since, 'ab-1');
});
test('frames in order are taken, old ones are not, a gap fetches the snapshot', async () => {
  const world = makeWorld();
  await createLive(world).start();
  const [socket] = world.sockets;
  socket.onopen();
  send(socket, { id: 'ab-2', type: 'state', data: {} });
  send(socket, { id: 'ab-1', type: 'state', data: {} });
  assert.deepEqual(world.frames, ['ab-2']);
  world.next = 'ab-9';
  send(socket, { id: 'ab-8', type: 'state', data: {} });
  await world.pass(0);
  assert.equal(world.snapshots, 2);
});
test('a closed socket is opened again after a wait, and polled for meanwhile', async () => {
  const world = makeWorld();
  await createLive(world).start();
  world.sockets[0].onopen();
  world.sockets[0].onclose({ code: 1006 });
  assert.equal(world.phases.at(-1), 'polling');
  await world.pass(400);
  assert.equal(world.sockets.length, 2);
});
test('a socket that says nothing is given up', async () => {
  const world = makeWorld();
  await createLive(world).start();
  world.sockets[0].onopen();
  send(world.sockets[0], { id: 'ab-2', type: 'state', data: {} });
  await world.pass(5000);
  await world.pass(5000);
  assert.equal(world.sockets[0].closed, true);
  assert.equal(world.phases.at(-1), 'polling');
});
test('an expired login ends the trying', async () => {
  const world = makeWorld();
  await createLive(world).start();
  world.sockets[0].onclose({ code: 4401 });
  await world.pass(20000);
  assert.equal(world.authLost, 1);
  assert.equal(world.sockets.length, 1);
});
test('a server that does not answer is told as a problem and asked again', async () => {
  const world = makeWorld();
  world.fails = true;
  await createLive(world).start();
  assert.deepEqual(world.problems, ['no answer']);
  world.fails = false;
  await world.pass(5000);
  assert.equal(world.snapshots, 1);
});
test('stopping ends everything', async () => {
  const world = makeWorld();
  const live = createLive(world);
  await live.start();
  live.stop();
  await world.pass(60000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.timers.length, 0);
});
test('what was asked for before a stop is not shown after it: it may be of another account', async () => {
  const world = makeWorld();
  const shown = [];
  const answers = [];
  world.fetchSnapshot = () => new Promise((resolve) => answers.push(resolve));
  world.onSnapshot = (snapshot) => shown.push(snapshot.id);
  const live = createLive(world);
  live.start();
  live.stop();
  const again = live.start();
  answers[0]({ id: 'aa-7' });
  await world.pass(0);
  assert.deepEqual(shown, []);
  assert.equal(world.sockets.length, 0);
  answers[1]({ id: 'bb-3' });
  await again;
  assert.deepEqual(shown, ['bb-3']);
  assert.deepEqual(world.sockets.map((socket) => socket.since), ['bb-3']);
});
