// What a screen asks the API for by itself: loading, error, and asking again while it is open.

import { html, useEffect, useState } from './vendor/ui.js';
import { get } from './api.js';
import { loginNeeded } from './store.js';
import { Empty } from './parts.js';

/** {data, error, at}: the newest answer stays while a later one fails. */
export function useApi(path, query, everyMs = 0) {
  const [state, setState] = useState({ data: null, error: null, of: null });
  const shape = JSON.stringify([path, query]);
  const loggedOut = loginNeeded.value;
  useEffect(() => {
    if (loggedOut) return undefined;
    let wanted = true;
    const ask = (poll) => get(path, query, poll).then(
      (data) => wanted && setState({ data, error: null, of: shape }),
      (error) => wanted && setState((known) => ({ ...known, error })),
    );
    ask(false);
    const timer = everyMs ? setInterval(() => { if (!document.hidden) ask(true); }, everyMs) : null;
    return () => { wanted = false; clearInterval(timer); };
  }, [shape, everyMs, loggedOut]);
  return { data: state.of === shape || state.data ? state.data : null, error: state.error, settled: state.of === shape };
}

/** Shows `children(data)`, or why there is nothing yet. */
export function Loaded({ state, children }) {
  const failure = state.error && html`<p class="failure" role="alert">${state.error.message}${state.error.incident ? html` <code>${state.error.incident}</code>` : ''} ${state.data ? 'What is shown is older.' : ''}</p>`;
  if (!state.data) return failure || html`<${Empty}>Asking the server.<//>`;
  return html`${failure}${children(state.data)}`;
}

/** Filters live in the address, so that a reload and a link keep them. */
export function filterLink(screen, query, change) {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    if (value === '' || value === null || value === undefined) next.delete(name);
    else next.set(name, value);
  }
  return `#/${screen}${next.size ? `?${next}` : ''}`;
}
