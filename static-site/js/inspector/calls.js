/**
 * The calls of the token inspector. Owns the `fetch` that reports every call with its secrets masked, and the list that
 * shows the last ones. Inserts all data into the document as text, never as markup.
 */

import { byId } from "../by-id.js";
import { make } from "../elements/core/dom.js";

const KEPT = 20;
const timeFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const ACCESS_TOKEN = /^Bearer (.+)/;

/** @param {Date} date */
export const clockTime = (date) => timeFormat.format(date);

/**
 * @typedef {object} Call
 * @property {Date} at when it was sent
 * @property {string} mark the fragment of its address, which no server sees: whose call it is; "" for nobody's
 * @property {string} method
 * @property {string} path with the query
 * @property {[string, string][]} headers those that scripts have set, with the token shortened
 * @property {string} credential the masked credential; "" for none
 * @property {number | null} status null while there is no response
 * @property {string} reason the status in words, "" where the protocol has none
 * @property {[string, string][]} answerHeaders those of the response that scripts may see
 * @property {Promise<string> | null} body of the response to a call with a mark; null for others, and without a response
 * @property {string} error the API's error code, or why there was no response; "" for success
 * @property {number | null} ms the duration, null while the call is pending
 * @property {string} note why the client made the call by itself; "" if the user caused it
 */

/** @type {Set<(call: Call) => void>} */
const listeners = new Set();
let refreshNote = "";
let proof = "";

/** @returns {string} the proof of a key that a refresh of this page has carried last (RFC 9449), "" for none */
export const lastProof = () => proof;

/** @param {string} why the reason for the refresh that begins now */
export function noteRefresh(why) {
  refreshNote = why;
}

/**
 * @param {(call: Call) => void} listener is told of each call when it is sent, and once more when it is over
 * @returns {() => void} to stop listening
 */
export function onCall(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @type {typeof globalThis.fetch} for the client, which always passes a request */
export async function recordingFetch(input) {
  const request = /** @type {Request} */ (input);
  const started = performance.now();
  const { pathname, search, hash } = new URL(request.url);
  /** @type {Call} */
  const call = {
    at: new Date(),
    mark: hash.slice(1),
    method: request.method,
    path: pathname + search,
    headers: [...request.headers].map(([name, value]) => [name, masked(value)]),
    credential: credentialOf(request, pathname),
    status: null,
    reason: "",
    answerHeaders: [],
    body: null,
    error: "",
    ms: null,
    note: "",
  };
  if (pathname.endsWith("/auth/refresh")) proof = request.headers.get("DPoP") ?? "";
  const update = logCall(call);
  tell(call);
  try {
    const response = await fetch(request);
    call.status = response.status;
    call.reason = response.statusText;
    call.answerHeaders = [...response.headers];
    if (call.mark) call.body = response.clone().text().catch(() => "");
    if (!response.ok) call.error = (await response.clone().json().catch(() => null))?.error ?? "";
    return response;
  } catch (error) {
    if (request.signal.aborted) call.error = "took too long"; // Otherwise the pill says it all.
    throw error;
  } finally {
    call.ms = Math.round(performance.now() - started);
    if (pathname.endsWith("/auth/refresh")) call.note = refreshNote;
    update();
    tell(call);
  }
}

/** Remove all calls of a user, before another may log in. */
export function clearCalls() {
  proof = "";
  byId("call-log").replaceChildren();
  byId("call-log-empty").hidden = false;
}

/** @param {Call} call */
function tell(call) {
  for (const listener of listeners) listener(call);
}

/** @param {Call} call @returns {() => void} to update the call's entry */
function logCall(call) {
  const list = byId("call-log");
  const entry = make("li");
  const update = () => {
    const time = make("time", "", clockTime(call.at));
    time.dateTime = call.at.toISOString();
    entry.replaceChildren(
      time,
      make("span", "what", make("span", "method", call.method), " ", make("code", "", call.path)),
      statusPill({ ...call, reason: "" }),
      make("span", "ms", call.ms === null ? "" : `${call.ms} ms`),
      make("span", "note", [call.error, call.note, call.credential].filter(Boolean).join(" · ")),
    );
  };
  update();
  list.prepend(entry);
  while (list.children.length > KEPT) list.lastElementChild.remove();
  byId("call-log-empty").hidden = true;
  return update;
}

/** @param {Call} call */
export function statusPill({ status, reason, ms }) {
  if (ms === null) return make("span", "pill", "…");
  const kind = status === null || status >= 400 ? "bad" : "good";
  return make("span", `pill ${kind}`, status === null ? "no answer" : `${status} ${reason}`.trim());
}

/** Return the first and last characters: enough to tell two tokens apart, useless for anything else. */
export function shortened(token) {
  return token.length > 20 ? `${token.slice(0, 8)}…${token.slice(-4)}` : token;
}

/** @param {string} value of a header */
function masked(value) {
  const token = ACCESS_TOKEN.exec(value)?.[1];
  return token ? `Bearer ${shortened(token)}` : value;
}

/** @param {Request} request @param {string} pathname @returns {string} */
function credentialOf(request, pathname) {
  const authorization = request.headers.get("Authorization");
  if (authorization) return masked(authorization);
  if (!/\/auth\/(refresh|logout)$/.test(pathname)) return "";
  const key = request.headers.get("DPoP");
  return key ? `refresh cookie, DPoP ${shortened(key)}` : "refresh cookie";
}
