/** Codes that somebody types or pastes: which one is meant, and what is wrong with it. Knows no call. */

/** @typedef {import("./view.js").View} View */

export const CODE_DIGITS = 6;

/** What a field for a code is to keyboards and to programs that fill in. */
export const CODE_FIELD = {
  type: "text",
  inputmode: "numeric",
  autocomplete: "one-time-code",
  autocapitalize: "none",
  spellcheck: "false",
};

/**
 * Take what is around a code and in it for what it is: white space, dashes, full stops and other punctuation, and what
 * nobody sees, such as the marks that keep a direction.
 *
 * @param {string} typed
 * @returns {string} the code, with the digits of every script as those of ASCII
 */
export function cleanCode(typed) {
  return typed.replace(/[\s\p{P}\p{Cf}\u2212]/gu, "").replace(/\p{Nd}/gu, valueOf);
}

/** Unicode has digits in runs of ten, some of them next to each other. @param {string} digit @returns {string} */
function valueOf(digit) {
  const code = /** @type {number} */ (digit.codePointAt(0));
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before += 1;
  return String(before % 10);
}

/** @param {View} view @param {string} typed @param {string} [missing] what is said of an empty field @returns {string} "" for no problem */
export function codeProblem(view, typed, missing = "enter-code") {
  const code = cleanCode(typed);
  if (!code) return view.text(missing);
  return new RegExp(`^\\d{${CODE_DIGITS}}$`).test(code) ? "" : view.text("code-digits", { count: CODE_DIGITS });
}
