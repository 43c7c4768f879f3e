/** What the user of a client can log in with, as far as is known by now. One copy, for all parts that depend on it. */

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate-factors.js").Factors} Factors */

/** @type {WeakMap<Client, Factors>} */
const factors = new WeakMap();

/** @param {Client} client @returns {Factors | null} null before the API has told it, and after its user has gone */
export function known(client) {
  return factors.get(client) ?? null;
}

/** @param {Client} client @param {Factors | null} told */
export function remember(client, told) {
  if (told) factors.set(client, told);
  else factors.delete(client);
}
