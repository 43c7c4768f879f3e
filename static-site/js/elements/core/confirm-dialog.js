/**
 * The question before something important happens, and what wants a fresh session. The dialog and its words are loaded
 * when somebody is asked.
 */

import { load } from "./languages.js";
import { fieldErrors } from "./messages.js";

/** The API's default. If its own is shorter, it says so when it is asked. */
const FRESH_SECONDS = 900;
/** The error of what wants a fresher session. */
export const STALE = "insufficient_user_authentication";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("./view.js").View} View */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} consequence what will happen
 * @property {string} verb the button that does it
 * @property {string} busy the button meanwhile
 * @property {() => string} failed what is to be said of the task when it has failed, before the reason
 * @property {boolean} [isUrgent] whether the API does it however long ago the log-in was
 * @property {boolean} [isStale] whether the API has refused it already, because the log-in is a while ago
 * @property {(signal: AbortSignal) => Promise<void>} task is done again from where it was when the user tries again
 */

/**
 * Ask, and do it.
 *
 * @param {View} view
 * @param {Question} question
 * @returns {Promise<boolean>} whether it is done; false if the user, or the end of the session, has cancelled. Throws
 *   NetworkError if the dialog cannot be loaded.
 */
export async function confirm(view, question) {
  const { Confirmation } = await loadDialog(view);
  if (view.signal.aborted || !view.client.user) return false;
  return new Confirmation(view, question).done;
}

/** @param {View} view @returns {Promise<typeof import("./confirmation.js")>} throws NetworkError */
export async function loadDialog(view) {
  const [dialog] = await Promise.all([load(() => import("./confirmation.js")), view.words.load("steps", "account", "changes")]);
  return dialog;
}

/**
 * Do something that wants a fresh session: at once if it is fresh, and otherwise after the question. Throws what belongs
 * to the caller's form.
 *
 * @param {View} view
 * @param {Question} question
 * @returns {Promise<boolean>} whether it is done
 */
export async function whenFresh(view, question) {
  const { task } = question;
  if (!isStale(view.client)) {
    try {
      await task(view.signal);
      return true;
    } catch (error) {
      if (error.error !== STALE) throw error;
    }
  }
  /** @type {Error | null} */
  let refusal = null;
  const isDone = await confirm(view, {
    ...question,
    task: async (signal) => {
      await task(signal).catch((error) => {
        if (!belongsToForm(error)) throw error;
        refusal = error;
      });
    },
  });
  if (refusal) throw refusal;
  return isDone;
}

/** Whether an error is about what was typed into a form. @param {any} error */
function belongsToForm(error) {
  return fieldErrors(error).length > 0 || error.error === "invalid_credentials";
}

/** Guess from the access token, by the API's own clock, whether the API will want a proof. @param {Client} client */
export function isStale(client) {
  if (!client.token) return false;
  const { accessToken, lifetime, secondsLeft } = client.token;
  try {
    const claims = JSON.parse(atob(accessToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    if (client.user?.second_factor && claims.acr !== "aal2") return true;
    return claims.iat + lifetime - secondsLeft - claims.auth_time >= FRESH_SECONDS;
  } catch {
    return false;
  }
}
