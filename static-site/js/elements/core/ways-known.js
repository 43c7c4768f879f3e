/** What the user can log in with, as far as an element knows by now. One copy, for all its parts that depend on it. */

/** @typedef {import("../../lychgate-factors.js").Factors} Factors */
/** @typedef {import("./view.js").View} View */

/** @type {WeakMap<View, Factors>} */
const factors = new WeakMap();

/** @param {View} view @returns {Factors | null} null before the API has told it, and after its user has gone */
export function known(view) {
  return factors.get(view) ?? null;
}

/** @param {View} view @param {Factors | null} told */
export function remember(view, told) {
  if (told) factors.set(view, told);
  else factors.delete(view);
}
