// The Stop dialog and its counterpart. The server prepares each command and says in its own words what it would do;
// pressing a button commits that one prepared token, once.

import { html, signal, useEffect, useRef, useState } from './vendor/ui.js';
import { post } from './api.js';
import { accountShown, accounts, link, sections, session, shout } from './store.js';

const APPLY_WITHIN_MS = 5000;
const PREPARE_AGAIN_MS = 25000;
/** null, 'stop' or one of FORMS. */
export const dialogOpen = signal(null);

export function openStop() {
  dialogOpen.value ??= 'stop';
}

export function openResume() {
  dialogOpen.value ??= 'resume';
}

export function openForm(kind) {
  dialogOpen.value ??= kind;
}

/** Commands that are prepared, proved and confirmed in a form; `word` is what the server asks to be typed. */
const FORMS = {
  resume: { title: 'Resume betting', word: 'RESUME', stay: 'Stay stopped', go: 'Resume' },
  arm: { title: 'Arm LIVE', word: 'LIVE', stay: 'Stay disarmed', go: 'Arm LIVE' },
  disarm: { title: 'Disarm LIVE', stay: 'Stay armed', go: 'Disarm' },
};

function targetOf(action) {
  return action === 'arm' || action === 'disarm' ? sections.server.value?.account : 'trading';
}

export function StopDialog() {
  const box = useRef(null);
  const before = useRef(null);
  const kind = dialogOpen.value;
  useEffect(() => {
    const dialog = box.current;
    if (kind && !dialog.open) {
      before.current = document.activeElement;
      dialog.showModal();
    } else if (!kind && dialog.open) {
      dialog.close();
      before.current?.focus?.();
    }
  }, [kind]);
  const cancel = (event) => { event.preventDefault(); dialogOpen.value = null; };
  return html`<dialog class="stop-dialog" ref=${box} aria-labelledby="stop-title" onCancel=${cancel}>
    ${kind && html`<${Body} key=${kind} kind=${kind} />`}
  </dialog>`;
}

/** The prepared token of each action, for all accounts or one; prepared anew before it runs out. */
function usePrepared(actions, active, account) {
  const [prepared, setPrepared] = useState({});
  useEffect(() => {
    if (!active) return undefined;
    let wanted = true;
    setPrepared({});
    const ask = () => actions.forEach((action) => post('commands/prepare', { action, target: targetOf(action), account: account || undefined }).then(
      (answer) => wanted && setPrepared((known) => ({ ...known, [action]: { ...answer, error: null } })),
      (error) => wanted && setPrepared((known) => ({ ...known, [action]: { error: error.message } })),
    ));
    ask();
    const again = setInterval(ask, PREPARE_AGAIN_MS);
    return () => { wanted = false; clearInterval(again); };
  }, [active, account]);
  const replace = (action, answer) => setPrepared((known) => ({ ...known, [action]: { ...answer, error: null } }));
  return [prepared, replace];
}

function Body({ kind }) {
  const actions = kind === 'stop' ? ['pause', 'reduce', 'halt'] : [kind];
  const [busy, setBusy] = useState(null);
  const [result, setResult] = useState(null);
  const [failure, setFailure] = useState(null);
  const [account, setAccount] = useState('');
  const [prepared, replace] = usePrepared(actions, !result, account);
  const inFlight = useRef(false);

  async function commit(action, proof = {}) {
    if (inFlight.current || !prepared[action]?.token) return;
    inFlight.current = true;
    setBusy(action);
    setFailure(null);
    try {
      const done = await post('commands/commit', { token: prepared[action].token, ...proof });
      shout(done.sentence);
      setResult({ ...done, action, at: performance.now() });
    } catch (error) {
      if (error.status === 409 && error.details?.token) replace(action, error.details);
      setFailure(error.message);
      setBusy(null);
      inFlight.current = false;
    }
  }

  if (result) return html`<${Result} result=${result} />`;
  const polling = link.value.phase !== 'live';
  return html`<h2 id="stop-title">${FORMS[kind]?.title ?? 'Stop betting'}</h2>
    ${polling && html`<p class="note">The live stream is down. Commands do not need it: they go to the server directly.</p>`}
    ${accountShown.value && (kind === 'stop' || kind === 'resume') && html`<label>For <select value=${account} onChange=${(event) => setAccount(event.target.value)}><option value="">all accounts</option>${accounts.value.map((one) => html`<option key=${one.account} value=${one.account}>${one.name} only</option>`)}</select></label>`}
    ${kind === 'stop' ? html`<${StopChoices} prepared=${prepared} busy=${busy} commit=${commit} />` : html`<${ProofForm} action=${kind} prepared=${prepared[kind]} busy=${busy} commit=${commit} />`}
    ${failure && html`<p class="failure" role="alert">${failure} <span>On the machine itself <code>keter halt</code> always works.</span></p>`}`;
}

