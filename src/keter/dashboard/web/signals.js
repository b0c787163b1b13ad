// Why did we (not) bet?

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { Loaded, filterLink, useApi } from './fetching.js';
import { route, sections } from './store.js';
import { Clock, Empty, Panel, Scroller } from './parts.js';

const ASKS = { ingest: 'changed markets', validator: 'may it be priced?', edge: 'is it worth a bet?', guard: 'may we take the risk?', router: 'does the price still stand?', confirmed: 'did the book take it?' };
/** Stages whose single verdicts the recorder writes; the others only count. */
const RECORDED = new Set(['edge', 'guard', 'router']);

export function Signals() {
  const query = route.value.query;
  const chosen = { stage: query.get('stage') ?? '', reason: query.get('reason') ?? '' };
  const state = useApi('signals', { ...chosen, limit: 300 }, 5000);
  const stages = sections.funnel.value ?? [];
  const change = (name) => (event) => { location.hash = filterLink('signals', query, { [name]: event.target.value }); };
  const reasons = [...new Set(stages.filter((stage) => RECORDED.has(stage.stage) && (!chosen.stage || stage.stage === chosen.stage)).flatMap((stage) => Object.keys(stage.reasons)))].sort();
  const tools = html`<div class="tools">
    <select aria-label="Stage" value=${chosen.stage} onChange=${change('stage')}><option value="">any stage</option>${[...RECORDED].map((stage) => html`<option key=${stage} value=${stage}>${stage}</option>`)}</select>
    <select aria-label="Reason" value=${chosen.reason} onChange=${change('reason')}><option value="">any verdict</option><option value="ok">passed</option>${reasons.map((reason) => html`<option key=${reason} value=${reason}>${format.words(reason)}</option>`)}</select>
  </div>`;
  return html`<h1>Signals</h1>
    <${Panel} name="funnel" title="Funnel of the day"><${Funnel} stages=${stages} /><//>
    <${Panel} name="verdicts" title="Verdicts, newest first" tools=${tools} aged=${false}><${Loaded} state=${state}>${(data) => html`<${Verdicts} items=${data.items} filtered=${Boolean(chosen.stage || chosen.reason)} />`}<//><//>`;
}

function Funnel({ stages }) {
  if (!stages.some((stage) => stage.passed + stage.rejected)) return html`<${Empty}>Nothing has been counted today. Health shows whether the feed and the workers run.<//>`;
  return html`<ol class="funnel">${stages.map((stage) => html`<li key=${stage.stage}>
    <div class="stage"><strong>${stage.stage}</strong> <span class="quiet sub">${ASKS[stage.stage] ?? ''}</span></div>
    <progress max=${Math.max(1, stage.passed + stage.rejected)} value=${stage.passed} aria-label=${`${stage.stage}: share that passed`}></progress>
    <div class="counts"><span class="num gain">\u2713 ${format.count(stage.passed)}</span> <span class="num quiet">\u00d7 ${format.count(stage.rejected)}</span></div>
    <ul class="reasons">${Object.entries(stage.reasons).slice(0, 6).map(([reason, count]) => html`<li key=${reason}><${Reason} stage=${stage.stage} reason=${reason} /> <span class="num">${format.count(count)}</span></li>`)}</ul>
  </li>`)}</ol>`;
}

/** A reason leads to the verdicts or bets that have it, where single ones are recorded. */
function Reason({ stage, reason }) {
  if (stage === 'confirmed') return html`<a href=${`#/orders?state=${reason.toUpperCase()}`}>${reason}</a>`;
  return RECORDED.has(stage) ? html`<a href=${`#/signals?stage=${stage}&reason=${reason}`}>${format.words(reason)}</a>` : format.words(reason);
}

const OWN_COLUMNS = ['odds', 'fair_odds', 'ev_pct'];

function Verdicts({ items, filtered }) {
  if (!items.length && filtered) return html`<${Empty}>0 verdicts match. <a class="button small" href="#/signals">Clear the filter</a><//>`;
  if (!items.length) return html`<${Empty}>No verdict is recorded yet. The recorder writes those of edge, guard and router; the validator's are counted above.<//>`;
  return html`<${Scroller} label="Verdicts" class="listing"><table class="cards"><thead><tr><th scope="col">Time</th><th scope="col">Stage</th><th scope="col">Event</th><th scope="col">Selection</th><th scope="col">Verdict</th><th scope="col" class="right">Odds</th><th scope="col" class="right">Fair</th><th scope="col" class="right">Edge</th><th scope="col">Why</th></tr></thead>
    <tbody>${items.map((row) => html`<${Verdict} key=${`${row.trace_id}|${row.stage}|${row.selection_id}|${row.at}`} row=${row} />`)}</tbody></table><//>`;
}

function Verdict({ row }) {
  const number = (name, shown) => (typeof row.numbers[name] === 'number' ? shown(row.numbers[name].toFixed(4)) : '');
  return html`<tr>
    <td><${Clock} at=${row.at} day="auto" /></td><td>${row.stage}</td><th scope="row" class="plain">${row.event_text}</th><td>${row.selection_text}</td>
    <td class="nowrap"><span class=${`state ${row.accepted ? 'gain' : 'quiet'}`}><span aria-hidden="true">${row.accepted ? '\u2713' : '\u00d7'}</span> ${row.accepted ? 'passed' : format.words(row.reason)}</span></td>
    <td class="right num" data-label="odds">${number('odds', format.oddsColumn)}</td><td class="right num" data-label="fair">${number('fair_odds', format.oddsColumn)}</td><td class="right num" data-label="edge">${number('ev_pct', format.percent)}</td>
    <td class="quiet numbers">${row.accepted ? '' : `${row.reason_text} `}${format.figures(row.numbers, OWN_COLUMNS)}</td></tr>`;
}
