/** What is said at the next log-out in place of the usual, whichever element says it. */

/** @typedef {import("../../lychgate.js").Client} Client */

/** @type {WeakMap<Client, string>} */
const words = new WeakMap();

/** @param {Client} client @param {string} text */
export function sayAtLogOut(client, text) {
  words.set(client, text);
}

/** @param {Client} client @returns {string} "" for the usual; it is said once */
export function farewellOf(client) {
  const text = words.get(client) ?? "";
  words.delete(client);
  return text;
}