function Choice({ action, name, note, prepared, busy, commit, tone }) {
  const ready = Boolean(prepared?.token);
  return html`<div class="choice">
    <button type="button" class=${`big ${tone}`} disabled=${!ready || busy !== null} aria-describedby=${`about-${action}`} onClick=${() => commit(action)}>${busy === action ? `${name} \u2026` : name}</button>
    <p id=${`about-${action}`}>${prepared?.summary ?? prepared?.error ?? 'Asking the server what this would do.'} <span class="quiet">${note}</span></p>
  </div>`;
}

function StopChoices({ prepared, busy, commit }) {
  return html`<button type="button" class="keep" autofocus onClick=${() => { dialogOpen.value = null; }}>Keep running</button>
    <${Choice} action="pause" name="Pause" note="One press resumes." prepared=${prepared.pause} busy=${busy} commit=${commit} tone="amber" />
    <${Choice} action="reduce" name="Reduce" note="Until resumed." prepared=${prepared.reduce} busy=${busy} commit=${commit} tone="amber" />
    <${Choice} action="halt" name="Halt" note="Resuming asks for more." prepared=${prepared.halt} busy=${busy} commit=${commit} tone="red" />`;
}

function ProofForm({ action, prepared, busy, commit }) {
  const form = FORMS[action];
  const [word, setWord] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const needWord = prepared?.needs?.includes('word');
  const needPassword = prepared?.needs?.includes('password');
  const needCode = prepared?.needs?.includes('code');
  const submit = (event) => {
    event.preventDefault();
    commit(action, { word: needWord ? word : undefined, password: needPassword ? password : undefined, code: needCode ? code : undefined });
  };
  return html`<form onSubmit=${submit}>
    <p>${prepared?.summary ?? prepared?.error ?? 'Asking the server what this would do.'}</p>
    ${needWord && html`<label>Type ${form.word}<input value=${word} onInput=${(event) => setWord(event.target.value)} autocomplete="off" autocapitalize="characters" spellcheck="false" /></label>`}
    ${needPassword && html`<label>Your password<input type="password" autocomplete="current-password" value=${password} onInput=${(event) => setPassword(event.target.value)} /></label>`}
    ${needCode && html`<label>Six-digit code<input inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" value=${code} onInput=${(event) => setCode(event.target.value)} /></label>`}
    <div class="buttons">
      <button type="button" autofocus onClick=${() => { dialogOpen.value = null; }}>${form.stay}</button>
      <button type="submit" class="amber" disabled=${!prepared?.token || busy !== null || (needWord && word.trim() !== form.word) || (needPassword && !password) || (needCode && code.length !== 6)}>${form.go}</button>
    </div>
  </form>`;
}

/** Which of guard and router have seen the state of this revision: everything's, or an account's own. */
function applied(workers, { revision, account }) {
  const names = ['guard', 'router'];
  const seen = (worker) => (account === null ? worker.revision : Number(worker.figures[`trading_revision:${account}`] ?? NaN));
  return names.filter((name) => (workers ?? []).some((worker) => worker.process === name && worker.state !== 'lost' && seen(worker) !== null && seen(worker) >= revision));
}

function Result({ result }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), APPLY_WITHIN_MS);
    return () => clearTimeout(timer);
  }, []);
  const by = result.revision === null ? [] : applied(sections.workers.value, result);
  const alone = result.action === 'arm' || result.action === 'disarm';
  const whole = by.length === 2 || alone;
  return html`<h2 id="stop-title">${whole ? 'Applied' : 'Accepted'}</h2>
    <p role="status">${result.sentence}</p>
    ${result.warnings.map((warning) => html`<p class="failure" key=${warning}>${warning}</p>`)}
    <p class=${late && !whole ? 'failure' : ''}>${by.length ? `Applied by ${by.join(' and ')}.` : ''} ${whole ? '' : late ? html`Not confirmed by ${['guard', 'router'].filter((name) => !by.includes(name)).join(' and ')} within 5 s: use the command line, <code>keter ${result.action}</code>.` : 'Waiting for guard and router.'}</p>
    <div class="buttons"><button type="button" autofocus onClick=${() => { dialogOpen.value = null; }}>Close</button></div>`;
}

export function mayOperate() {
  return session.value?.role === 'operator';
}
