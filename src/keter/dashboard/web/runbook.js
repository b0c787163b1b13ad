// What to do about an alert: its page of the documentation, as it came with this version.

import { html, useEffect, useState } from './vendor/ui.js';
import { getText } from './api.js';
import { route } from './store.js';
import { Empty, Panel, Prose } from './parts.js';
import { blocks } from './runbooktext.js';

export function Runbook() {
  const id = /^[a-z][a-z-]*$/.test(route.value.id ?? '') ? route.value.id : null;
  const [state, setState] = useState({ of: null, text: null, error: null });
  useEffect(() => {
    let wanted = true;
    if (id) getText(`runbooks/${id}.md`).then((text) => wanted && setState({ of: id, text, error: null }), (error) => wanted && setState({ of: id, text: null, error }));
    return () => { wanted = false; };
  }, [id]);
  const known = state.of === id ? state : { text: null, error: null };
  if (!id || known.error) return html`<h1>Runbook</h1><${Panel} name="runbook" title="Not found" aged=${false}><${Empty}>There is no such runbook${known.error ? `: ${known.error.message}` : ''}. <a href="#/alerts">Alerts</a><//><//>`;
  if (!known.text) return html`<h1>Runbook</h1><p role="status">Loading this runbook.</p>`;
  const [title, ...rest] = blocks(known.text);
  return html`<h1>${title.text}</h1><${Panel} name="runbook" title="Runbook" aged=${false} tools=${html`<div class="tools"><a class="button small" href="#/alerts">Alerts</a></div>`}>
    <div class="runbook">${rest.map((block, i) => html`<${Block} key=${i} block=${block} />`)}</div><//>`;
}

function Block({ block }) {
  if (block.kind === 'heading') return html`<h3>${block.text}</h3>`;
  if (block.kind === 'code') return html`<pre tabindex="0" aria-label="Commands">${block.text}</pre>`;
  if (block.kind === 'list') return html`<ul>${block.items.map((item, i) => html`<li key=${i}><${Prose} text=${item} /></li>`)}</ul>`;
  return html`<p><${Prose} text=${block.text} /></p>`;
}
