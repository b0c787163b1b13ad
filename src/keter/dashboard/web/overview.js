// Is it alive, is money safe, how is today?

import { html } from './vendor/ui.js';
import * as format from './format.js';
import { workerLines } from './reduce.js';
import { loaded, sections } from './store.js';
import { Age, Amount, Clock, Empty, Gauge, Guarded, Panel, SIGNS, Scroller, Skeleton, Unknown, plain } from './parts.js';
import { TimeChart } from './chart.js';
import { Prices, Tape } from './tape.js';

export function Overview() {
  return html`<div class="overview"><h1 class="vh">Overview</h1>
    <${Guarded} name="attention" title="Needs attention"><${Attention} /><//>
    <${Guarded} name="money" title="Money"><${MoneyStrip} /><//>
    <div class="pair"><${Guarded} name="workers" title="Workers"><${Workers} /><//><${Guarded} name="profit" title="P&L today"><${ProfitToday} /><//></div>
    <div class="pair wide-left last"><${Guarded} name="tape" title="Live tape"><${Tape} /><//><${Guarded} name="prices" title="Prices moving"><${Prices} /><//></div></div>`;
}

const MOST_NOTICES = 4;
const URGENCY = { page: 0, ticket: 1, info: 2 };

/** What needs somebody, the worst first; what does not fit is on the Alerts screen. */
export function Attention() {
  const open = (sections.attention.value ?? []).filter((notice) => !notice.resolved_at && !notice.acknowledged_by);
  if (!open.length) return null;
  const notices = open.toSorted((a, b) => URGENCY[a.level] - URGENCY[b.level] || (a.since < b.since ? -1 : 1));
  return html`<section class="attention" aria-label="Needs attention"><ul>
    ${notices.slice(0, MOST_NOTICES).map((notice) => html`<li key=${notice.id} class=${notice.level}>
      <span class="sign" aria-hidden="true">${SIGNS[notice.level]}</span>
      <span class="what" title=${notice.action}><strong>${notice.title}</strong> ${plain(notice)} <em class="quiet">${notice.action}</em></span>
      <span class="since">for <${Age} at=${notice.since} /></span>
      <a class="button small" href=${notice.link}>Open<span class="vh"> ${notice.title}</span></a>
      <a class="button small wide-only" href=${`#/runbook/${notice.runbook}`}>Runbook<span class="vh"> of ${notice.title}</span></a>
    </li>`)}
    ${notices.length > MOST_NOTICES && html`<li class="more-notices"><a href="#/alerts">and ${notices.length - MOST_NOTICES} more</a></li>`}
  </ul></section>`;
}

function Tile({ name, value, lines, hint }) {
  return html`<div class="tile" title=${hint}>
    <dt>${name}</dt>
    <dd class="big">${value}</dd>
    ${lines.map((line, i) => html`<dd key=${i}>${line}</dd>`)}
  </div>`;
}

