// How close to the limits? And who said what.

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { Loaded, useApi } from './fetching.js';
import { sections } from './store.js';
import { Age, Amount, Clock, Empty, Gauge, Panel, Scroller, Unknown } from './parts.js';
import { StopButton } from './shell.js';

export function Risk() {
  const state = useApi('risk', {}, 3000);
  const currency = sections.server.value?.currency ?? '';
  return html`<h1>Risk</h1><${Loaded} state=${state}>${(data) => html`
    <${Panel} name="limits" title=${`Limits, in ${currency}`} tools=${html`<div class="tools"><${StopButton} /></div>`}><${Limits} limits=${data.limits} /><//>
    <div class="pair">
      <${Panel} name="events" title="Events at risk: the largest loss each may cause"><${Events} rows=${data.events} /><//>
      <${Panel} name="open" title="Open bets and reservations"><${Open} rows=${data.exposures} /><//>
    </div>
    <${Panel} name="audit" title="Commands and guard trips" aged=${false}><${Audit} rows=${data.audit} /><//>`}<//>`;
}

function Limits({ limits }) {
  return html`<ul class="limits">${limits.map((limit) => html`<li key=${limit.name}>
    <span class="name">${limit.label} ${limit.note && html`<span class="quiet">${limit.note}</span>`}</span>
    <${Gauge} pct=${limit.pct} label=${`${limit.label}, in per cent of its limit`} />
    <span class="num of">${limit.used === null ? html`<${Unknown} why="not known yet" />` : limit.counted ? limit.used : format.money(limit.used)} of ${limit.counted ? limit.limit : format.money(limit.limit)}</span>
  </li>`)}</ul>`;
}

function Events({ rows }) {
  if (!rows.length) return html`<${Empty}>No event is at risk: there is no open bet and no reservation.<//>`;
  return html`<${Scroller} label="Events at risk" class="tall"><table><thead><tr><th scope="col">Event</th><th scope="col" class="right">Bets</th><th scope="col" class="right">Staked</th><th scope="col" class="right">Worst</th><th scope="col">Of limit</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.event_uid}><th scope="row" class="wrap">${row.event_text}<span class="quiet sub">${row.league}</span></th><td class="right num">${row.stakes}</td><td class="right"><${Amount} value=${row.staked} /></td><td class="right"><${Amount} value=${row.worst} /></td><td><${Gauge} pct=${row.pct} label=${`${row.event_text}: worst loss in per cent of the limit`} /></td></tr>`)}</tbody></table><//>`;
}

function Open({ rows }) {
  if (!rows.length) return html`<${Empty}>Nothing is open.<//>`;
  return html`<${Scroller} label="Open bets and reservations" class="tall"><table><thead><tr><th scope="col">Selection</th><th scope="col" class="right">Odds</th><th scope="col" class="right">Stake</th><th scope="col">Since</th><th scope="col">Kind</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.decision_id}><th scope="row" class="wrap">${row.event_text}<span class="quiet sub">${row.selection_text}</span></th><td class="right num">${format.odds(row.odds)}</td><td class="right"><${Amount} value=${row.stake} /></td><td><${Age} at=${row.made_at} /></td><td>${row.status === 'bet' ? 'bet' : html`reserved until <${Clock} at=${row.expires_at} />`}</td></tr>`)}</tbody></table><//>`;
}

export function Audit({ rows }) {
  if (!rows.length) return html`<${Empty}>Nobody has given a command yet.<//>`;
  return html`<${Scroller} label="Commands" class="tall"><table class="cards"><thead><tr><th scope="col">Time</th><th scope="col">Command</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Why</th><th scope="col">State</th><th scope="col">Result</th></tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${`${row.at}|${i}`}><td><${Clock} at=${row.at} day="yes" /></td><th scope="row">${row.action}${row.target !== 'trading' ? ` ${row.target}` : ''}</th><td>${row.actor}</td><td>${row.source}</td><td>${row.reason}</td><td>${row.before ?? format.DASH} \u2192 ${row.after ?? format.DASH}</td><td class="what">${row.result}</td></tr>`)}</tbody></table><//>`;
}
