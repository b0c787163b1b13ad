// Small pieces that every screen uses.

import { html, useErrorBoundary } from './vendor/ui.js';
import * as format from './format.js';
import { ageOf, loaded, sections, stale, zone } from './store.js';

export const SIGNS = { ok: '\u25cf', slow: '\u25b2', lost: '\u25a0', page: '\u203c', ticket: '\u25b2', info: '\u2139' };

/** How long ago; counts on by itself. */
export function Age({ at }) {
  return html`<span class="num" title=${format.utc(at)}>${format.age(ageOf(at))}</span>`;
}

/** `day`: with its date; `auto`: with its date unless that is today; `exact`: with milliseconds. */
export function Clock({ at, day = 'no' }) {
  const dated = day === 'yes' || (day === 'auto' && sections.money.value && at < sections.money.value.since);
  const text = dated ? format.dayClock(at, zone.value) : (day === 'exact' ? format.exactClock : format.clock)(at, zone.value);
  return html`<time class="num" datetime=${format.utc(at)} title=${format.utc(at)}>${text}</time>`;
}

/** An em dash that says why nothing is known. */
export function Unknown({ why }) {
  return html`<span class="unknown" title=${why}>${format.DASH}<span class="vh"> ${why}</span></span>`;
}

export function Amount({ value, why = 'not known yet', signed = false, currency = '' }) {
  if (value === null || value === undefined) return html`<${Unknown} why=${why} />`;
  const text = signed ? format.signedMoney(value) : format.money(value);
  return html`<span class=${`num ${signed ? format.tone(value) : ''}`}>${currency ? html`<span class="unit">${currency}</span> ` : ''}${text}</span>`;
}

/** A panel that fails alone: an exception inside becomes a card with an id, the rest of the page goes on. */
export function Panel({ title, name, tools, children, class: extra = '', aged = true }) {
  const dim = aged && stale.value ? ' stale' : '';
  return html`<section class=${`panel ${extra}${dim}`} aria-labelledby=${`p-${name}`}>
    <header><h2 id=${`p-${name}`}>${title}</h2>${tools}</header>
    <${Guarded} name=${name}>${children}<//>
  </section>`;
}

/** Around what makes its own panel: when that fails before there is a panel, a panel says so. */
export function Guarded({ name, title, children }) {
  const [error, reset] = useErrorBoundary((caught) => console.error(`panel ${name}`, caught));
  if (!error) return children;
  if (title) return html`<section class="panel" aria-labelledby=${`p-${name}`}><header><h2 id=${`p-${name}`}>${title}</h2></header><${Fault} name=${name} reset=${reset} /></section>`;
  return html`<${Fault} name=${name} reset=${reset} />`;
}

function Fault({ name, reset }) {
  return html`<div class="fault" role="alert">
    <p><strong>This panel failed</strong> (${name}). The rest of the page works.</p>
    <button type="button" onClick=${reset}>Show it again</button>
  </div>`;
}

export function Skeleton({ lines = 3 }) {
  if (loaded.value) return null;
  return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: lines }, (_, i) => html`<span key=${i}></span>`)}</div>`;
}

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

const STATES = {
  OPEN: ['\u2026', 'info', 'open'],
  PARTLY_FILLED: ['\u2026', 'info', 'partly filled'],
  FILLED: ['\u2713', 'ok', 'filled'],
  CANCELLING: ['\u2026', 'warn', 'cancelling'],
  CANCELLED: ['\u2013', 'quiet', 'cancelled'],
  LAPSED: ['\u2013', 'quiet', 'lapsed'],
  UNKNOWN: ['?', 'critical', 'unknown'],
  SKIPPED: ['\u2013', 'quiet', 'skipped'],
  REFUSED: ['\u00d7', 'loss', 'refused'],
  WON: ['\u25b2', 'gain', 'won'],
  HALF_WON: ['\u25b2', 'gain', 'half won'],
  LOST: ['\u25bc', 'loss', 'lost'],
  HALF_LOST: ['\u25bc', 'loss', 'half lost'],
  PUSHED: ['=', 'quiet', 'pushed'],
  VOID: ['\u00d8', 'quiet', 'void'],
};
/** The states by which bets and orders can be chosen. */
export const CHOSEN_STATES = Object.keys(STATES);

/** A bet's state: sign, word and colour. */
export function BetState({ state }) {
  const [sign, tone, word] = STATES[state] ?? ['\u25cb', 'info', state.toLowerCase()];
  return html`<span class=${`state ${tone}`}><span aria-hidden="true">${sign}</span> ${word}</span>`;
}

/** An alert's own sentence, without the title that stands before it. */
export function plain({ title, detail }) {
  if (!detail.startsWith(`${title}: `)) return detail;
  const own = detail.slice(title.length + 2);
  return own.charAt(0).toUpperCase() + own.slice(1);
}

/** Text whose words between backticks are code. */
export function Prose({ text }) {
  return text.split('`').map((part, i) => (i % 2 ? html`<code key=${i}>${part}</code>` : part));
}

/** used of limit, with the words that the bar cannot say. */
export function Gauge({ pct, label }) {
  const known = Number.isFinite(pct);
  const tone = pct >= 100 ? 'full' : pct >= 80 ? 'near' : '';
  return html`<span class="gauge">
    <progress class=${tone} max="100" value=${known ? Math.min(100, pct) : 0} aria-label=${label}></progress>
    <span class="num pct">${known ? `${pct} %` : format.DASH}</span>
  </span>`;
}

/** A table in a box of its own that scrolls, so that the page never does sideways. */
export function Scroller({ label, children, class: extra = '' }) {
  return html`<div class=${`scroller ${extra}`} role="group" aria-label=${label} tabindex="0">${children}</div>`;
}

const MODE_WORDS = { LIVE: 'LIVE', DRY: 'DRY RUN', DEMO: 'DEMO' };

export function ModeBadge({ mode }) {
  const title = mode === 'DEMO' ? 'A simulated bookmaker: neither prices nor money are real' : null;
  return html`<span class=${`mode ${mode.toLowerCase()}`} title=${title}>${MODE_WORDS[mode]}</span>`;
}
