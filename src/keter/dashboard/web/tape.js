// The live tape: bets and verdicts as they come. It stands still while somebody reads it.

import { html, useRef, useState } from './vendor/ui.js';
import * as format from './format.js';
import { bookOf, tapeRows } from './reduce.js';
import { loaded, sections } from './store.js';
import { Age, BetState, CHOSEN_STATES, Clock, Empty, Panel, Scroller, Skeleton } from './parts.js';

const KINDS = [['orders', 'Bets'], ['signals', 'Verdicts']];

function useFrozen() {
  const [held, setHeld] = useState({ paused: false, hover: false, focus: false });
  const set = (change) => setHeld((before) => ({ ...before, ...change }));
  const handlers = {
    onMouseEnter: () => set({ hover: true }),
    onMouseLeave: () => set({ hover: false }),
    onFocusIn: () => set({ focus: true }),
    onFocusOut: (event) => set({ focus: event.currentTarget.contains(event.relatedTarget) }),
  };
  const selecting = () => !getSelection().isCollapsed && document.querySelector('.tape table')?.contains(getSelection().anchorNode);
  return { paused: held.paused, frozen: held.paused || held.hover || held.focus || selecting(), togglePause: () => set({ paused: !held.paused }), handlers };
}

/** Rows as shown: frozen keeps the order and membership, contents go on. */
function useSteady(rows, frozen, shape) {
  const shown = useRef({ keys: [], shape: null });
  const byKey = new Map(rows.map((row) => [row.key, row]));
  if (!frozen || shown.current.shape !== shape) shown.current = { keys: rows.map((row) => row.key), shape };
  const visible = shown.current.keys.map((key) => byKey.get(key)).filter(Boolean);
  const known = new Set(shown.current.keys);
  const fresh = rows.filter((row) => !known.has(row.key)).length;
  return { visible, fresh, showAll: () => { shown.current = { keys: rows.map((row) => row.key), shape }; } };
}

export function Tape() {
  const [kinds, setKinds] = useState(new Set(['orders', 'signals']));
  const [words, setWords] = useState('');
  const [state, setState] = useState('');
  const [book, setBook] = useState('');
  const [, redraw] = useState(0);
  const { paused, frozen, togglePause, handlers } = useFrozen();
  const known = { orders: sections.orders.value, signals: sections.signals.value };
  const everything = tapeRows(known, new Set(KINDS.map(([kind]) => kind)));
  const books = [...new Set([...everything.map(({ row }) => bookOf(row)), book].filter(Boolean))].sort();
  const rows = tapeRows(known, kinds, { words, state, book });
  const { visible, fresh, showAll } = useSteady(rows, frozen, `${[...kinds]}|${words}|${state}|${book}`);
  const toggle = (kind) => setKinds((before) => { const after = new Set(before); if (!after.delete(kind)) after.add(kind); return after; });
  const clear = () => { setKinds(new Set(['orders', 'signals'])); setWords(''); setState(''); setBook(''); };
  const tools = html`<div class="tools">
    <button type="button" class="small" aria-pressed=${paused} onClick=${togglePause}>${paused ? 'Go on' : 'Pause'}</button>
    ${KINDS.map(([kind, name]) => html`<button type="button" key=${kind} class="small chip" aria-pressed=${kinds.has(kind)} onClick=${() => toggle(kind)}>${name}</button>`)}
    <select aria-label="State of bets" value=${state} onChange=${(event) => setState(event.target.value)}>
      <option value="">any state</option>${CHOSEN_STATES.map((name) => html`<option key=${name} value=${name}>${name.toLowerCase().replace('_', ' ')}</option>`)}
    </select>
    <select aria-label="Book" value=${book} onChange=${(event) => setBook(event.target.value)}>
      <option value="">any book</option>${books.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    </select>
    <input type="search" class="filter" aria-label="Filter the tape" placeholder="filter" value=${words} onInput=${(event) => setWords(event.target.value)} />
    ${frozen && fresh > 0 && html`<button type="button" class="small fresh" onClick=${() => { showAll(); redraw((n) => n + 1); }}>${fresh} new, show</button>`}
  </div>`;
  return html`<${Panel} name="tape" title="Live tape" tools=${tools} class="tape"><${Skeleton} lines=${6} />
    ${loaded.value && (visible.length ? html`<${Rows} rows=${visible} handlers=${handlers} />` : html`<${Nothing} total=${everything.length} clear=${clear} />`)}
  <//>`;
}

function Nothing({ total, clear }) {
  if (!total && sections.money.value === null) return html`<${Empty}>Unknown while the ledger cannot be read: bets and verdicts are written there.<//>`;
  if (total) return html`<${Empty}>0 of ${total} rows match. <button type="button" class="small" onClick=${clear}>Clear the filter</button><//>`;
  return html`<${Empty}>${whyEmpty(sections.funnel.value ?? [])}<//>`;
}

