// The one place that knows uPlot. A chart always comes with a sentence and a table of the same numbers.

import { effect, html, useEffect, useRef, useState } from './vendor/ui.js';
import * as format from './format.js';
import { fromFirstStep } from './reduce.js';
import { preferences, serverNow, zone } from './store.js';
import { Clock, Empty, Scroller } from './parts.js';

let library = null;

/** The library comes with the first chart, after the page stands; a failure is tried again with the next drawing. */
function fetchLibrary() {
  library ??= import('./vendor/uplot.js').then((file) => file.default, (error) => { library = null; throw error; });
  return library;
}

function colours(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(name).trim();
}

function sizeOf(box) {
  return { width: Math.max(200, box.clientWidth), height: Math.max(90, box.clientHeight) };
}

function build(uPlot, box, points, label) {
  const colour = colours(box);
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 }, font: '11px system-ui' };
  const last = points.at(-1)?.value ?? '0';
  const line = format.isNegative(last) ? colour('--loss') : colour('--gain');
  const options = {
    ...sizeOf(box),
    legend: { show: false },
    cursor: { drag: { setScale: false } },
    tzDate: (seconds) => (zone.peek() ? uPlot.tzDate(new Date(seconds * 1000), zone.peek()) : new Date(seconds * 1000)),
    axes: [{ ...axis, space: 64, size: 30, values: tickFormat(points) }, { ...axis, size: 54 }],
    scales: { y: { range: (_, low, high) => widen(low, high) } },
    series: [{}, { label, stroke: line, width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: points.length < 60, size: 4, fill: line } }],
  };
  // Number() here only places pixels; every amount shown as text is the server's string.
  const data = [points.map((point) => Date.parse(point.at) / 1000), points.map((point) => Number(point.value))];
  return new uPlot(options, data, box);
}

function spansDays(points) {
  return points.length > 1 && Date.parse(points.at(-1).at) - Date.parse(points[0].at) > 36 * 3600 * 1000;
}

function tickFormat(points) {
  if (spansDays(points)) return '{D} {MMM}';
  return Date.parse(points.at(-1).at) - Date.parse(points[0].at) < 20 * 60_000 ? '{HH}:{mm}:{ss}' : '{HH}:{mm}';
}

function widen(low, high) {
  const top = Math.max(high ?? 0, 0);
  const bottom = Math.min(low ?? 0, 0);
  const room = Math.max((top - bottom) * 0.12, 1);
  return [bottom - room, top + room];
}

/** points: [{at: ISO, value: decimal string}], in order of time; the line goes on to the minute that has begun. */
export function TimeChart({ points: known, label, currency, none }) {
  if (known.length < 2) return html`<${Empty}>${none}<//>`;
  return html`<${Drawn} points=${known} label=${label} currency=${currency} />`;
}

function Drawn({ points: known, label, currency }) {
  const minute = new Date(Math.floor(serverNow() / 60000) * 60000).toISOString();
  const last = known.at(-1);
  const points = last && last.at < minute ? [...known, { at: minute, value: last.value }] : known;
  const drawn = fromFirstStep(points);
  const box = useRef(null);
  const [asTable, setAsTable] = useState(false);
  const shape = `${points.length}|${points.at(-1)?.at}|${points.at(-1)?.value}|${asTable}`;
  useEffect(() => {
    const element = box.current;
    if (asTable || !element) return undefined;
    let chart = null;
    let wanted = true;
    const draw = () => fetchLibrary().then((uPlot) => {
      if (!wanted) return;
      chart?.destroy();
      chart = build(uPlot, element, drawn, label);
    }, () => { if (wanted) setAsTable(true); });
    const stop = effect(() => { void preferences.value; draw(); });
    const resized = new ResizeObserver(() => chart?.setSize(sizeOf(element)));
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: light)');
    scheme.addEventListener('change', draw);
    return () => { wanted = false; stop(); resized.disconnect(); scheme.removeEventListener('change', draw); chart?.destroy(); };
  }, [shape]);
  const button = html`<button type="button" class="small" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>${asTable ? 'as chart' : 'as table'}</button>`;
  return html`<div class="chart">
    <p class="summary">${summary(points, currency)} ${button}</p>
    ${asTable ? html`<${PointTable} points=${points} label=${label} />` : html`<div class="plot" ref=${box} role="img" aria-label=${`${label}: ${summary(points, currency)}`}></div>`}
  </div>`;
}

function extreme(points, worse) {
  return points.reduce((best, point) => (worse(Number(point.value), Number(best.value)) ? point : best), points[0]);
}

function summary(points, currency) {
  const low = extreme(points, (a, b) => a < b);
  const high = extreme(points, (a, b) => a > b);
  const moment = (iso) => (spansDays(points) ? format.dayClock(iso, zone.value) : format.clock(iso, zone.value).slice(0, 5));
  const at = (point) => `${currency} ${format.money(point.value)} at ${moment(point.at)}`;
  return `Low ${at(low)}, high ${at(high)}, now ${currency} ${format.money(points.at(-1).value)}.`;
}

function PointTable({ points, label }) {
  return html`<${Scroller} label=${`${label}, as a table`}>
    <table><thead><tr><th scope="col">Time</th><th scope="col" class="right">${label}</th></tr></thead>
    <tbody>${points.map((point, i) => html`<tr key=${i}><td><${Clock} at=${point.at} day=${spansDays(points) ? 'yes' : 'no'} /></td><td class="right num">${format.money(point.value)}</td></tr>`)}</tbody></table>
  <//>`;
}
