/** What to say of a passkey or a code that has not worked. Knows the reasons, and not where they are said. */

import { PasskeyError } from "../../lychgate-factors.js";

/** @typedef {import("./view.js").View} View */

export const CODE_DIGITS = 6;

/** What a field for a code of an app is to keyboards and to programs that fill in. */
export const CODE_FIELD = {
  type: "text",
  inputmode: "numeric",
  autocomplete: "one-time-code",
  autocapitalize: "none",
  spellcheck: "false",
};

/** @param {View} view @param {unknown} error @returns {string | null} null if the error is none of a passkey's */
export function withoutPasskey(view, error) {
  if (!(error instanceof PasskeyError)) return null;
  const key = `passkey:${error.reason}`;
  return view.text(view.words.has(key) ? key : "passkey:failed");
}

/** @param {View} view @param {string} code of an authenticator app @returns {string} "" for no problem */
export function codeProblem(view, code) {
  const digits = code.replace(/\s/g, "");
  if (!digits) return view.text("enter-code");
  return hasDigits(digits) ? "" : view.text("code-digits", { count: CODE_DIGITS });
}

/** @param {string} digits @returns {boolean} whether they are as many as a code has */
export function hasDigits(digits) {
  return new RegExp(`^\\d{${CODE_DIGITS}}$`).test(digits);
}
