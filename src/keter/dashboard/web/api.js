// Requests to the API. A 401 anywhere puts the login over the page; what was on it stays.

import { account, loginNeeded } from './store.js';

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = body?.error?.code ?? 'unknown';
    this.details = body?.error?.details ?? null;
    this.incident = body?.error?.incident ?? null;
  }
}

async function call(path, options, timeoutMs = 8000) {
  const answer = await fetch(path, { ...options, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) {
    if (answer.status === 401 && !path.endsWith('/login')) loginNeeded.value = true;
    throw new ApiError(answer.status, body);
  }
  return body;
}

/** What is told of one account; all other answers are the same for all accounts. */
const OF_AN_ACCOUNT = new Set(['snapshot', 'orders', 'signals', 'risk', 'health', 'performance']);

/** `poll`: the page asks by itself, which keeps no login awake. */
export function get(path, query = {}, poll = false) {
  const whose = OF_AN_ACCOUNT.has(path.split('/')[0]) ? { account: account.peek() } : {};
  const given = Object.entries({ ...query, ...whose }).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const tail = given.length ? `?${new URLSearchParams(given)}` : '';
  return call(`/api/v1/${path}${tail}`, poll ? { headers: { 'X-Poll': '1' } } : {});
}

/** A text that came with the page. */
export async function getText(name) {
  const answer = await fetch(`/static/${name}`, { signal: AbortSignal.timeout(8000) });
  if (!answer.ok) throw new ApiError(answer.status, null);
  return answer.text();
}

export function post(path, body) {
  const headers = { 'Content-Type': 'application/json', 'X-Requested-By': 'keter' };
  return call(`/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}
