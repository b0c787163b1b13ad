// Every screen by the word in its address. Their files come when the first screen stands: a page loads quickly, and a
// screen never opened before is there even when the server has gone.

import { html, signal, useEffect } from './vendor/ui.js';

const FILES = {
  orders: () => import('./orders.js').then((file) => file.Orders),
  signals: () => import('./signals.js').then((file) => file.Signals),
  risk: () => import('./risk.js').then((file) => file.Risk),
  health: () => import('./health.js').then((file) => file.Health),
  alerts: () => import('./alerts.js').then((file) => file.Alerts),
  perf: () => import('./perf.js').then((file) => file.Performance),
  logs: () => import('./logs.js').then((file) => file.Logs),
  config: () => import('./config.js').then((file) => file.Config),
  runbook: () => import('./runbook.js').then((file) => file.Runbook),
};
const arrived = signal({});
const failed = signal({});

function fetchScreen(screen) {
  return FILES[screen]().then(
    (component) => { arrived.value = { ...arrived.value, [screen]: component }; },
    (error) => { failed.value = { ...failed.value, [screen]: error.message }; },
  );
}

/** Fetches every screen that is not there yet. */
export function fetchScreens() {
  return Promise.all(Object.keys(FILES).filter((screen) => !arrived.value[screen]).map(fetchScreen));
}

export function isScreen(screen) {
  return Object.hasOwn(FILES, screen);
}

export function LazyScreen({ screen }) {
  const Chosen = arrived.value[screen];
  useEffect(() => { if (!Chosen) fetchScreen(screen); }, [screen]);
  if (Chosen) return html`<${Chosen} />`;
  if (!failed.value[screen]) return html`<p role="status">Loading this screen.</p>`;
  return html`<div class="fault" role="alert"><h1>This screen could not be loaded</h1><p>${failed.value[screen]} The stop button works.</p><button type="button" onClick=${() => fetchScreen(screen)}>Try again</button></div>`;
}

/** The phone's "More". */
export function Menu() {
  const items = [['signals', 'Signals', 'why we did or did not bet'], ['risk', 'Risk', 'how close to the limits'], ['health', 'Health', 'what is broken'], ['perf', 'Performance', 'is the edge real'], ['logs', 'Logs', 'what exactly happened'], ['config', 'Config', 'what it is running with']];
  return html`<h1>More</h1><ul class="menu">${items.map(([screen, name, what]) => html`<li key=${screen}><a href=${`#/${screen}`}>${name} <span class="quiet">${what}</span></a></li>`)}</ul>`;
}
