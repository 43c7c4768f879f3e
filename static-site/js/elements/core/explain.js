/** What to say when something has gone wrong. The words for that come when they are needed, or when nothing else is to be done. */

import { ApiError } from "../../lychgate.js";
import { load } from "./languages.js";

/**
 * @param {unknown} error
 * @param {import("./languages.js").Words} words
 * @param {string} [api] the root of the API, for what has never heard of it
 * @returns {Promise<string>} a message for the user, as `describe` of messages.js
 */
export async function explain(error, words, api) {
  try {
    const [{ describe }] = await Promise.all([load(() => import("./messages.js")), words.load("steps")]);
    return api && isNoApi(error) ? words.text("no-api", { api }) : describe(error, words);
  } catch {
    // What keeps the words away is most often what has gone wrong.
    return words.text("unreachable");
  }
}

/** @param {any} error @returns {boolean} whether what has answered has never heard of this API; 408, 425 and 429 only ask for patience */
export function isNoApi(error) {
  return error instanceof ApiError && !error.error && /^4(?!08|2[59])/.test(/** @type {any} */ (error).status);
}

/** What is said rarely. @param {import("./languages.js").Words} words @param {string} key @param {Record<string, string>} [values] */
export async function say(words, key, values) {
  await words.load("steps").catch(() => {});
  return words.text(words.has(key) ? key : "unreachable", values);
}
