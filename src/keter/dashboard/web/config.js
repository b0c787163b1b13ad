// What is it running with? And how should this page look?

import { html } from './vendor/ui.js';
import { post } from './api.js';
import { Loaded, useApi } from './fetching.js';
import { loginNeeded, prefer, preferences, sections, session } from './store.js';
import { Panel, Prose, Scroller } from './parts.js';

const CHOICES = [
  ['theme', 'Theme', [['auto', 'as the system'], ['dark', 'dark'], ['light', 'light']]],
  ['zone', 'Times in', [['browser', "this browser's zone"], ['server', "the betting day's zone"]]],
  ['colours', 'Gain and loss', [['green-red', 'green and red'], ['red-green', 'red and green'], ['blue-orange', 'blue and orange']]],
  ['keys', 'Keyboard shortcuts', [['on', 'on'], ['off', 'off']]],
];

export function Config() {
  const state = useApi('config', {}, 0);
  return html`<h1>Config</h1>
    <${Panel} name="look" title="This page" aged=${false}><div class="choices">${CHOICES.map(([name, label, values]) => html`<label key=${name}>${label}<select value=${preferences.value[name]} onChange=${(event) => prefer({ [name]: event.target.value })}>${values.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>`)}</div>
      <p class="quiet">Kept in this browser only. The betting day is in ${sections.server.value?.zone ?? 'the configured zone'}. ${session.value?.password_set && html`<button type="button" class="small" onClick=${logout}>Log out</button>`}</p><//>
    <${Loaded} state=${state}>${(data) => html`
      <${Panel} name="versions" title="Versions and licence" aged=${false}><p>Keter ${data.version}. ${data.licence}</p><p class="quiet">On this page: ${data.vendored.join(', ')}.</p><//>
      <${Panel} name="settings" title="Effective settings" aged=${false}><${Settings} entries=${data.entries} /><//>`}<//>`;
}

async function logout() {
  await post('logout', {});
  loginNeeded.value = true;
}

function Settings({ entries }) {
  return html`<${Scroller} label="Settings" class="listing"><table class="cards"><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th><th scope="col">Meaning</th></tr></thead>
    <tbody>${entries.map((entry) => html`<tr key=${entry.name}><th scope="row"><code>${entry.name}</code></th><td class="numbers">${entry.secret ? html`<span class="quiet">${entry.value}</span>` : entry.value || html`<span class="quiet">empty</span>`}</td><td>${entry.source === 'default' ? html`<span class="quiet">default</span>` : entry.source}</td><td class="quiet whole"><${Prose} text=${entry.description} /></td></tr>`)}</tbody></table><//>`;
}
