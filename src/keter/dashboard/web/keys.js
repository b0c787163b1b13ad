// Keyboard shortcuts; can be switched off in Config. None of them commits anything.

import { html, signal, useEffect, useRef } from './vendor/ui.js';
import { preferences } from './store.js';
import { openStop } from './stop.js';

const GO = { o: '#/', r: '#/orders', s: '#/signals', k: '#/risk', h: '#/health', a: '#/alerts' };
const helpOpen = signal(false);
let waitingForGo = 0;

function typing(event) {
  return event.target.closest?.('input, textarea, select, [contenteditable]') !== null || event.ctrlKey || event.metaKey || event.altKey;
}

function moveRow(step) {
  const rows = [...document.querySelectorAll('[data-row] a')];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, at + step))].focus();
}

export function bindKeys({ closeTop }) {
  document.addEventListener('keydown', (event) => {
    if (preferences.value.keys === 'off' || typing(event)) return;
    if (event.key === 'Escape') closeTop();
    else if (document.querySelector('dialog[open]')) return;
    else if (event.shiftKey && event.key === 'P') { event.preventDefault(); openStop(); }
    else if (event.key === '?') helpOpen.value = true;
    else if (event.key === '/') { event.preventDefault(); document.querySelector('.filter')?.focus(); }
    else if (event.key === 'j') moveRow(1);
    else if (event.key === 'k' && performance.now() - waitingForGo > 1000) moveRow(-1);
    else if (event.key === 'g') waitingForGo = performance.now();
    else if (performance.now() - waitingForGo < 1000 && GO[event.key]) { waitingForGo = 0; location.hash = GO[event.key]; }
  });
}

const HELP = [['?', 'this help'], ['/', 'filter'], ['g then o, r, s, k, h, a', 'Overview, Orders, Signals, Risk, Health, Alerts'], ['j, k', 'next and previous row'], ['Enter', 'open the row'], ['Esc', 'close'], ['Shift+P', 'open the Stop dialog']];

export function KeyHelp() {
  const box = useRef(null);
  useEffect(() => {
    if (helpOpen.value && !box.current.open) box.current.showModal();
    if (!helpOpen.value && box.current.open) box.current.close();
  }, [helpOpen.value]);
  return html`<dialog ref=${box} aria-labelledby="keys-title" onClose=${() => { helpOpen.value = false; }}>
    <h2 id="keys-title">Keys</h2>
    <dl class="keys">${HELP.map(([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <p class="quiet">Switch them off in <a href="#/config" onClick=${() => { helpOpen.value = false; }}>Config</a>.</p>
    <div class="buttons"><button type="button" autofocus onClick=${() => { helpOpen.value = false; }}>Close</button></div>
  </dialog>`;
}
