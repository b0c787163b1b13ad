// What is around every screen: state bar, navigation, banners, the phone's bottom bar, the two voices for screen readers.

import { html, useEffect, useRef, useState } from './vendor/ui.js';
import * as format from './format.js';
import { account, accountShown, accounts, ageOf, link, loaded, loginNeeded, newVersion, now, redisDown, redisProblem, route, said, sections, session, shouted, silent, silentS, skewS, stale } from './store.js';
import { Age, Clock, ModeBadge } from './parts.js';
import { mayOperate, openForm, openResume, openStop } from './stop.js';

const SCREENS = [['overview', 'Overview'], ['orders', 'Orders'], ['signals', 'Signals'], ['risk', 'Risk'], ['health', 'Health'], ['alerts', 'Alerts']];
const MORE = [['perf', 'Performance'], ['logs', 'Logs'], ['config', 'Config']];

export function openAlerts() {
  return (sections.attention.value ?? []).filter((notice) => !notice.resolved_at && !notice.acknowledged_by).length;
}

const STATE_WORDS = { ACTIVE: 'RUNNING', REDUCING: 'REDUCING', PAUSED: 'PAUSED', HALTED: 'HALTED' };

/** LIVE that nobody has armed in this run places no bet. */
function disarmed() {
  return sections.server.value?.mode === 'LIVE' && sections.trading.value?.armed === false;
}

/** The state in words; kill switches beside the state are named. */
export function stateWord(trading) {
  if (redisProblem.value !== null || !trading || trading.mode === null) return ['STATE UNKNOWN', 'critical'];
  if (silent.value) return [`WAS ${STATE_WORDS[trading.mode]}`, 'quiet'];
  if (trading.mode === 'ACTIVE' && trading.stops.length) return ['STOPPED', 'critical'];
  if (trading.mode === 'ACTIVE' && trading.following) return ['FOLLOWING ONLY', 'critical'];
  if (trading.mode === 'ACTIVE' && disarmed()) return ['NOT ARMED', 'warn'];
  const tone = { ACTIVE: 'ok', REDUCING: 'warn', PAUSED: 'warn', HALTED: 'critical' }[trading.mode];
  return [STATE_WORDS[trading.mode], tone];
}

function Fact({ ok, name, value }) {
  return html`<span class=${`fact ${ok ? '' : 'bad'}`}><span aria-hidden="true">${ok ? '\u25cf' : '\u25a0'}</span> ${name} <span class="num">${value}</span></span>`;
}

export function StateBar() {
  const server = sections.server.value;
  const trading = sections.trading.value;
  const [word, tone] = stateWord(trading);
  const workers = sections.workers.value ?? [];
  const feeds = sections.feeds.value ?? [];
  const up = workers.filter((worker) => worker.state === 'ok').length;
  const fresh = feeds.filter((feed) => !feed.stale).length;
  const redis = redisProblem.value === null && sections.redis.value?.ok && sections.redis.value.writes;
  return html`<div class="statebar" role="region" aria-label="State">
    ${server ? html`<${ModeBadge} mode=${server.mode} />` : html`<span class="mode">KETER</span>`}
    ${accountShown.value && html`<span class="whose" title=${accountShown.value}>${accounts.value.find((one) => one.account === accountShown.value)?.name}</span>`}
    ${loaded.value ? html`<span class=${`word ${tone}`}>${word}${trading?.since && redisProblem.value === null ? html` <span class="since">since <${Clock} at=${trading.since} day="auto" /></span>` : ''}</span>` : html`<span class="word">loading</span>`}
    ${loaded.value && html`<span class=${`facts-inline ${stale.value ? 'old' : ''}`}>
      <${Fact} ok=${redis} name="Redis" value=${redis ? 'ok' : redisProblem.value === null ? 'no writes' : 'down'} />
      <${Fact} ok=${feeds.length > 0 && fresh === feeds.length} name="Feeds" value=${`${fresh}/${feeds.length}`} />
      <${Fact} ok=${workers.length > 0 && up === workers.length} name="Workers" value=${`${up}/${workers.length}`} />
      <span class=${`fact ${stale.value ? 'bad' : ''}`}>upd <span class="num">${silentS.value === null ? format.DASH : format.age(silentS.value)}</span></span>
      ${server && html`<span class="fact wide-only">${server.currency}</span>`}
    </span>`}
    <span class="push"></span>
    <${StopButton} />
  </div>`;
}

