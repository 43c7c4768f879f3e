/** What to say of a passkey that has not worked. Knows the reasons, and not where they are said. */

import { PasskeyError } from "../../lychgate-factors.js";

/** @typedef {import("./view.js").View} View */

/** @param {View} view @param {unknown} error @returns {string | null} null if the error is none of a passkey's */
export function withoutPasskey(view, error) {
  if (!(error instanceof PasskeyError)) return null;
  const key = `passkey:${error.reason}`;
  return view.text(view.words.has(key) ? key : "passkey:failed");
}
