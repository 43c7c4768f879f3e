/**
 * What is done with an account, and what is said of that, are loaded once the account is shown: somebody who only looks
 * does not wait for it.
 */

import { explain } from "../core/explain.js";
import { load } from "../core/languages.js";

/** @typedef {import("../core/view.js").View} View */

/** @param {View} view @returns {Promise<typeof import("./changes.js")>} throws NetworkError */
export async function loadChanges(view) {
  const [code] = await Promise.all([load(() => import("./changes.js"), import.meta.url), view.words.load("steps", "changes")]);
  return code;
}

/** The same for somebody who wants to do something now. @param {View} view @returns {Promise<typeof import("./changes.js") | null>} null if it was told that it did not come */
export async function whatIsDone(view) {
  try {
    const code = await loadChanges(view);
    return view.signal.aborted ? null : code;
  } catch (error) {
    const text = await explain(error, view.words);
    if (!view.signal.aborted) view.notice.warn(text);
    return null;
  }
}
