// Keeps the page fed: one socket, a snapshot on load and after every gap, and polling while the socket is away.
// Everything from outside comes in through `world`, so that `node --test` can run it without a browser.

import { backoff, relation } from './reduce.js';

export const POLL_MS = 5000;
const AUTH_CLOSED = 4401;
/** A socket that says nothing for so long is given up and opened anew. */
export const DEAD_SOCKET_MS = 8000;

export function createLive(world) {
  let attempt = 0;
  let socket = null;
  let lastId = null;
  let refreshing = null;
  /** What was asked for before a stop is not wanted after it: it may be of another account. */
  let era = 0;
  let lastFrame = 0;
  let stopped = false;
  const timers = new Set();

  const later = (fn, ms) => {
    const timer = world.setTimeout(() => { timers.delete(timer); if (!stopped) fn(); }, ms);
    timers.add(timer);
  };

  function refresh() {
    const mine = era;
    refreshing ??= world.fetchSnapshot().then(
      (snapshot) => { if (mine === era) { lastId = snapshot.id; world.onSnapshot(snapshot); } return true; },
      (error) => { if (mine === era) world.onProblem(error); return false; },
    ).finally(() => { if (mine === era) refreshing = null; });
    return refreshing;
  }

  function open() {
    if (socket) return;
    const mine = world.openSocket(lastId);
    socket = mine;
    lastFrame = world.now();
    mine.onopen = () => { attempt = 0; lastFrame = world.now(); world.onPhase('live'); };
    mine.onmessage = (event) => { if (socket === mine) take(JSON.parse(event.data)); };
    mine.onclose = (event) => { if (socket === mine) lost(event.code); };
  }

  function take(frame) {
    lastFrame = world.now();
    const step = relation(lastId, frame.id);
    if (step === 'old') return;
    if (step === 'gap' || frame.type === 'resync') {
      refresh();
      return;
    }
    lastId = frame.id;
    world.onFrame(frame);
  }

  function lost(code) {
    socket = null;
    if (stopped) return;
    if (code === AUTH_CLOSED) {
      world.onAuthLost();
      return;
    }
    const wait = backoff(attempt, world.random()) * 1000;
    attempt += 1;
    world.onPhase('polling', world.now() + wait);
    later(open, wait);
  }

  function poll() {
    if (!socket || world.now() - lastFrame >= POLL_MS) refresh();
    if (socket && world.now() - lastFrame > DEAD_SOCKET_MS) {
      const dead = socket;
      lost(0);
      dead.close();
    }
    later(poll, POLL_MS);
  }

  return {
    async start() {
      stopped = false;
      const mine = era;
      await refresh();
      if (mine !== era) return;
      open();
      later(poll, POLL_MS);
    },
    refresh,
    reconnectNow() {
      attempt = 0;
      open();
    },
    stop() {
      stopped = true;
      era += 1;
      refreshing = null;
      lastId = null;
      timers.forEach((timer) => world.clearTimeout(timer));
      timers.clear();
      const mine = socket;
      socket = null;
      mine?.close();
    },
  };
}