/** Why there is no bet yet, from what each stage counted. */
export function whyEmpty(funnel) {
  const edge = funnel.find((stage) => stage.stage === 'edge');
  if (!funnel.length || !edge || edge.passed + edge.rejected === 0) return 'No bets today, and no market has reached the edge gate. Health shows whether the feed runs.';
  const [worst, times] = Object.entries(edge.reasons).sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  return `No bets today. Edge judged ${format.count(edge.passed + edge.rejected)} selections and passed ${format.count(edge.passed)}${worst ? `; most common no: ${worst.replaceAll('_', ' ')} (${format.count(times)})` : ''}.`;
}

function Rows({ rows, handlers }) {
  return html`<${Scroller} label="Live tape" class="fill"><table class="cards lines" ...${handlers}>
    <thead><tr><th scope="col" class="w-clock">Time</th><th scope="col" class="w-event">Event</th><th scope="col" class="w-selection">Selection</th><th scope="col" class="right w-odds">Odds</th><th scope="col" class="right w-edge">Edge</th><th scope="col" class="right w-odds">Stake</th><th scope="col">What</th></tr></thead>
    <tbody>${rows.map((item) => html`<${LINES[item.kind]} key=${item.key} row=${item.row} />`)}</tbody>
  </table><//>`;
}

function OrderLine({ row }) {
  const open = () => { location.hash = `#/orders/${row.id}`; };
  return html`<tr class="order" onClick=${open} data-row="1">
    <td><${Clock} at=${row.at} /></td>
    <th scope="row" title=${`${row.home} v ${row.away}`}><a href=${`#/orders/${row.id}`} onClick=${(event) => event.stopPropagation()}>${row.home} v ${row.away}</a></th>
    <td title=${`${row.outcome_text}, ${row.market_text}`}>${row.outcome_text} <span class="quiet">${row.market_text}</span></td>
    <td class="right num">${format.oddsColumn(row.odds ?? row.asked_odds)}</td>
    <td class="right num">${format.percent(row.ev_pct)}</td>
    <td class="right num" data-label="stake">${format.money(row.placed_stake ?? row.stake)}</td>
    <td class="what" title=${row.reason_text ?? ''}><${BetState} state=${row.state} /> <${Outcome} row=${row} /></td>
  </tr>`;
}

/** What came of a bet: money, why there is none, or where it stands. */
function Outcome({ row }) {
  if (row.pnl !== null) return html`<span class=${`num ${format.tone(row.pnl)}`}>${format.signedMoney(row.pnl)}</span>`;
  return html`<span class="quiet">${row.reason && ['REFUSED', 'SKIPPED'].includes(row.state) ? format.words(row.reason) : row.book}</span>`;
}

function SignalLine({ row }) {
  const ev = row.numbers.ev_pct;
  return html`<tr>
    <td><${Clock} at=${row.at} /></td>
    <th scope="row" class="plain" title=${row.event_text}>${row.event_text}</th>
    <td title=${row.selection_text}>${row.selection_text}</td>
    <td class="right num">${typeof row.numbers.odds === 'number' ? format.oddsColumn(String(row.numbers.odds)) : ''}</td>
    <td class="right num">${typeof ev === 'number' ? format.percent(ev.toFixed(4)) : ''}</td>
    <td></td>
    <td class="what" title=${row.accepted ? '' : row.reason_text}><span class=${`state ${row.accepted ? 'gain' : 'quiet'}`}><span aria-hidden="true">${row.accepted ? '\u2713' : '\u00d7'}</span> ${row.stage}: ${row.accepted ? 'passed' : format.words(row.reason)}</span></td>
  </tr>`;
}

const LINES = { orders: OrderLine, signals: SignalLine };

/** Prices that the pipeline looked at last, as they move. */
export function Prices() {
  const rows = (sections.ticks.value ?? []).slice(0, 14);
  return html`<${Panel} name="prices" title="Prices moving"><${Skeleton} lines=${4} />
    ${loaded.value && (rows.length ? html`<${Scroller} label="Prices moving" class="fill"><table class="tight lines"><thead><tr><th scope="col">Selection</th><th scope="col" class="w-book">Book</th><th scope="col" class="right w-move">Odds</th><th scope="col" class="right w-age">Age</th></tr></thead>
      <tbody>${rows.map((row) => html`<${PriceLine} key=${`${row.event_uid}|${row.selection_id}|${row.book}`} row=${row} />`)}</tbody></table><//>` : html`<${Empty}>No price has come in yet. Health shows whether the feed runs.<//>`)}
  <//>`;
}

function PriceLine({ row }) {
  const moved = row.previous !== null && row.previous !== row.odds;
  const up = moved && Number(row.odds) > Number(row.previous);
  return html`<tr>
    <th scope="row" title=${`${row.event_text}, ${row.selection_text}`}>${row.event_text}<span class="quiet sub">${row.selection_text}</span></th>
    <td>${row.book}</td>
    <td class="right num">${moved ? html`<span class="quiet">${format.odds(row.previous)} <span aria-hidden="true">${up ? '\u2197' : '\u2198'}</span><span class="vh">${up ? 'up to' : 'down to'}</span></span> ` : ''}${format.oddsColumn(row.odds)}</td>
    <td class="right"><${Age} at=${row.at} /></td>
  </tr>`;
}
