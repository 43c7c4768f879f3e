/** What the user can log in with, as far as the page knows by now. One copy, for all parts that depend on it. */

/** @typedef {import("./lychgate-factors.js").Factors} Factors */

/** @type {Factors | null} */
let factors = null;

/** @returns {Factors | null} null before the API has told it, and after its user has gone */
export function known() {
  return factors;
}

/** @param {Factors | null} told */
export function remember(told) {
  factors = told;
}
