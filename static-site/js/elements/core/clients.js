/** One client for all elements of an API, so that they have one session, and ask for it once. */

import { createClient } from "../../lychgate.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate.js").Change} Change */
/** @typedef {import("../../lychgate.js").StorageMode} StorageMode */

/** @type {Map<string, Client>} by the API's root */
const clients = new Map();
/** @type {WeakMap<Client, Promise<unknown>>} the restores under way, and those that went well */
const restores = new WeakMap();
/** @type {WeakMap<Client, string>} */
const roots = new WeakMap();
/** @type {WeakMap<Client, Set<() => void>>} who wants to hear of a restore that went well */
const listeners = new WeakMap();
/** @type {WeakMap<Client, Change>} the log-outs that the API has not heard of, for elements that come after them */
export const untold = new WeakMap();

/** @type {WeakMap<Client, string>} what is said at the next log-out in place of the usual, whichever element says it */
const farewells = new WeakMap();

/** @param {string} api relative to the page, or absolute @returns {string} the same with a slash at the end, absolute; what is no address as it is */
export function rootOf(api) {
  const root = api.replace(/\/*$/, "/");
  return URL.canParse(root, document.baseURI) ? new URL(root, document.baseURI).href : root;
}

/** @param {Element} element @returns {string} the root of its API */
export function rootFor(element) {
  return rootOf(element.getAttribute("api") ?? "/api");
}

/** The elements of one API that say where the refresh token is kept: what the first says, counts for all. @param {string} root @returns {Element[]} */
export function storing(root) {
  return [...document.querySelectorAll("[storage]")].filter(
    (element) => element.localName.startsWith("lychgate-") && isStorage(/** @type {string} */ (element.getAttribute("storage"))) && rootFor(element) === root,
  );
}

/** @param {string} name @returns {boolean} */
export function isStorage(name) {
  return /^(cookie|session|local|memory)$/.test(name);
}

/**
 * @param {string} [api] the API's root, relative to the page or absolute
 * @param {{storage?: StorageMode}} [how] where the first client of this API keeps the refresh token
 * @returns {Client} the same for every element of this API
 */
export function clientOf(api = "/api", { storage = "cookie" } = {}) {
  const root = rootOf(api);
  const known = clients.get(root);
  if (known) return known;
  const client = createClient({ baseUrl: root, storage });
  shareClient(client, api);
  return client;
}

/**
 * Let the elements of an API use a client that the page has made, in place of one of their own. To be called before the
 * first of them is in the document.
 *
 * @param {Client} client
 * @param {string} [api] as in `clientOf`
 */
export function shareClient(client, api = "/api") {
  const root = rootOf(api);
  clients.set(root, client);
  roots.set(client, root);
  client.onChange((change) => (change.type === "logout-pending" ? untold.set(client, change) : untold.delete(client)));
}

/** @param {Client} client @returns {string} the root of its API, with a slash at the end */
export function apiOf(client) {
  return roots.get(client) ?? rootOf("/api");
}

/**
 * Continue the session of an earlier page, once for all elements, and again after a failure.
 *
 * @param {Client} client
 * @returns {Promise<unknown>} throws if the API cannot be reached
 */
export function restored(client) {
  const known = restores.get(client);
  if (known) return known;
  const restoring = client.user ? Promise.resolve() : client.restore();
  restores.set(client, restoring);
  restoring.then(
    () => listeners.get(client)?.forEach((listener) => listener()),
    () => restores.delete(client),
  );
  return restoring;
}

/** @param {Client} client @returns {boolean} whether it is known, or will be, who is logged in */
export function isRestored(client) {
  return restores.has(client);
}

/**
 * Hear that it is known who is logged in, which an earlier attempt may have failed to find out.
 *
 * @param {Client} client
 * @param {() => void} listener
 * @returns {() => void} unsubscribes
 */
export function onRestored(client, listener) {
  const all = listeners.get(client) ?? new Set();
  listeners.set(client, all.add(listener));
  return () => all.delete(listener);
}

/** @param {Client} client @param {string} text */
export function sayAtLogOut(client, text) {
  farewells.set(client, text);
}

/** @param {Client} client @returns {string} "" for the usual; it is said once */
export function farewellOf(client) {
  const text = farewells.get(client) ?? "";
  farewells.delete(client);
  return text;
}
