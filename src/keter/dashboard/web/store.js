// What the page knows, as signals: the snapshot's sections, the connection, who is logged in, and what is being looked at.

import { batch, computed, signal } from './vendor/ui.js';
import { patch } from './reduce.js';

export const STALE_AFTER_S = 6;
const SECTIONS = ['server', 'trading', 'money', 'attention', 'workers', 'queues', 'feeds', 'redis', 'funnel', 'pnl', 'orders', 'signals', 'ticks', 'problems', 'accounts'];

export const sections = Object.fromEntries(SECTIONS.map((name) => [name, signal(null)]));
export const position = signal(null);
export const loaded = computed(() => sections.server.value !== null);
export const session = signal(null);
export const loginNeeded = signal(false);

/** phase: connecting, live, polling; `retryAt` and `frameAt` are on the browser's monotonic clock, in milliseconds. */
export const link = signal({ phase: 'connecting', retryAt: null, problem: null });
export const frameAt = signal(null);
export const redisDown = signal(null);
export const newVersion = signal(null);
export const now = signal(performance.now());

let serverAt = null;
export const skewS = signal(0);

/** The server's time now, in milliseconds since the epoch, as far as the last frame told. */
export function serverNow() {
  return serverAt === null ? Date.now() : serverAt + (now.value - frameAt.value);
}

export function ageOf(iso) {
  return iso ? (serverNow() - new Date(iso).getTime()) / 1000 : NaN;
}

export const silentS = computed(() => (frameAt.value === null ? null : Math.max(0, (now.value - frameAt.value) / 1000)));
export const silent = computed(() => silentS.value !== null && silentS.value > STALE_AFTER_S);
export const redisProblem = computed(() => redisDown.value ?? (sections.redis.value && !sections.redis.value.ok ? sections.redis.value.detail : null));
/** What is shown may no longer be so: nothing was heard for long, or Redis cannot be asked. */
export const stale = computed(() => silent.value || redisProblem.value !== null);

/** Something came from the server at `ts`: what is shown is that fresh. */
export function heard(ts) {
  const moment = new Date(ts).getTime();
  batch(() => {
    serverAt = moment;
    frameAt.value = performance.now();
    now.value = frameAt.value;
    skewS.value = (moment - Date.now()) / 1000;
  });
}

export function takeSnapshot(snapshot) {
  batch(() => {
    for (const name of SECTIONS) sections[name].value = snapshot[name];
    position.value = snapshot.id;
    redisDown.value = null;
    heard(snapshot.at);
    noteVersion(snapshot.server.version);
  });
}

/** Nothing that was known is of the account that is shown now. */
export function forget() {
  batch(() => {
    for (const name of SECTIONS) sections[name].value = null;
    position.value = null;
    frameAt.value = null;
    redisDown.value = null;
  });
}

export function takeFrame(frame) {
  batch(() => {
    const known = Object.fromEntries(SECTIONS.map((name) => [name, sections[name].peek()]));
    for (const [name, value] of Object.entries(patch(known, frame.data))) {
      if (name in sections) sections[name].value = value;
    }
    if (frame.data.redis?.ok) redisDown.value = null;
    position.value = frame.id;
    heard(frame.ts);
  });
}

let firstVersion = null;
function noteVersion(version) {
  firstVersion ??= version;
  if (version !== firstVersion) newVersion.value = version;
}

// What is being looked at: the hash is the only place that holds it.
export const route = signal(parseHash(location.hash));

export function parseHash(hash) {
  const [path, query] = hash.replace(/^#\/?/, '').split('?');
  const [screen, id] = path.split('/');
  return { screen: screen || 'overview', id: id || null, query: new URLSearchParams(query ?? '') };
}

export function hashOf({ screen, id, query }) {
  const tail = query.size ? `?${query}` : '';
  return screen === 'overview' ? `#/${tail}` : `#/${screen}${id ? `/${id}` : ''}${tail}`;
}

/** The address of what is being looked at, of another account. */
export function hashFor(account) {
  const { screen, id, query } = route.value.under ?? route.value;
  const next = new URLSearchParams(query);
  next.set('account', account);
  return hashOf({ screen, id, query: next });
}

/** Whose figures are shown, as the address says; null is the first account. */
export const account = computed(() => route.value.query.get('account'));
/** All accounts, where there are several. */
export const accounts = computed(() => sections.accounts.value ?? []);
/** What a command on the account that is shown names; nothing where there is but one. */
export const accountShown = computed(() => (accounts.value.length ? sections.server.value.account : undefined));

// Preferences stay in the browser and never hold anything that acts.
const PREFERENCES = { theme: 'auto', zone: 'browser', colours: 'green-red', keys: 'on' };
export const preferences = signal({ ...PREFERENCES, ...readPreferences() });

function readPreferences() {
  try {
    return JSON.parse(localStorage.getItem('keter') ?? '{}');
  } catch {
    return {};
  }
}

export function prefer(change) {
  preferences.value = { ...preferences.value, ...change };
  localStorage.setItem('keter', JSON.stringify(preferences.value));
}

export const zone = computed(() => (preferences.value.zone === 'server' ? sections.server.value?.zone : undefined));

// One polite and one assertive voice for the whole page; at most one polite sentence per five seconds.
export const said = signal('');
export const shouted = signal('');
let lastSaid = -Infinity;

export function say(text) {
  if (performance.now() - lastSaid < 5000) return;
  lastSaid = performance.now();
  said.value = text;
}

export function shout(text) {
  shouted.value = text;
}
