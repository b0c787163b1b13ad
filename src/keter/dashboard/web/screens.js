// Every screen by the word in its address.

import { html } from './vendor/ui.js';
import { Alerts } from './alerts.js';
import { Config } from './config.js';
import { Health } from './health.js';
import { Logs } from './logs.js';
import { Orders } from './orders.js';
import { Performance } from './perf.js';
import { Risk } from './risk.js';
import { Signals } from './signals.js';

export const SCREENS = { orders: Orders, signals: Signals, risk: Risk, health: Health, alerts: Alerts, perf: Performance, logs: Logs, config: Config };

/** The phone's "More". */
export function Menu() {
  const items = [['signals', 'Signals', 'why we did or did not bet'], ['risk', 'Risk', 'how close to the limits'], ['health', 'Health', 'what is broken'], ['perf', 'Performance', 'is the edge real'], ['logs', 'Logs', 'what exactly happened'], ['config', 'Config', 'what it is running with']];
  return html`<h1>More</h1><ul class="menu">${items.map(([screen, name, what]) => html`<li key=${screen}><a href=${`#/${screen}`}>${name} <span class="quiet">${what}</span></a></li>`)}</ul>`;
}
