// Is the edge real?

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { TimeChart } from './chart.js';
import { Loaded, filterLink, useApi } from './fetching.js';
import { route, sections } from './store.js';
import { Amount, Empty, Panel, Scroller } from './parts.js';

const BY = [['book', 'book'], ['sport', 'sport'], ['market', 'market'], ['league', 'league'], ['edge', 'edge band'], ['day', 'day']];

export function Performance() {
  const query = route.value.query;
  const mode = query.get('mode') ?? sections.server.value?.mode ?? 'DRY';
  const chosen = { mode, days: query.get('days') ?? '30', by: query.get('by') ?? 'book' };
  const state = useApi('performance', chosen, 15000);
  const change = (name) => (event) => { location.hash = filterLink('perf', query, { [name]: event.target.value }); };
  const currency = sections.server.value?.currency ?? '';
  const tools = html`<div class="tools">
    <select aria-label="Mode" value=${mode} onChange=${change('mode')}><option value="DRY">DRY bets</option><option value="LIVE">LIVE bets</option><option value="DEMO">DEMO bets</option></select>
    <select aria-label="Period" value=${chosen.days} onChange=${change('days')}><option value="1">last day</option><option value="7">7 days</option><option value="30">30 days</option><option value="90">90 days</option><option value="366">a year</option></select>
    <select aria-label="Group by" value=${chosen.by} onChange=${change('by')}>${BY.map(([value, name]) => html`<option key=${value} value=${value}>by ${name}</option>`)}</select>
  </div>`;
  return html`<h1>Performance</h1><${Loaded} state=${state}>${(data) => html`
    <${Panel} name="total" title=${`Settled ${data.mode} bets, ${data.days} days, in ${currency}`} tools=${tools} aged=${false}>
      ${data.total.bets === 0 ? html`<${Empty}>No ${data.mode} bet has settled in this period.<//>` : html`<dl class="facts wide">
        <div><dt>P&L</dt><dd><${Amount} value=${data.total.pnl} signed /></dd></div><div><dt>Expected</dt><dd><${Amount} value=${data.total.expected} signed /></dd></div>
        <div><dt>Turnover</dt><dd><${Amount} value=${data.total.turnover} /></dd></div><div><dt>Yield</dt><dd class="num">${format.percent(data.total.yield_pct)}</dd></div>
        <div><dt>Closing line value</dt><dd>${data.total.clv_pct === null ? 'not available' : html`<span class="num">${format.percent(data.total.clv_pct)}</span> <span class="quiet">over ${data.total.clv_count} of ${data.total.bets}</span>`}</dd></div>
        <div><dt>Bets</dt><dd class="num">${format.count(data.total.bets)}</dd></div></dl>
      <${TimeChart} points=${data.series} label="Settled P&L" currency=${currency} />`}
      ${data.truncated && html`<p class="quiet">The period holds more bets than are summed here; the newest are.</p>`}
    <//>
    <${Panel} name="groups" title="Groups" aged=${false}>${data.rows.length ? html`<${Groups} rows=${data.rows} by=${chosen.by} />` : html`<${Empty}>Nothing to group.<//>`}<//>`}<//>`;
}

function Groups({ rows, by }) {
  return html`<${Scroller} label="Groups"><table><thead><tr><th scope="col">${by}</th><th scope="col" class="right">Bets</th><th scope="col" class="right">Turnover</th><th scope="col" class="right">P&L</th><th scope="col" class="right">Expected</th><th scope="col" class="right">Yield</th><th scope="col" class="right">CLV</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.group}><th scope="row">${row.group}</th><td class="right num">${format.count(row.bets)}</td><td class="right"><${Amount} value=${row.turnover} /></td><td class="right"><${Amount} value=${row.pnl} signed /></td><td class="right"><${Amount} value=${row.expected} signed /></td><td class="right num">${format.percent(row.yield_pct)}</td><td class="right num">${row.clv_pct === null ? html`<span class="quiet">not available</span>` : html`${format.percent(row.clv_pct)} <span class="quiet">(${row.clv_count})</span>`}</td></tr>`)}</tbody></table><//>`;
}
