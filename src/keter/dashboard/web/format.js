// Numbers and times as people read them. Money and odds arrive as decimal strings and are only ever formatted, never computed.

export const DASH = '\u2014';
const MINUS = '\u2212';
const formats = new Map();

function decimals(places) {
  if (!formats.has(places)) {
    const options = { minimumFractionDigits: places, maximumFractionDigits: places, roundingMode: 'trunc' };
    formats.set(places, new Intl.NumberFormat('en-GB', options));
  }
  return formats.get(places);
}

function isDecimal(text) {
  return typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text);
}

export function isNegative(text) {
  return isDecimal(text) && text.startsWith('-') && /[1-9]/.test(text);
}

export function isZero(text) {
  return isDecimal(text) && !/[1-9]/.test(text);
}

/** `10,432.10`; a dash for what is unknown. */
export function money(text) {
  if (!isDecimal(text)) return DASH;
  const plain = decimals(2).format(text.replace('-', ''));
  return isNegative(text) ? MINUS + plain : plain;
}

/** `▼ −84.20`, `▲ +12.00`, `0.00`: sign and arrow, so that colour is never alone. */
export function signedMoney(text) {
  if (!isDecimal(text)) return DASH;
  if (isZero(text)) return money(text);
  return isNegative(text) ? `\u25bc ${money(text)}` : `\u25b2 +${money(text)}`;
}

/** Two places, three where the price has them; cut, never rounded up. */
export function odds(text) {
  if (!isDecimal(text)) return DASH;
  const places = /\.\d\d[1-9]/.test(text) ? 3 : 2;
  return decimals(places).format(text);
}

/** The same, as wide as three places: decimal points stand below each other in a column. */
export function oddsColumn(text) {
  const shown = odds(text);
  return /\.\d\d$/.test(shown) ? `${shown}\u2007` : shown;
}

/** `+3.41 %`. */
export function percent(text) {
  if (!isDecimal(text)) return DASH;
  const plain = decimals(2).format(text.replace('-', ''));
  if (isZero(text)) return `${plain} %`;
  return `${isNegative(text) ? MINUS : '+'}${plain} %`;
}

export function count(value) {
  return Number.isFinite(value) ? new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 }).format(value) : DASH;
}

/** `gain`, `loss` or nothing: the class that goes with a signed amount. */
export function tone(text) {
  if (!isDecimal(text) || isZero(text)) return '';
  return isNegative(text) ? 'loss' : 'gain';
}

/** `0.4 s`, `12 s`, `3 m 12 s`, `2 h 5 m`, `3 d`. */
export function age(seconds) {
  if (!Number.isFinite(seconds)) return DASH;
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d`;
}

/** `HH:MM:SS` in `zone` (undefined: the browser's). */
export function clock(iso, zone) {
  const moment = new Date(iso);
  if (!iso || Number.isNaN(moment.getTime())) return DASH;
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone };
  return new Intl.DateTimeFormat('en-GB', options).format(moment);
}

/** `HH:MM:SS.mmm`. */
export function exactClock(iso, zone) {
  const whole = clock(iso, zone);
  return whole === DASH ? whole : `${whole}.${String(new Date(iso).getMilliseconds()).padStart(3, '0')}`;
}

/** A delay: `312 ms`, then like an age. */
export function delay(seconds) {
  return Number.isFinite(seconds) && seconds < 1 ? `${Math.round(seconds * 1000)} ms` : age(seconds);
}

/** `21 Nov, 12:04`. */
export function dayClock(iso, zone) {
  const moment = new Date(iso);
  if (!iso || Number.isNaN(moment.getTime())) return DASH;
  const options = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone };
  return new Intl.DateTimeFormat('en-GB', options).format(moment);
}

/** ISO UTC with milliseconds cut: what tooltips and copies carry. */
export function utc(iso) {
  const moment = new Date(iso);
  return !iso || Number.isNaN(moment.getTime()) ? '' : moment.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A code as words: `odds_moved` is `odds moved`. */
export function words(code) {
  return (code ?? '').toLowerCase().replaceAll('_', ' ');
}

const NAMES = { ev_pct: 'edge', min_ev_pct: 'least edge', fair_odds: 'fair', approved_odds: 'approved at', loop_lag_s: 'lag' };

/** One figure under its name in the code, as [name, text]: `spread_pct 0.48` is `spread`, `0.48 %`. */
export function figure(name, value) {
  const [, unit] = /_(pct|s|bytes)(?=_|$)/.exec(name) ?? [];
  const label = NAMES[name] ?? words(unit ? name.replace(`_${unit}`, '') : name);
  const number = typeof value === 'number' ? value : typeof value === 'string' && /^-?\d+(\.\d+)?(e-?\d+)?$/.test(value) ? Number(value) : NaN;
  if (!Number.isFinite(number)) return [label, Array.isArray(value) ? value.join(', ') : String(value)];
  if (unit === 'pct') return [label, `${number < 0 ? MINUS : ''}${Math.abs(number).toFixed(2)} %`];
  if (unit === 's') return [label, delay(number)];
  if (unit === 'bytes') return [label, bytes(number)];
  if (typeof value === 'string' && /\.\d\d$/.test(value)) return [label, money(value)];
  return [label, Number.isInteger(number) ? count(number) : String(Number(number.toPrecision(4)))];
}

/** Figures in one line: `edge 5.48 %, fair 2.498`. What is not known is left out; of limits the tightest comes first. */
export function figures({ tightest, tightest_left: left, tightest_limit: limit, ...numbers }, without = []) {
  const known = Object.entries(numbers).filter(([name, value]) => value !== null && value !== '' && !without.includes(name));
  const told = known.map(([name, value]) => figure(name, value).join(' '));
  if (tightest) told.unshift(`tightest limit: ${tightest}, ${figure('', left)[1]} left of ${figure('', limit)[1]}`);
  return told.join(', ');
}

export function bytes(value) {
  if (!Number.isFinite(value)) return DASH;
  const units = ['B', 'kB', 'MB', 'GB'];
  let left = value;
  let unit = 0;
  while (left >= 1000 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${left < 10 && unit ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}
