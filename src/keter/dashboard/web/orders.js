// What did we bet, what happened?

import { html, useEffect, useMemo, useRef, useState } from './vendor/ui.js';
import * as format from './format.js';
import { get } from './api.js';
import { Loaded, filterLink, useApi } from './fetching.js';
import { accountShown, route, sections } from './store.js';
import { BetState, CHOSEN_STATES, Clock, Empty, Panel, Unknown } from './parts.js';

const FILTERS = ['state', 'book', 'sport', 'market', 'min_ev', 'text', 'since', 'until'];
const PAGE = 500;
const PHONE = matchMedia('(max-width: 640px)');
/** Every row is as high as the style sheet makes it: one line, or a card on a phone. */
const rowPx = () => (PHONE.matches ? 92 : 36);
const SPARE = 12;

export function Orders() {
  const query = (route.value.under ?? route.value).query;
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? '']).filter(([, value]) => value));
  const asked = { ...chosen, ...(chosen.since && { since: dayStart(chosen.since) }), ...(chosen.until && { until: dayStart(chosen.until, 1) }) };
  const state = useApi('orders', { ...asked, limit: PAGE }, 5000);
  const change = (name) => (event) => { location.hash = filterLink('orders', query, { [name]: event.target.value }); };
  const tools = html`<div class="tools">
    <select aria-label="State" value=${chosen.state ?? ''} onChange=${change('state')}><option value="">any state</option>${CHOSEN_STATES.map((name) => html`<option key=${name} value=${name}>${name.toLowerCase().replace('_', ' ')}</option>`)}</select>
    <${SportFilter} chosen=${chosen.sport} onChange=${change('sport')} />
    <select aria-label="Market" value=${chosen.market ?? ''} onChange=${change('market')}><option value="">any market</option><option value="1x2">1X2</option><option value="ah">Handicap</option><option value="ou">Over/under</option><option value="ml">Money line</option></select>
    <input aria-label="Book" placeholder="book" class="short" value=${chosen.book ?? ''} onChange=${change('book')} />
    <input aria-label="Least edge in per cent" placeholder="edge %" class="short" inputmode="decimal" value=${chosen.min_ev ?? ''} onChange=${change('min_ev')} />
    <label class="inline">from <input aria-label="From day" type="date" value=${chosen.since ?? ''} onChange=${change('since')} /></label>
    <label class="inline">to <input aria-label="To the end of day" type="date" value=${chosen.until ?? ''} onChange=${change('until')} /></label>
    <input type="search" class="filter" aria-label="Search orders" placeholder="team, league, id" value=${chosen.text ?? ''} onChange=${change('text')} />
    <a class="button small" href=${`/api/v1/orders.csv${csvQuery(asked)}`} download="keter-orders.csv">CSV</a>
  </div>`;
  return html`<h1>Orders</h1><${Panel} name="orders" title=${`Bets, newest first, in ${sections.server.value?.currency ?? ''}`} tools=${tools} aged=${false}>
    <${Loaded} state=${state}>${(data) => html`<${Listing} key=${JSON.stringify(asked)} first=${data} query=${asked} filtered=${Object.keys(chosen).length > 0} />`}<//>
  <//>`;
}

/** Only where there is something to choose: the newest bets are of several sports, or one is chosen already. */
function SportFilter({ chosen, onChange }) {
  const sports = [...new Set([...(sections.orders.value ?? []).map((order) => order.sport), ...(chosen ? [chosen] : [])])].sort();
  if (sports.length < 2 && !chosen) return null;
  return html`<select aria-label="Sport" value=${chosen ?? ''} onChange=${onChange}><option value="">any sport</option>${sports.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>`;
}

/** The first moment, in this browser's zone, of the day `after` days later. */
function dayStart(day, after = 0) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return day;
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + after);
  return start.toISOString();
}

function csvQuery(asked) {
  const query = new URLSearchParams({ ...asked, ...(accountShown.value && { account: accountShown.value }) });
  return query.size ? `?${query}` : '';
}

