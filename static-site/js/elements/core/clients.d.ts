/** @param {string} api relative to the page, or absolute @returns {string} the same with a slash at the end, absolute; what is no address as it is */
export function rootOf(api: string): string;
/** @param {Element} element @returns {string} the root of its API */
export function rootFor(element: Element): string;
/** The elements of one API that say where the refresh token is kept: what the first says, counts for all. @param {string} root @returns {Element[]} */
export function storing(root: string): Element[];
/** @param {string} name @returns {boolean} */
export function isStorage(name: string): boolean;
/**
 * @param {string} [api] the API's root, relative to the page or absolute
 * @param {{storage?: StorageMode}} [how] where the first client of this API keeps the refresh token
 * @returns {Client} the same for every element of this API
 */
export function clientOf(api?: string, { storage }?: {
    storage?: StorageMode;
}): Client;
/**
 * Let the elements of an API use a client that the page has made, in place of one of their own. To be called before the
 * first of them is in the document.
 *
 * @param {Client} client
 * @param {string} [api] as in `clientOf`
 */
export function shareClient(client: Client, api?: string): void;
/** @param {Client} client @returns {string} the root of its API, with a slash at the end */
export function apiOf(client: Client): string;
/**
 * Continue the session of an earlier page, once for all elements, and again after a failure.
 *
 * @param {Client} client
 * @returns {Promise<unknown>} throws if the API cannot be reached
 */
export function restored(client: Client): Promise<unknown>;
/** @param {Client} client @returns {boolean} whether it is known, or will be, who is logged in */
export function isRestored(client: Client): boolean;
/**
 * Hear that it is known who is logged in, which an earlier attempt may have failed to find out.
 *
 * @param {Client} client
 * @param {() => void} listener
 * @returns {() => void} unsubscribes
 */
export function onRestored(client: Client, listener: () => void): () => void;
/** @param {Client} client @param {string} text */
export function sayAtLogOut(client: Client, text: string): void;
/** @param {Client} client @returns {string} "" for the usual; it is said once */
export function farewellOf(client: Client): string;
/** @type {WeakMap<Client, Change>} the log-outs that the API has not heard of, for elements that come after them */
export const untold: WeakMap<Client, Change>;
export type Client = import("../../lychgate.js").Client;
export type Change = import("../../lychgate.js").Change;
export type StorageMode = import("../../lychgate.js").StorageMode;
