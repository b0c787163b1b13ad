// Why did we (not) bet?

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { Loaded, filterLink, useApi } from './fetching.js';
import { route, sections } from './store.js';
import { Clock, Empty, Panel, Scroller } from './parts.js';

const ASKS = { ingest: 'changed markets', validator: 'may it be priced?', edge: 'is it worth a bet?', guard: 'may we take the risk?', router: 'does the price still stand?' };

export function Signals() {
  const query = route.value.query;
  const chosen = { stage: query.get('stage') ?? '', reason: query.get('reason') ?? '' };
  const state = useApi('signals', { ...chosen, limit: 300 }, 5000);
  const stages = sections.funnel.value ?? [];
  const change = (name) => (event) => { location.hash = filterLink('signals', query, { [name]: event.target.value }); };
  const reasons = [...new Set(stages.filter((stage) => !chosen.stage || stage.stage === chosen.stage).flatMap((stage) => Object.keys(stage.reasons)))].sort();
  const tools = html`<div class="tools">
    <select aria-label="Stage" value=${chosen.stage} onChange=${change('stage')}><option value="">any stage</option>${stages.map((stage) => html`<option key=${stage.stage} value=${stage.stage}>${stage.stage}</option>`)}</select>
    <select aria-label="Reason" value=${chosen.reason} onChange=${change('reason')}><option value="">any verdict</option><option value="ok">passed</option>${reasons.map((reason) => html`<option key=${reason} value=${reason}>${reason.replaceAll('_', ' ')}</option>`)}</select>
  </div>`;
  return html`<h1>Signals</h1>
    <${Panel} name="funnel" title="Funnel of the day"><${Funnel} stages=${stages} /><//>
    <${Panel} name="verdicts" title="Verdicts, newest first" tools=${tools} aged=${false}><${Loaded} state=${state}>${(data) => html`<${Verdicts} items=${data.items} filtered=${Boolean(chosen.stage || chosen.reason)} />`}<//><//>`;
}

function Funnel({ stages }) {
  if (!stages.some((stage) => stage.passed + stage.rejected)) return html`<${Empty}>Nothing has been counted today. Health shows whether the feed and the workers run.<//>`;
  return html`<ol class="funnel">${stages.map((stage) => html`<li key=${stage.stage}>
    <div class="stage"><strong>${stage.stage}</strong> <span class="quiet">${ASKS[stage.stage] ?? ''}</span></div>
    <progress max=${Math.max(1, stage.passed + stage.rejected)} value=${stage.passed} aria-label=${`${stage.stage}: share that passed`}></progress>
    <div class="counts"><span class="num gain">\u2713 ${format.count(stage.passed)}</span> <span class="num quiet">\u00d7 ${format.count(stage.rejected)}</span></div>
    <ul class="reasons">${Object.entries(stage.reasons).slice(0, 6).map(([reason, count]) => html`<li key=${reason}><a href=${`#/signals?stage=${stage.stage}&reason=${reason}`}>${reason.replaceAll('_', ' ')}</a> <span class="num">${format.count(count)}</span></li>`)}</ul>
  </li>`)}</ol>`;
}

function numbersText(numbers) {
  const short = (value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value));
  return Object.entries(numbers).filter(([, value]) => value !== null).map(([name, value]) => `${name.replaceAll('_', ' ')} ${short(value)}`).join(', ');
}

function Verdicts({ items, filtered }) {
  if (!items.length && filtered) return html`<${Empty}>0 verdicts match. <a class="button small" href="#/signals">Clear the filter</a><//>`;
  if (!items.length) return html`<${Empty}>No verdict is recorded yet. The recorder writes those of edge, guard and router; the validator's are counted above.<//>`;
  return html`<${Scroller} label="Verdicts" class="listing"><table class="cards"><thead><tr><th scope="col">Time</th><th scope="col">Stage</th><th scope="col">Event</th><th scope="col">Selection</th><th scope="col">Verdict</th><th scope="col">Numbers</th></tr></thead>
    <tbody>${items.map((row) => html`<tr key=${`${row.trace_id}|${row.stage}|${row.selection_id}|${row.at}`}>
      <td><${Clock} at=${row.at} /></td><td>${row.stage}</td><th scope="row" class="plain">${row.event_text}</th><td>${row.selection_text}</td>
      <td class="what"><span class=${`state ${row.accepted ? 'gain' : 'quiet'}`}><span aria-hidden="true">${row.accepted ? '\u2713' : '\u00d7'}</span> ${row.accepted ? 'passed' : row.reason.replaceAll('_', ' ')}</span>${!row.accepted && html`<span class="note-text">${row.reason_text}</span>`}</td>
      <td class="quiet numbers">${numbersText(row.numbers)}</td></tr>`)}</tbody></table><//>`;
}
