// Boot: who is logged in, what to show, and the feed.

import { effect, html, render, useErrorBoundary } from './vendor/ui.js';
import * as format from './format.js';
import { get } from './api.js';
import { createLive } from './live.js';
import { Overview } from './overview.js';
import { Drawer, closeDrawer, rememberReturn } from './drawer.js';
import { StopDialog, dialogOpen } from './stop.js';
import { Login } from './login.js';
import { Accounts } from './accounts.js';
import { Banners, Loading, Nav, PhoneBar, StateBar, Voices, openAlerts } from './shell.js';
import { bindKeys, KeyHelp } from './keys.js';
import { learnSession } from './session.js';
import { LazyScreen, Menu, fetchScreens, isScreen } from './screens.js';
import * as store from './store.js';

const world = {
  now: () => performance.now(),
  random: () => Math.random(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  fetchSnapshot: () => get('snapshot', {}, true),
  openSocket: (since) => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live${liveQuery(since)}`),
  onSnapshot: store.takeSnapshot,
  onFrame: store.takeFrame,
  onPhase: (phase, retryAt = null) => { store.link.value = { phase, retryAt, problem: null }; },
  onAuthLost: () => { store.loginNeeded.value = true; },
  onProblem: (error) => {
    if (error.status === 503) store.redisDown.value = error.message;
    store.link.value = { ...store.link.value, problem: error.message };
  },
};
const live = createLive(world);

function liveQuery(since) {
  const query = new URLSearchParams();
  if (since) query.set('since', since);
  if (store.account.peek()) query.set('account', store.account.peek());
  return query.size ? `?${query}` : '';
}

function Screen() {
  const { screen } = store.route.value.under ?? store.route.value;
  if (screen === 'overview') return html`<${Overview} />`;
  if (screen === 'menu') return html`<${Menu} />`;
  return isScreen(screen) ? html`<${LazyScreen} key=${screen} screen=${screen} />` : html`<h1>No such screen</h1><p><a href="#/">Overview</a></p>`;
}

function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((caught) => console.error('screen', caught));
  if (!error) return children;
  return html`<div class="fault" role="alert"><h1>This screen failed</h1><p>The stop button and the other screens work.</p><button type="button" onClick=${reset}>Show it again</button></div>`;
}

function App() {
  return html`<a class="skip" href="#content">Skip to content</a>
    <header class="top"><${StateBar} /><${Accounts} /><${Nav} /><${Banners} reconnect=${live.reconnectNow} stay=${() => learnSession()} /></header>
    <main id="content" tabindex="-1"><${Loading} retry=${live.refresh} /><${Guarded} key=${`${(store.route.value.under ?? store.route.value).screen}|${store.account.value}`}><${Screen} /><//></main>
    <${PhoneBar} /><${Drawer} /><${StopDialog} /><${KeyHelp} /><${Login} onLogin=${begin} /><${Voices} />`;
}

/** Throws when a login that was just given cannot be confirmed: the form says so and stays. */
async function begin() {
  live.stop();
  const problem = await learnSession();
  if (!store.loginNeeded.value) await live.start();
  else if (problem) throw problem;
}

/** An order's drawer lies over the screen it was opened from; that screen, its query and the way back stay. */
function follow() {
  const before = store.route.peek();
  const next = withAccount(store.parseHash(location.hash));
  const drawer = next.screen === 'orders' && next.id;
  const under = before.under ?? before;
  store.route.value = drawer ? { ...next, under } : next;
  rememberReturn(drawer ? store.hashOf(under) : null);
  if (!drawer && next.screen !== under.screen) scrollTo(0, 0);
}

/** Where there are several accounts every address says whose it is: a link that does not goes on with the one that is shown. */
function withAccount(next) {
  const shown = store.accountShown.peek();
  if (!shown || next.query.has('account')) return next;
  const query = new URLSearchParams(next.query);
  query.set('account', shown);
  history.replaceState(null, '', store.hashOf({ ...next, query }));
  return { ...next, query };
}

addEventListener('hashchange', () => { if (location.hash !== '#content') follow(); });
effect(() => { if (store.accountShown.value && !store.account.value) follow(); });
let shown = store.account.peek();
effect(() => {
  const wanted = store.account.value;
  if (wanted === shown) return;
  const same = wanted === store.accountShown.peek();
  shown = wanted;
  if (same) return;
  dialogOpen.value = null;
  live.stop();
  store.forget();
  live.start();
});
setInterval(() => { store.now.value = performance.now(); }, 500);
setInterval(() => { if (!store.loginNeeded.value && (!store.session.value || store.session.value.ends_at)) learnSession(true); }, 30_000);
effect(() => {
  const { theme, colours } = store.preferences.value;
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.colours = colours;
});
effect(() => {
  const mode = store.sections.server.value?.mode ?? 'DRY';
  document.documentElement.dataset.mode = mode.toLowerCase();
  const alerts = openAlerts();
  const pnl = store.sections.money.value?.pnl_today;
  const whose = store.accounts.value.find((one) => one.account === store.accountShown.value)?.name;
  const parts = [mode, whose, pnl ? format.money(pnl) : null, alerts ? `${alerts} alert${alerts > 1 ? 's' : ''}` : null];
  document.title = store.loaded.value ? parts.filter(Boolean).join(' \u00b7 ') : 'Keter';
  document.querySelector('link[rel=icon]').href = alerts ? '/static/favicon-alert.svg' : '/static/favicon.svg';
});
effect(() => { if (store.loaded.value) setTimeout(fetchScreens, 0); });
bindKeys({ closeTop: () => { if (dialogOpen.value) dialogOpen.value = null; else closeDrawer(); } });
document.getElementById('app').replaceChildren();
render(html`<${App} />`, document.getElementById('app'));
begin();
