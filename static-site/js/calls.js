/**
 * The page's lists of calls. Owns the `fetch` for the client, which reports every call with its secrets masked, and the
 * lists that show the reports.
 */

import { byId, clockTime, make } from "./dom.js";

const KEPT = 20;

/**
 * @typedef {object} Call
 * @property {Date} at when it was sent
 * @property {string} method
 * @property {string} path without the query
 * @property {string} credential the masked credential; "" for none
 * @property {number | null} status null while there is no response
 * @property {string} error the API's error code, or why there was no response; "" for success
 * @property {number | null} ms the duration, null while the call is pending
 * @property {string} note why the client made the call by itself; "" if the user caused it
 */

/** @type {Set<(call: Call) => void>} */
const listeners = new Set();
let refreshNote = "";

/** @param {string} why the reason for the refresh that begins now */
export function noteRefresh(why) {
  refreshNote = why;
}

/** @param {(call: Call) => void} listener @returns {() => void} to stop listening */
export function onCall(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @type {typeof globalThis.fetch} for the client, which always passes a request */
export async function recordingFetch(input) {
  const request = /** @type {Request} */ (input);
  const started = performance.now();
  const { pathname } = new URL(request.url);
  /** @type {Call} */
  const call = {
    at: new Date(),
    method: request.method,
    path: pathname,
    credential: credentialOf(request, pathname),
    status: null,
    error: "",
    ms: null,
    note: "",
  };
  const update = logCall(call);
  try {
    const response = await fetch(request);
    call.status = response.status;
    if (!response.ok) call.error = (await response.clone().json().catch(() => null))?.error ?? "";
    return response;
  } catch (error) {
    if (request.signal.aborted) call.error = "took too long"; // Otherwise the pill says it all.
    throw error;
  } finally {
    call.ms = Math.round(performance.now() - started);
    if (pathname.endsWith("/auth/refresh")) call.note = refreshNote;
    update();
    for (const listener of listeners) listener(call);
  }
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
      statusPill(call),
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
export function statusPill({ status, ms }) {
  if (ms === null) return make("span", "pill", "…");
  const kind = status === null || status >= 400 ? "bad" : "good";
  return make("span", `pill ${kind}`, status === null ? "no answer" : String(status));
}

/** Return the first and last characters: enough to tell two tokens apart, useless for anything else. */
function credentialOf(request, pathname) {
  const token = request.headers.get("Authorization")?.replace("Bearer ", "");
  if (token) return `Bearer ${token.slice(0, 8)}…${token.slice(-4)}`;
  return /\/auth\/(refresh|logout)$/.test(pathname) ? "refresh cookie" : "";
}
