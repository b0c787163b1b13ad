// What needs me?

import { html, useState } from './vendor/ui.js';
import { post } from './api.js';
import { Loaded, useApi } from './fetching.js';
import { say, sections } from './store.js';
import { Age, Clock, Empty, Panel, SIGNS, Scroller, plain } from './parts.js';
import { mayOperate } from './stop.js';

const LEVELS = { page: 'needs somebody now', ticket: 'look at it today', info: 'for information' };

export function Alerts() {
  const shape = (sections.attention.value ?? []).map((notice) => `${notice.id}${notice.acknowledged_by ?? ''}`).join();
  const [version, setVersion] = useState(0);
  const state = useApi('alerts', {}, 5000 + version % 2);
  void shape;
  const again = () => setVersion((n) => n + 1);
  return html`<h1>Alerts</h1><${Loaded} state=${state}>${(data) => html`
    <${Panel} name="active" title=${`Active (${data.active.length})`}>${data.active.length ? html`<ul class="notices">${data.active.map((notice) => html`<${Notice} key=${notice.id} notice=${notice} again=${again} />`)}</ul>` : html`<${Empty}>Nothing needs you.<//>`}<//>
    ${data.acknowledged.length > 0 && html`<${Panel} name="acknowledged" title="Acknowledged, still standing"><ul class="notices">${data.acknowledged.map((notice) => html`<${Notice} key=${notice.id} notice=${notice} again=${again} />`)}</ul><//>`}
    <div class="pair"><${Panel} name="history" title="History" aged=${false}><${History} rows=${data.history} /><//>
    <${Panel} name="rules" title="What is watched" tools=${html`<${TestButton} />`} aged=${false}><${Rules} rows=${data.rules} /><//></div>`}<//>`;
}

function Notice({ notice, again }) {
  const [problem, setProblem] = useState(null);
  const acknowledge = async () => {
    try {
      const prepared = await post('commands/prepare', { action: 'acknowledge', target: notice.id });
      const done = await post('commands/commit', { token: prepared.token });
      say(done.sentence);
      again();
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<li class=${notice.level}>
    <span class="sign" aria-hidden="true">${SIGNS[notice.level]}</span>
    <div class="what"><p><strong>${notice.title}</strong> <span class="quiet">${LEVELS[notice.level]}, for <${Age} at=${notice.since} /></span></p>
      <p>${plain(notice)} <em class="quiet">${notice.action}</em></p>
      ${notice.acknowledged_by && html`<p class="quiet">Acknowledged by ${notice.acknowledged_by}.</p>`}
      ${problem && html`<p class="failure" role="alert">${problem}</p>`}</div>
    <div class="tools"><a class="button small" href=${notice.link}>Open<span class="vh"> ${notice.title}</span></a>
      <a class="button small" href=${`#/runbook/${notice.runbook}`}>Runbook<span class="vh"> of ${notice.title}</span></a>
      ${!notice.acknowledged_by && mayOperate() && html`<button type="button" class="small" onClick=${acknowledge}>Acknowledge<span class="vh"> ${notice.title}</span></button>`}</div>
  </li>`;
}

function TestButton() {
  const [answer, setAnswer] = useState(null);
  if (!mayOperate()) return null;
  const test = () => post('alerts/test', {}).then((done) => setAnswer(done.sentence), (error) => setAnswer(error.message));
  return html`<div class="tools">${answer && html`<span role="status">${answer}</span>`}<button type="button" class="small" onClick=${test}>Send a test alert</button></div>`;
}

function History({ rows }) {
  if (!rows.length) return html`<${Empty}>No alert has ever risen.<//>`;
  return html`<${Scroller} label="History of alerts" class="tall"><table class="cards"><thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Alert</th></tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${i}><td><${Clock} at=${row.opened_at} day="yes" /></td><td>${row.closed_at ? html`<${Clock} at=${row.closed_at} day="yes" />` : 'stands'}</td><th scope="row" class="wrap">${row.title}<span class="quiet sub">${plain(row)}</span></th></tr>`)}</tbody></table><//>`;
}

function Rules({ rows }) {
  return html`<${Scroller} label="Alert rules" class="tall"><table><thead><tr><th scope="col">Alert</th><th scope="col">When</th><th scope="col">By itself</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.id}><th scope="row" class="wrap">${row.title}<span class="quiet sub">${LEVELS[row.level]}</span></th><td class="numbers">${row.condition}</td><td>${row.action}</td></tr>`)}</tbody></table><//>`;
}
