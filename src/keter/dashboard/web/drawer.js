// The trail of one bet: every stage from the venue's answer to settlement, with delays, verdicts and the raw record.

import { html, signal, useEffect, useRef, useState } from './vendor/ui.js';
import * as format from './format.js';
import { get } from './api.js';
import { route, sections } from './store.js';
import { Age, Amount, BetState, Clock, Empty, ModeBadge } from './parts.js';

const asked = signal(null);

export function closeDrawer() {
  if (route.value.screen === 'orders' && route.value.id) location.hash = asked.value ?? '#/orders';
}

/** Where to go back to when the drawer closes. */
export function rememberReturn(hash) {
  asked.value = hash;
}

export function Drawer() {
  const { screen, id } = route.value;
  const open = screen === 'orders' && id !== null;
  const box = useRef(null);
  const before = useRef(null);
  useEffect(() => {
    const dialog = box.current;
    if (open && !dialog.open) {
      before.current = document.activeElement;
      dialog.showModal();
    } else if (!open && dialog.open) {
      dialog.close();
      before.current?.focus?.({ preventScroll: true });
    }
  }, [open]);
  const backdrop = (event) => { if (event.target === box.current) closeDrawer(); };
  const cancel = (event) => { event.preventDefault(); closeDrawer(); };
  return html`<dialog class="drawer" ref=${box} aria-labelledby="drawer-title" onCancel=${cancel} onClick=${backdrop}>
    ${open && html`<${Trail} key=${id} id=${id} />`}
  </dialog>`;
}

function useTrail(id) {
  const [state, setState] = useState({ trail: null, error: null });
  const row = (sections.orders.value ?? []).find((order) => order.id === id);
  const doubtful = state.trail?.order.state === 'UNKNOWN';
  useEffect(() => {
    let wanted = true;
    const ask = (poll) => get(`orders/${encodeURIComponent(id)}`, {}, poll).then(
      (trail) => wanted && setState({ trail, error: null }),
      (error) => wanted && setState((known) => ({ ...known, error })),
    );
    ask(false);
    const timer = doubtful ? setInterval(() => ask(true), 5000) : null;
    return () => { wanted = false; clearInterval(timer); };
  }, [id, row?.state, row?.updated_at, doubtful]);
  return state;
}

function Trail({ id }) {
  const { trail, error } = useTrail(id);
  const close = html`<button type="button" class="small" onClick=${closeDrawer} autofocus>Close</button>`;
  if (error && !trail) return html`<div class="drawer-body"><header><h2 id="drawer-title">Order</h2>${close}</header><p role="alert">${error.message}</p></div>`;
  if (!trail) return html`<div class="drawer-body"><header><h2 id="drawer-title">Order</h2>${close}</header><p>Loading the trail of this bet.</p></div>`;
  const order = trail.order;
  return html`<div class="drawer-body">
    <header><h2 id="drawer-title">${order.home} v ${order.away}</h2>${close}</header>
    <${Facts} order=${order} />
    ${order.state === 'UNKNOWN' && html`<${Doubt} order=${order} doubt=${trail.doubt} />`}
    <h3>Trail</h3>
    ${trail.steps.length ? html`<ol class="trail">${trail.steps.map((step, i) => html`<${Step} key=${i} step=${step} />`)}</ol>` : html`<${Empty}>Nothing is recorded of this bet yet.<//>`}
    <nav class="neighbours" aria-label="Neighbouring orders">
      ${trail.previous && html`<a href=${`#/orders/${trail.previous}`}>Earlier bet</a>`}
      <a href=${`#/orders?text=${encodeURIComponent(order.event_uid)}`}>Bets on this event</a>
      <a href=${`#/logs?trace=${order.trace_id}`}>Log lines</a>
      ${trail.next && html`<a href=${`#/orders/${trail.next}`}>Later bet</a>`}
    </nav>
  </div>`;
}

function Facts({ order }) {
  const currency = sections.server.value?.currency ?? '';
  const fact = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<p class="headline"><${ModeBadge} mode=${order.mode} /> <span><strong>${order.outcome_text}</strong> <span class="quiet">${order.market_text}</span></span> <${BetState} state=${order.state} /></p>
  ${order.reason_text && html`<p class="why">${order.reason_text}</p>`}
  <dl class="facts">
    ${fact('League', order.league)}
    ${fact('Kick-off', html`<${Clock} at=${order.kickoff} day="yes" />`)}
    ${fact('Book', order.book)}
    ${fact('Stake', html`<${Amount} value=${order.placed_stake ?? order.stake} currency=${currency} />`)}
    ${fact('Odds', html`<span class="num">${order.odds ? format.odds(order.odds) : format.DASH}</span> <span class="quiet">asked ${format.odds(order.asked_odds)}, fair ${format.odds(order.fair_odds)}</span>`)}
    ${fact('Edge', html`<span class="num">${format.percent(order.ev_pct)}</span>`)}
    ${fact('Result', html`<${Amount} value=${order.pnl} signed currency=${currency} why="not settled" />`)}
    ${fact('Closing line value', order.clv_pct === null ? 'not available' : html`<span class="num">${format.percent(order.clv_pct)}</span>`)}
    ${fact('Ticket', order.ticket ?? format.DASH)}
    <div class="whole"><dt>Order</dt><dd><code>${order.id}</code></dd></div>
  </dl>`;
}

/** What is being done about an outcome that nobody knows. */
function Doubt({ order, doubt }) {
  const times = doubt === null || doubt.asked === null ? 'How often the venue was asked for it is not known while Redis does not answer.'
    : doubt.asked ? html`The venue has been asked for it <span class="num">${format.count(doubt.asked)}</span> time${doubt.asked > 1 ? 's' : ''}, last <${Age} at=${doubt.last_at} /> ago.`
      : 'The venue has not been asked for it yet.';
  return html`<p class="why"><strong class="critical">Outcome unknown</strong> for <${Age} at=${doubt?.since ?? order.updated_at} />. ${times} The bet is not sent again.</p>`;
}

function Step({ step }) {
  return html`<li class=${step.ok ? '' : 'bad'}>
    <div class="line">
      <${Clock} at=${step.at} day="exact" /> <span class="delta num">${step.delta_s === null ? '' : `+${format.delay(step.delta_s)}`}</span>
      <strong>${step.stage}</strong> <span class=${`state ${step.ok ? 'gain' : 'loss'}`}>${format.words(step.outcome)}</span>
    </div>
    ${step.text && html`<p class="text">${step.text}</p>`}
    <details open=${!step.ok}><summary>raw${step.worker ? `, by ${step.worker}` : ''}</summary><${Raw} value=${step.raw} /></details>
  </li>`;
}

function Raw({ value }) {
  const text = JSON.stringify(value, null, 1);
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return html`<div class="raw"><button type="button" class="small" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button><pre tabindex="0" aria-label="Raw record">${text}</pre></div>`;
}