function MoneyStrip() {
  const money = sections.money.value;
  const server = sections.server.value;
  if (!loaded.value) return html`<${Panel} name="money" title="Money" class="plain vh-title"><${Skeleton} lines=${3} /><//>`;
  if (!money) return html`<${Panel} name="money" title="Money" class="vh-title"><${Empty}>Amounts are unknown: ${(sections.problems.value ?? []).join('; ') || 'the ledger could not be read'}.<//><//>`;
  const currency = server.currency;
  return html`<${Panel} name="money" title="Money" class="plain vh-title"><dl class="strip">
    <${Tile} name="Balance" value=${html`<${Amount} value=${money.balance} currency=${currency} why="the venue has not told a balance yet" />`} lines=${[
      html`available <${Amount} value=${money.available} why="the venue has not told a balance yet" />`,
      money.as_of ? html`as of <${Clock} at=${money.as_of} />` : 'not fetched yet',
    ]} />
    <${Tile} name="Outstanding" value=${html`<${Amount} value=${money.outstanding} currency=${currency} />`} lines=${[
      html`<span class="num">${format.count(money.open)}</span> open`,
      money.unknown ? html`<strong class="critical">${money.unknown} unknown</strong>, <${Amount} value=${money.unknown_stake} />` : 'none unknown',
    ]} />
    <${Tile} name="P&L today" value=${html`<${Amount} value=${money.pnl_today} signed currency=${currency} />`} lines=${[
      html`<span class="num">${format.count(money.settled)} settled;</span> <span class="num">limit ${format.money(`-${money.loss_limit}`)}</span>`,
      html`since <${Clock} at=${money.since} /> <span class="zone">(${server.zone} day)</span>`,
    ]} />
    <${Tile} name="Confirmed / rejected" value=${html`<span class="num">${format.count(money.confirmed)} / ${format.count(money.rejected)}</span>`} lines=${[
      money.rejected_pct === null ? 'no bets today' : html`<span class="num">${money.rejected_pct} %</span> rejected`,
      money.rejected && money.top_reason ? html`<span class="clip" title=${money.top_reason}>most: ${money.top_reason}</span>` : '\u00a0',
    ]} />
    <${Tile} name="Exposure and limit" value=${html`<${Gauge} pct=${money.exposure_pct} label="Open exposure in per cent of its limit" />`} lines=${[
      html`<${Amount} value=${money.exposure} why="Redis could not be asked" /> of <${Amount} value=${money.exposure_limit} />`,
      'worst cases of all events',
    ]} />
  </dl><//>`;
}

const WORDS = { ok: 'ok', slow: 'slow', lost: 'lost' };

export function Workers() {
  const lines = workerLines(sections.workers.value, sections.queues.value);
  if (loaded.value && !lines.length) {
    return html`<${Panel} name="workers" title="Workers"><${Empty}>No worker has a heartbeat. <code>keter up</code> starts them; <code>keter logs</code> tells why they stopped.<//><//>`;
  }
  return html`<${Panel} name="workers" title="Workers"><${Skeleton} lines=${6} />
    ${loaded.value && html`<${Scroller} label="Workers and their queues"><table class="tight"><thead><tr>
      <th scope="col">Worker</th><th scope="col">State</th><th scope="col" class="right">Beat</th>
      <th scope="col" class="right">Queue</th><th scope="col" class="right">In work</th><th scope="col" class="right">Cons.</th><th scope="col" class="right">Oldest</th>
    </tr></thead><tbody>${lines.map((line) => html`<${WorkerLine} key=${line.worker} line=${line} />`)}</tbody></table><//>`}
  <//>`;
}

function WorkerLine({ line }) {
  const queue = line.queue;
  const none = html`<${Unknown} why="eats from no queue" />`;
  return html`<tr>
    <th scope="row">${line.process}</th>
    <td><span class=${`state ${line.state === 'ok' ? 'gain' : line.state === 'slow' ? 'warn' : 'critical'}`} title=${line.last_error ?? ''}><span aria-hidden="true">${SIGNS[line.state]}</span> ${WORDS[line.state]}</span></td>
    <td class="right">${line.beat_at ? html`<${Age} at=${line.beat_at} />` : html`<${Unknown} why="never heard of" />`}</td>
    <td class="right num">${queue ? format.count(queue.depth) : none}</td>
    <td class="right num">${queue ? format.count(queue.in_flight) : none}</td>
    <td class="right num">${queue ? format.count(queue.consumers) : none}</td>
    <td class="right num">${queue && queue.oldest_age_s !== null ? format.age(queue.oldest_age_s) : format.DASH}</td>
  </tr>`;
}

function ProfitToday() {
  const points = sections.pnl.value ?? [];
  return html`<${Panel} name="profit" title="P&L today"><${Skeleton} lines=${5} />
    ${loaded.value && (points.length ? html`<${TimeChart} points=${points} label="Settled P&L" currency=${sections.server.value.currency} none="Nothing has settled today. The line begins with the first result." />` : html`<${Empty}>Unknown while the ledger cannot be read.<//>`)}
  <//>`;
}
