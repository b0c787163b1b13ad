// What is broken?

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { Loaded, useApi } from './fetching.js';
import { Age, Empty, Panel, SIGNS, Scroller, Unknown } from './parts.js';

export function Health() {
  const state = useApi('health', {}, 3000);
  return html`<h1>Health</h1><${Loaded} state=${state}>${(data) => html`
    <div class="pair">
      <${Panel} name="checks" title="Checks"><${Checks} data=${data} /><//>
      <${Panel} name="queues" title="Queues"><${Queues} rows=${data.queues} /><//>
    </div>
    <${Panel} name="processes" title="Workers"><${Processes} rows=${data.workers} /><//>
    <${Panel} name="feeds" title="Feeds"><${Feeds} rows=${data.feeds} /><//>`}<//>`;
}

function Checks({ data }) {
  const more = { redis: redisText(data.redis), licence: data.licence };
  const disk = data.disk;
  return html`<ul class="checks">${data.checks.map((check) => html`<${Check} key=${check.name} name=${check.name} ok=${check.ok} text=${check.ok ? more[check.name] ?? check.detail : check.detail} />`)}
    ${disk && html`<${Check} name="disk" ok=${disk.pct_used < 90} text=${`${format.bytes(disk.free_bytes)} free of ${format.bytes(disk.total_bytes)}, ${disk.pct_used} % used${disk.days_left === null ? '' : `, ${disk.days_left} days left`}`} />`}
    ${data.storage.map((store) => html`<${Check} key=${store.name} name=${store.name} ok=${true} text=${storeText(store)} />`)}
    ${data.problems.map((problem) => html`<li key=${problem} class="critical">${problem}</li>`)}</ul>`;
}

function storeText(store) {
  const growth = store.growth_bytes_day === null ? 'growth not known yet' : `grows ${format.bytes(store.growth_bytes_day)} a day`;
  const days = store.days_left === null ? '' : `, ${store.days_left} days until the oldest go`;
  return `${format.bytes(store.used_bytes)} of ${format.bytes(store.most_bytes)}, ${growth}${days}`;
}

function Check({ name, ok, text }) {
  return html`<li><strong>${name}</strong> <span class=${`state ${ok ? 'gain' : 'critical'}`}><span aria-hidden="true">${ok ? SIGNS.ok : SIGNS.lost}</span> ${ok ? 'ok' : 'problem'}</span> <span class="quiet">${text}</span></li>`;
}

function redisText(redis) {
  const told = [redis.version && `version ${redis.version}`, redis.used_memory_bytes !== null && `${format.bytes(redis.used_memory_bytes)}${redis.max_memory_bytes ? ` of ${format.bytes(redis.max_memory_bytes)}` : ''} in use`, !redis.writes && 'takes no writes', redis.aof !== null && `append-only file ${redis.aof ? 'on' : 'OFF'}`, redis.policy, redis.fake && 'not a real Redis'];
  return told.filter(Boolean).join(', ') || redis.detail;
}

function Queues({ rows }) {
  return html`<${Scroller} label="Queues"><table><thead><tr><th scope="col">Queue</th><th scope="col" class="right">Depth</th><th scope="col" class="right">In work</th><th scope="col" class="right">Oldest</th><th scope="col" class="right">Consumers</th><th scope="col" class="right">Dead letters</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><th scope="row">${row.name}</th><td class="right num">${format.count(row.depth)}</td><td class="right num">${format.count(row.in_flight)}</td><td class="right num">${row.oldest_age_s === null ? format.DASH : format.age(row.oldest_age_s)}</td><td class=${`right num ${row.consumers ? '' : 'critical'}`}>${row.consumers ? '' : '\u25a0 '}${format.count(row.consumers)}</td><td class=${`right num ${row.dead ? 'warn' : ''}`}>${row.dead ? '\u25b2 ' : ''}${format.count(row.dead)}</td></tr>`)}</tbody></table><//>`;
}

function Processes({ rows }) {
  if (!rows.length) return html`<${Empty}>No worker has a heartbeat. <code>keter up</code> starts them.<//>`;
  return html`<${Scroller} label="Processes"><table><thead><tr><th scope="col">Worker</th><th scope="col">State</th><th scope="col" class="right">Beat</th><th scope="col" class="right">Lag</th><th scope="col" class="right">Up</th><th scope="col" class="right">Restarts</th><th scope="col" class="right">Pid</th><th scope="col">Version</th><th scope="col">Figures</th><th scope="col">Last error</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.worker}><th scope="row"><a href=${`#/logs?worker=${row.worker}`}>${row.worker}</a></th>
      <td><span class=${`state ${row.state === 'ok' ? 'gain' : row.state === 'slow' ? 'warn' : 'critical'}`}><span aria-hidden="true">${SIGNS[row.state]}</span> ${row.state}</span></td>
      <td class="right">${row.beat_at ? html`<${Age} at=${row.beat_at} />` : html`<${Unknown} why="never heard of" />`}</td><td class="right num">${format.delay(Number(row.figures.loop_lag_s ?? NaN))}</td><td class="right">${row.started_at && row.state !== 'lost' ? html`<${Age} at=${row.started_at} />` : format.DASH}</td><td class=${`right num ${Number(row.figures.restarts) ? 'warn' : ''}`}>${row.figures.restarts ?? format.DASH}</td><td class="right num">${row.pid ?? format.DASH}</td><td>${row.version}</td>
      <td class="numbers quiet">${format.figures(row.figures, ['loop_lag_s', 'restarts'])}</td><td class="what">${row.last_error ?? ''}</td></tr>`)}</tbody></table><//>`;
}

function Feeds({ rows }) {
  if (!rows.length) return html`<${Empty}>No feed has answered yet. The ingest worker's log tells why.<//>`;
  return html`<${Scroller} label="Feeds"><table><thead><tr><th scope="col">Account</th><th scope="col">Phase</th><th scope="col">State</th><th scope="col" class="right">Confirmed</th><th scope="col" class="right">Markets</th><th scope="col" class="right">Last answer</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${`${row.account}|${row.phase}`}><th scope="row">${row.account}</th><td>${row.phase}</td><td>${row.stale ? html`<span class="state critical"><span aria-hidden="true">\u25a0</span> stale</span>` : html`<span class="state gain"><span aria-hidden="true">\u25cf</span> fresh</span>`}</td><td class="right">${row.confirmed_at ? html`<${Age} at=${row.confirmed_at} />` : html`<${Unknown} why="never answered" />`}</td><td class="right num">${format.count(row.known_markets)}</td><td class="right num">${format.bytes(row.body_bytes)}</td></tr>`)}</tbody></table><//>`;
}