export function StopButton() {
  const mode = sections.trading.value?.mode;
  const stopped = ['PAUSED', 'REDUCING', 'HALTED'].includes(mode);
  if (session.value?.login_required) return null;
  if (session.value && !mayOperate()) return html`<span class="fact">read only</span>`;
  return html`${stopped && html`<button type="button" class="resume" onClick=${openResume}>Resume\u2026</button>`}
    ${mode !== 'HALTED' && html`<button type="button" class="stop" aria-keyshortcuts="Shift+P" onClick=${openStop}>Stop\u2026</button>`}`;
}

function NavLink({ screen, name, badge }) {
  const here = (route.value.under ?? route.value).screen === screen;
  return html`<a href=${screen === 'overview' ? '#/' : `#/${screen}`} aria-current=${here ? 'page' : undefined}>${name}${badge ? html` <span class="badge">${badge}<span class="vh"> open</span></span>` : ''}</a>`;
}

export function Nav() {
  const server = sections.server.value;
  const more = MORE.some(([screen]) => screen === route.value.screen);
  return html`<nav class="main" aria-label="Screens">
    ${SCREENS.map(([screen, name]) => html`<${NavLink} key=${screen} screen=${screen} name=${name} badge=${screen === 'alerts' ? openAlerts() : 0} />`)}
    <details class="more" open=${more}><summary>More</summary><div>${MORE.map(([screen, name]) => html`<${NavLink} key=${screen} screen=${screen} name=${name} />`)}</div></details>
    <span class="push"></span>
    ${server && html`<span class="who">${session.value?.name ?? ''}@${server.host} <span class="num">v${server.version}</span></span>`}
  </nav>`;
}

export function PhoneBar() {
  const alerts = openAlerts();
  return html`<nav class="phone" aria-label="Main screens">
    <${NavLink} screen="overview" name="Overview" /><${NavLink} screen="orders" name="Orders" /><${NavLink} screen="alerts" name="Alerts" badge=${alerts} /><${NavLink} screen="menu" name="More" />
    <${StopButton} />
  </nav>`;
}

/** One sentence for assistive technology whenever `text` becomes true, not at every count of a second. */
function useOnce(text, active) {
  const was = useRef(false);
  useEffect(() => {
    if (active && !was.current) shouted.value = text;
    was.current = active;
  }, [active]);
}

export function Banners({ reconnect, stay }) {
  return html`<div class="banners">
    <${RedisBanner} /><${StaleBanner} /><${LinkBanner} reconnect=${reconnect} /><${TradingBanner} /><${PermissionBanner} /><${SettingsBanner} /><${VersionBanner} /><${LoginEndBanner} stay=${stay} /><${SkewBanner} />
  </div>`;
}

function StaleBanner() {
  const active = silent.value;
  useOnce('Data is stale', active);
  if (!active) return null;
  return html`<p class="banner stale-banner" role="alert"><strong>DATA STALE</strong>, last update <span aria-hidden="true" class="num">${format.age(silentS.value)}</span> ago. Values below are old.</p>`;
}

function LinkBanner({ reconnect }) {
  const { phase, retryAt } = link.value;
  const lost = phase === 'polling';
  useOnce('The live stream is down; polling instead', lost);
  if (!lost) return null;
  const wait = retryAt === null ? 0 : Math.max(0, (retryAt - now.value) / 1000);
  return html`<p class="banner warn"><strong>Disconnected</strong> from the live stream; asking every 5 s instead. Next try in <span class="num">${format.age(wait)}</span>. Commands work: they do not use the stream.
    <button type="button" class="small" onClick=${reconnect}>Try now</button></p>`;
}

function RedisBanner() {
  const problem = redisProblem.value;
  const refuses = !problem && sections.redis.value?.writes === false;
  useOnce('Redis is down', Boolean(problem));
  useOnce('Redis takes no writes', refuses);
  if (refuses) return html`<p class="banner critical"><strong>Redis takes no writes.</strong> ${sections.redis.value.detail}. Nothing is bet. Halt still works here and as <code>keter halt</code>: it writes the HALT file. <a href="#/health">Health</a></p>`;
  if (!problem) return null;
  return html`<p class="banner critical"><strong>Redis is down.</strong> ${problem} Trading state and queues are unknown. Halt still works here and as <code>keter halt</code>: it writes the HALT file.</p>`;
}

