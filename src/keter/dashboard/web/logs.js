// What exactly happened?

import { html, useState } from './vendor/ui.js';
import { Loaded, filterLink, useApi } from './fetching.js';
import { route } from './store.js';
import { Clock, Empty, Panel, Scroller } from './parts.js';

const LEVELS = ['debug', 'info', 'warning', 'error'];
const TONES = { warning: 'warn', error: 'loss', critical: 'critical' };

export function Logs() {
  const query = route.value.query;
  const [paused, setPaused] = useState(false);
  const chosen = { worker: query.get('worker') ?? '', level: query.get('level') ?? 'info', trace: query.get('trace') ?? '', text: query.get('text') ?? '' };
  const state = useApi('logs', { ...chosen, limit: 300 }, paused ? 0 : 3000);
  const change = (name) => (event) => { location.hash = filterLink('logs', query, { [name]: event.target.value }); };
  const tools = html`<div class="tools">
    <button type="button" class="small" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}</button>
    <select aria-label="Worker" value=${chosen.worker} onChange=${change('worker')}><option value="">every worker</option>${(state.data?.workers ?? []).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>
    <select aria-label="Least level" value=${chosen.level} onChange=${change('level')}>${LEVELS.map((name) => html`<option key=${name} value=${name}>${name} and worse</option>`)}</select>
    <input aria-label="Trace id" placeholder="trace id" value=${chosen.trace} onChange=${change('trace')} />
    <input type="search" class="filter" aria-label="Search the logs" placeholder="search" value=${chosen.text} onChange=${change('text')} />
    <button type="button" class="small" disabled=${!state.data?.items.length} onClick=${() => download(state.data.items)}>Download</button>
  </div>`;
  return html`<h1>Logs</h1><${Panel} name="log" title="Newest first; secrets are taken out before anything is written" tools=${tools} aged=${false}>
    <${Loaded} state=${state}>${(data) => (data.items.length ? html`<${Lines} items=${data.items} />` : html`<${Empty}>No line matches${chosen.level !== 'debug' ? ` at level ${chosen.level} or worse` : ''}. <a class="button small" href="#/logs">Clear the filter</a><//>`)}<//>
  <//>`;
}

function download(items) {
  const lines = items.map((item) => JSON.stringify(item)).join('\n');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines], { type: 'application/x-ndjson' }));
  link.download = 'keter-log.jsonl';
  link.click();
  URL.revokeObjectURL(link.href);
}

function Lines({ items }) {
  return html`<${Scroller} label="Log lines" class="listing"><table class="cards log"><thead><tr><th scope="col">Time</th><th scope="col">Level</th><th scope="col">Worker</th><th scope="col">What</th><th scope="col">Details</th></tr></thead>
    <tbody>${items.map((item, i) => html`<tr key=${`${item.at}|${item.worker}|${i}`}><td><${Clock} at=${item.at} /></td><td class=${TONES[item.level] ?? 'quiet'}>${item.level}</td><td>${item.worker}</td><th scope="row" class="plain">${item.event.replaceAll('_', ' ')}</th><td class="numbers"><${Details} details=${item.details} /></td></tr>`)}</tbody></table><//>`;
}

function Details({ details }) {
  const { exception, ...rest } = details;
  const trace = rest.trace_id;
  return html`${Object.entries(rest).filter(([name]) => !['logger', 'trace_id'].includes(name)).map(([name, value]) => html`<span key=${name}><span class="quiet">${name}</span> ${typeof value === 'object' ? JSON.stringify(value) : String(value)} </span>`)}
    ${trace && html`<a href=${`#/logs?trace=${trace}`}>trace</a>`}
    ${exception && html`<details><summary>exception</summary><pre tabindex="0" aria-label="Exception">${typeof exception === 'string' ? exception : JSON.stringify(exception, null, 1)}</pre></details>`}`;
}
