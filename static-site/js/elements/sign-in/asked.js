/**
 * What somebody has asked for by mail, kept for the tab: a phone may forget the page while its owner looks for the mail. All
 * elements of one API share it. Keeps no password. Knows no call.
 */

import { apiOf } from "../core/clients.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {{name: string, sent: number, expires: number}} Asked for whom, when, and until when it is good: times by `Date.now()` */
/** @typedef {{name: string, challenge: string, expires: number, tries: number}} AskedCode what a mailed code goes with */
/** @typedef {{forgot?: Asked, signup?: Asked, code?: Asked, codes?: AskedCode[]}} AllAsked */

/** @type {WeakMap<Client, AllAsked>} */
const known = new WeakMap();

/** @param {Client} client @returns {AllAsked} what may be changed, and then kept with `keepAsked` */
export function askedOf(client) {
  const found = known.get(client) ?? restore(client);
  known.set(client, found);
  return found;
}

/** @param {Client} client @returns {AllAsked} */
function restore(client) {
  try {
    return { ...JSON.parse(sessionStorage.getItem(keyOf(client)) ?? "{}") };
  } catch {
    return {};
  }
}

/** @param {Client} client */
export function keepAsked(client) {
  try {
    sessionStorage.setItem(keyOf(client), JSON.stringify(known.get(client)));
  } catch {
    // The browser allows no storage.
  }
}

/** Forget everything. @param {Client} client */
export function forgetAsked(client) {
  known.delete(client);
  try {
    sessionStorage.removeItem(keyOf(client));
  } catch {
    // As above.
  }
}

/** @param {Asked | AskedCode | undefined} asked @returns {boolean} */
export function isAlive(asked) {
  return !!asked && asked.expires > Date.now();
}

/** @param {Client} client */
function keyOf(client) {
  return `lychgate asked ${apiOf(client)}`;
}
