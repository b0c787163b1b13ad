// Whose figures are shown, where there are several accounts; and how the others stand, so that nobody overlooks their trouble.

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { accountShown, accounts, hashFor, stale } from './store.js';
import { Amount, ModeBadge, SIGNS } from './parts.js';

const STATES = { ACTIVE: ['running', 'ok'], DISARMED: ['not armed', 'warn'], REDUCING: ['reducing', 'warn'], PAUSED: ['paused', 'warn'], HALTED: ['halted', 'critical'] };

export function Accounts() {
  if (!accounts.value.length) return null;
  return html`<nav class=${`accounts ${stale.value ? 'stale' : ''}`} aria-label="Accounts"><ul>${accounts.value.map((one) => html`<li key=${one.account}><${Account} one=${one} /></li>`)}</ul></nav>`;
}

function Account({ one }) {
  const [word, tone] = STATES[one.state] ?? ['state unknown', 'critical'];
  const trouble = one.trouble.join(', ');
  return html`<a href=${hashFor(one.account)} aria-current=${one.account === accountShown.value ? 'true' : undefined} title=${one.account}>
    <${ModeBadge} mode=${one.mode} /> <strong>${one.name}</strong>
    <span class=${tone}>${word}</span>
    <span>today <${Amount} value=${one.pnl_today} signed currency=${one.currency} why="the ledger cannot be read" /></span>
    <span class="num">${one.open === null ? format.DASH : format.count(one.open)} open</span>
    ${trouble && html`<span class="critical"><span aria-hidden="true">${SIGNS.ticket}</span> ${trouble}</span>`}
  </a>`;
}
