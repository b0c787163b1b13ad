// Login as an overlay: what is on the page stays, filters included.

import { html, useEffect, useRef, useState } from './vendor/ui.js';
import { post } from './api.js';
import { loginNeeded, session } from './store.js';
import { ModeBadge } from './parts.js';

export function Login({ onLogin }) {
  const box = useRef(null);
  const open = loginNeeded.value;
  useEffect(() => {
    if (open && !box.current.open) box.current.showModal();
    if (!open && box.current.open) box.current.close();
  }, [open]);
  return html`<dialog class="login" ref=${box} aria-labelledby="login-title" onCancel=${(event) => event.preventDefault()}>
    ${open && html`<${Form} onLogin=${onLogin} />`}
  </dialog>`;
}

/** What a link of `keter config device` carries; null without one. It is for this server only and never part of a request's address. */
export function deviceOf(hash) {
  return hash.startsWith('#device=') ? hash.slice('#device='.length) : null;
}

function Form({ onLogin }) {
  const [fields, setFields] = useState({ user: 'operator', password: '', code: '' });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const about = session.value;
  const set = (name) => (event) => setFields((before) => ({ ...before, [name]: event.target.value }));
  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await post('login', { user: fields.user, password: fields.password, code: fields.code || null, device: deviceOf(location.hash) });
      if (deviceOf(location.hash)) location.replace('#/');
      await onLogin();
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  }
  return html`<form onSubmit=${submit}>
    <h2 id="login-title">Log in to Keter</h2>
    ${about && html`<p><${ModeBadge} mode=${about.mode} /> on <strong>${about.host}</strong></p>`}
    <label>User<select value=${fields.user} onChange=${set('user')} autocomplete="username" name="username"><option value="operator">operator</option>${about?.viewer && html`<option value="viewer">viewer</option>`}</select></label>
    <label>Password<input type="password" name="password" autocomplete="current-password" autofocus required value=${fields.password} onInput=${set('password')} aria-describedby="login-problem" /></label>
    ${about?.totp && html`<label>Six-digit code<input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" value=${fields.code} onInput=${set('code')} /></label>`}
    <p id="login-problem" class="failure" role="alert">${problem}</p>
    <div class="buttons"><button type="submit" class="primary" disabled=${busy}>${busy ? 'Checking' : 'Log in'}</button></div>
  </form>`;
}
