// Who is logged in, and until when.

import { get } from './api.js';
import { link, loginNeeded, session } from './store.js';

/** Asks the server; `poll` as in api.js. Without an answer what was known stands, the login over the page too. Resolves to the error. */
export async function learnSession(poll = false) {
  try {
    session.value = await get('session', {}, poll);
  } catch (error) {
    link.value = { ...link.value, problem: error.message };
    return error;
  }
  loginNeeded.value = session.value.login_required;
  return null;
}
