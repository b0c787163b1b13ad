// How close to the limits? And who said what.

import { html, useState } from './vendor/ui.js';
import * as format from './format.js';
import { Loaded, useApi } from './fetching.js';
import { post } from './api.js';
import { accountShown, say, sections } from './store.js';
import { mayOperate, openForm } from './stop.js';
import { Age, Amount, Clock, Empty, Gauge, Panel, Scroller, Unknown } from './parts.js';
import { StopButton, stateWord } from './shell.js';

export function Risk() {
  const state = useApi('risk', {}, 3000);
  const currency = sections.server.value?.currency ?? '';
  return html`<h1>Risk</h1><${Loaded} state=${state}>${(data) => html`
    <div class="pair wide-left">
      <${Panel} name="limits" title=${`Limits, in ${currency}`}><${Limits} limits=${data.limits} /><//>
      <${Panel} name="control" title="Stop, resume, change a limit" aged=${false}><${Control} /><//>
    </div>
    <div class="pair">
      <${Panel} name="events" title="Events at risk: the largest loss each may cause"><${Events} rows=${data.events} /><//>
      <${Panel} name="open" title="Open bets and reservations"><${Open} rows=${data.exposures} /><//>
    </div>
    <${Panel} name="holds" title="Resting and locked"><${Holds} rows=${data.holds} /><//>
    <${Panel} name="audit" title="Commands and guard trips" aged=${false} tools=${html`<div class="tools"><a class="button small" href="/api/v1/audit.csv" download="keter-audit.csv">CSV</a></div>`}><${Audit} rows=${data.audit} /><//>`}<//>`;
}

function Control() {
  const [word, tone] = stateWord(sections.trading.value);
  return html`<p class="buttons between"><span>Betting is <strong class=${tone}>${word.toLowerCase()}</strong>.</span> <span class="tools">${sections.trading.value?.armed && mayOperate() && html`<button type="button" onClick=${() => openForm('disarm')}>Disarm LIVE\u2026</button>`}<${StopButton} /></span></p><${LimitForm} />`;
}

const NAMES = ['MAX_STAKE', 'MAX_EXPOSURE_EVENT', 'MAX_EXPOSURE_LEAGUE', 'MAX_EXPOSURE_DAY', 'MAX_EXPOSURE_TOTAL', 'DAILY_LOSS_LIMIT_UNITS'];

/** The server says first what it would do, and which proofs it wants. */
function LimitForm() {
  const [wish, setWish] = useState({ target: NAMES[0], value: '' });
  const [prepared, setPrepared] = useState(null);
  const [proof, setProof] = useState({});
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  if (!mayOperate()) return html`<${Empty}>Only an operator changes limits.<//>`;
  const change = (name) => (event) => { setWish({ ...wish, [name]: event.target.value }); setPrepared(null); };
  const prove = (name) => (event) => setProof({ ...proof, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      if (!prepared) setPrepared(await post('commands/prepare', { action: 'set_limit', account: accountShown.value, ...wish }));
      else {
        const done = await post('commands/commit', { token: prepared.token, ...proof });
        say(done.sentence);
        setPrepared(null);
        setProof({});
        setWish({ ...wish, value: '' });
      }
    } catch (error) {
      if (error.status === 410 || error.status === 409) setPrepared(null);
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<form class="limit-form" onSubmit=${submit}>
    <select aria-label="Limit" value=${wish.target} onChange=${change('target')}>${NAMES.map((name) => html`<option key=${name}>${name}</option>`)}</select>
    <input aria-label="New amount" inputmode="decimal" autocomplete="off" size="6" placeholder="amount" value=${wish.value} onInput=${change('value')} />
    ${prepared?.needs.includes('word') && html`<label>Type RAISE <input autocomplete="off" size="8" onInput=${prove('word')} /></label>`}
    ${prepared?.needs.includes('password') && html`<label>Your password <input type="password" autocomplete="current-password" onInput=${prove('password')} /></label>`}
    ${prepared?.needs.includes('code') && html`<label>Six-digit code <input inputmode="numeric" autocomplete="one-time-code" size="6" onInput=${prove('code')} /></label>`}
    <button type="submit" class="small" disabled=${busy || !wish.value}>${prepared ? 'Confirm' : 'Set'}</button>
    <p role="status">${prepared?.summary ?? 'Lower one at once; raising it again, at most to the settings, asks for more.'}</p>
    ${problem && html`<p class="failure" role="alert">${problem}</p>`}
  </form>`;
}

const RESTS = { ok: 'after a bet', venue_refused: 'refused by the book' };

function Holds({ rows }) {
  const [problem, setProblem] = useState(null);
  if (!rows.length) return html`<${Empty}>No event or selection rests or is locked.<//>`;
  const end = async (row) => {
    setProblem(null);
    try {
      const prepared = await post('commands/prepare', { action: row.action, target: row.key });
      say((await post('commands/commit', { token: prepared.token })).sentence);
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`${problem && html`<p class="failure" role="alert">${problem}</p>`}<${Scroller} label="Resting and locked" class="tall"><table><thead><tr><th scope="col">What</th><th scope="col">Why</th><th scope="col" class="right">Left</th><th scope="col">End it</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.key}><th scope="row" class="wrap" title=${row.key}>${row.event_text}<span class="quiet sub">${row.selection_text ?? 'the whole event'}</span></th><td>${row.action === 'clear_lock' ? `locked by ${row.why}` : RESTS[row.why] ?? format.words(row.why)}</td><td class="right num">${format.age(row.remaining_s)}</td><td>${mayOperate() && html`<button type="button" class="small nowrap" onClick=${() => end(row)}>${row.action === 'clear_lock' ? 'Clear lock' : 'End rest'}<span class="vh"> of ${row.event_text} ${row.selection_text ?? ''}</span></button>`}</td></tr>`)}</tbody></table><//>`;
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
    <tbody>${rows.map((row) => html`<tr key=${row.decision_id}><th scope="row" class="wrap">${row.event_text}<span class="quiet sub">${row.selection_text}</span></th><td class="right num">${format.oddsColumn(row.odds)}</td><td class="right"><${Amount} value=${row.stake} /></td><td><${Age} at=${row.made_at} /></td><td>${row.status === 'bet' ? 'bet' : html`reserved until <${Clock} at=${row.expires_at} />`}</td></tr>`)}</tbody></table><//>`;
}

/** Modes, amounts or an arming: `50 \u2192 20`; a dash where neither is known. */
function changeText({ before, after }) {
  return before === null && after === null ? format.DASH : `${before ?? format.DASH} \u2192 ${after ?? format.DASH}`;
}

export function Audit({ rows }) {
  if (!rows.length) return html`<${Empty}>Nobody has given a command yet.<//>`;
  return html`<${Scroller} label="Commands" class="tall"><table class="cards"><thead><tr><th scope="col">Time</th><th scope="col">Command</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Why</th><th scope="col">Before \u2192 after</th><th scope="col">Result</th></tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${`${row.at}|${i}`}><td><${Clock} at=${row.at} day="yes" /></td><th scope="row">${row.action}${row.target !== 'trading' ? ` ${row.target}` : ''}</th><td>${row.actor}</td><td>${row.source}</td><td>${row.reason}</td><td class="nowrap">${changeText(row)}</td><td class="what">${row.result}</td></tr>`)}</tbody></table><//>`;
}