function TradingBanner() {
  const trading = sections.trading.value;
  if (!trading || redisProblem.value !== null || silent.value || (trading.mode === 'ACTIVE' && !trading.stops.length)) return null;
  const [word, tone] = stateWord(trading);
  if (trading.mode === null) return html`<p class="banner critical"><strong>${word}</strong>: Redis holds no trading state. No new bets until the guard has restored it from the ledger.</p>`;
  const who = trading.actor === 'guard' ? `${word} by the guard` : trading.actor ? `${word} by ${trading.actor}` : word;
  return html`<p class=${`banner ${tone}`}><strong>${who}</strong>${trading.reason ? `: ${trading.reason}.` : '.'}
    ${trading.since && html` Since <${Clock} at=${trading.since} day="auto" /> (<${Age} at=${trading.since} />).`}
    ${trading.until && html` Until <${Clock} at=${trading.until} />.`}
    ${trading.stops.length ? ` ${trading.reason ? 'Also stopped' : 'Stopped'} by ${trading.stops.join(', ')}.` : ''} ${trading.mode === 'REDUCING' ? 'No bets that raise the worst case of their event' : 'No new bets'}; feeds, settlement and reconciliation go on.</p>`;
}

/** Why no bet is placed although nobody has stopped it. */
function PermissionBanner() {
  if (stale.value) return null;
  const { following, unlicensed } = sections.trading.value ?? {};
  if (following) return html`<p class="banner critical"><strong>LIVE may not bet:</strong> ${following} <a href="#/config">Config</a></p>`;
  if (unlicensed) return html`<p class="banner critical"><strong>Betting is blocked by the licence:</strong> ${unlicensed}. Open bets are followed. <a href="#/config">Config</a></p>`;
  if (!disarmed()) return null;
  return html`<p class="banner warn"><strong>LIVE is not armed.</strong> No bet is placed until it is, here or with <code>keter arm</code>. ${mayOperate() && html`<button type="button" class="small" onClick=${() => openForm('arm')}>Arm LIVE\u2026</button>`}</p>`;
}

/** Settings are read once, at the start: what was edited since does not count yet. */
function SettingsBanner() {
  const names = stale.value ? [] : sections.trading.value?.settings_differ ?? [];
  if (!names.length) return null;
  return html`<p class="banner warn"><strong>Settings on disk differ from those in force:</strong> ${names.join(', ')}. They count from the next start of Keter. <a href="#/config">In force</a></p>`;
}

function VersionBanner() {
  if (!newVersion.value) return null;
  return html`<p class="banner info">The server runs version ${newVersion.value}. <button type="button" class="small" onClick=${() => location.reload()}>Reload the page</button></p>`;
}

const LOGIN_WARNING_S = 120;

function LoginEndBanner({ stay }) {
  const { ends_at: endsAt, last_at: lastAt } = session.value ?? {};
  const leftS = endsAt ? -ageOf(endsAt) : Infinity;
  const near = leftS <= LOGIN_WARNING_S && !loginNeeded.value;
  useOnce('Your login ends soon', near);
  if (!near) return null;
  return html`<p class="banner warn">Your login ends in <span aria-hidden="true" class="num">${format.age(Math.max(0, leftS))}</span>; the page stays as it is.
    ${endsAt === lastAt ? 'It has lasted as long as a login may.' : html`<button type="button" class="small" onClick=${stay}>Stay logged in</button>`}</p>`;
}

function SkewBanner() {
  if (Math.abs(skewS.value) <= 2) return null;
  return html`<p class="banner info">The server's clock is ${format.age(Math.abs(skewS.value))} ${skewS.value > 0 ? 'ahead of' : 'behind'} this browser's; times shown are the server's.</p>`;
}

export function Voices() {
  return html`<div class="vh" role="status" aria-live="polite">${said.value}</div><div class="vh" role="alert" aria-live="assertive">${shouted.value}</div>`;
}

/** Loading: a word after 5 s, with the reason and a way to try again. */
export function Loading({ retry }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 5000);
    return () => clearTimeout(timer);
  }, []);
  if (loaded.value || !slow) return null;
  return html`<p class="banner warn" role="status">Still loading. ${link.value.problem ?? redisDown.value ?? 'The server has not answered yet.'} <button type="button" class="small" onClick=${retry}>Try again</button>${account.value && html` <a href="#/">Show the first account</a>`}</p>`;
}
