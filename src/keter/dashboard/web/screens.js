// Every screen by the word in its address.

import { html } from './vendor/ui.js';

export const SCREENS = {};

/** The phone's "More". */
export function Menu() {
  const items = [['signals', 'Signals', 'why we did or did not bet'], ['risk', 'Risk', 'how close to the limits'], ['health', 'Health', 'what is broken'], ['perf', 'Performance', 'is the edge real'], ['logs', 'Logs', 'what exactly happened'], ['config', 'Config', 'what it is running with']];
  return html`<h1>More</h1><ul class="menu">${items.map(([screen, name, what]) => html`<li key=${screen}><a href=${`#/${screen}`}>${name} <span class="quiet">${what}</span></a></li>`)}</ul>`;
}