function Listing({ first, query, filtered }) {
  const [older, setOlder] = useState({ items: [], more: null });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const items = useMemo(() => join(first.items, older.items), [first, older]);
  const more = older.more ?? first.more;
  if (!items.length && filtered) return html`<${Empty}>0 orders match. <a class="button small" href="#/orders">Clear the filter</a><//>`;
  if (!items.length) return html`<${Empty}>No orders yet. Signals tells why nothing has been bet.<//>`;
  const load = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const next = await get('orders', { ...query, limit: PAGE, before: items.at(-1).id });
      setOlder((known) => ({ items: [...known.items, ...next.items], more: next.more }));
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<${Windowed} items=${items} />
    <p class="foot"><span class="num">${format.count(items.length)}</span> shown${more ? html` <button type="button" class="small" disabled=${busy} onClick=${load}>${busy ? 'Loading' : 'Older orders'}</button>` : ', that is all'}</p>
    ${problem && html`<p class="failure" role="alert">${problem}</p>`}`;
}

function join(first, older) {
  const seen = new Set(first.map((row) => row.id));
  return [...first, ...older.filter((row) => !seen.has(row.id))];
}

/** Only the rows in view are in the document; the others are two empty rows of their height. */
function Windowed({ items }) {
  const box = useRef(null);
  const [range, setRange] = useState([0, 60]);
  const follow = () => {
    const element = box.current;
    const from = Math.max(0, Math.floor(element.scrollTop / rowPx()) - SPARE);
    const to = Math.min(items.length, Math.ceil((element.scrollTop + element.clientHeight) / rowPx()) + SPARE);
    setRange((old) => (old[0] === from && old[1] === to ? old : [from, to]));
  };
  useEffect(follow, [items.length]);
  useEffect(() => {
    PHONE.addEventListener('change', follow);
    return () => PHONE.removeEventListener('change', follow);
  });
  const [from, to] = range;
  const gap = (rows) => rows > 0 && html`<tr aria-hidden="true" class="gap"><td colspan="11" ref=${(cell) => { if (cell) cell.style.height = `${rows * rowPx()}px`; }}></td></tr>`;
  return html`<div class="scroller listing" role="group" aria-label="Orders" tabindex="0" ref=${box} onScroll=${follow}>
    <table class="rows" aria-rowcount=${items.length}><thead><tr><th scope="col">Time</th><th scope="col">Event</th><th scope="col">Selection</th><th scope="col">Book</th><th scope="col" class="right">Odds</th><th scope="col" class="right">Fair</th><th scope="col" class="right">Edge</th><th scope="col" class="right">Stake</th><th scope="col">State</th><th scope="col" class="right">Result</th><th scope="col" class="right">CLV</th></tr></thead>
    <tbody>${gap(from)}${items.slice(from, to).map((row) => html`<${Row} key=${row.id} row=${row} />`)}${gap(items.length - to)}</tbody></table>
  </div>`;
}

const NOTHING_CAME = new Set(['REFUSED', 'SKIPPED']);

function Row({ row }) {
  return html`<tr class="order" data-row="1" onClick=${() => { location.hash = `#/orders/${row.id}`; }}>
    <td class="when"><${Clock} at=${row.at} day="auto" /></td>
    <th scope="row"><a href=${`#/orders/${row.id}`} onClick=${(event) => event.stopPropagation()}>${row.home} v ${row.away}</a></th>
    <td class="what">${row.outcome_text} <span class="quiet">${row.market_text}</span></td>
    <td>${row.book}</td>
    <td class="right num" data-label="@">${format.oddsColumn(row.odds ?? row.asked_odds)}</td>
    <td class="right num fair">${format.oddsColumn(row.fair_odds)}</td>
    <td class="right num" data-label="edge">${format.percent(row.ev_pct)}</td>
    <td class="right num" data-label="stake">${format.money(row.placed_stake ?? row.stake)}</td>
    <td class="bet-state"><${BetState} state=${row.state} /></td>
    ${row.reason_text && NOTHING_CAME.has(row.state) ? html`<td colspan="2" class="why quiet" title=${row.reason_text}>${row.reason_text}</td>` : html`<td class=${`right num result ${format.tone(row.pnl)}`}>${row.pnl === null ? html`<${Unknown} why="not settled" />` : format.signedMoney(row.pnl)}</td>
    <td class="right num" data-label="CLV">${row.clv_pct === null ? html`<${Unknown} why="not available" />` : format.percent(row.clv_pct)}</td>`}
  </tr>`;
}
