/**
 * One HTTP exchange: its fixed settings, its time limit, its error body and its report. Owns no state and knows
 * nothing of sessions; what it is told about a credential is for the report only and already masked.
 */

import { ApiError, NetworkError } from "./errors.js";

/** Longest wait for an answer, body included. */
export const TIMEOUT_MS = 15_000;

/**
 * What became of one call, fit to be shown.
 *
 * @typedef {object} Call
 * @property {Date} at when it was sent
 * @property {string} method
 * @property {string} path without the query, which belongs to the caller
 * @property {string} credential what proved the caller's identity, secrets masked; "" for nothing
 * @property {number | null} status null if no answer came
 * @property {string} error the API's error code, or the kind of a network error; "" if all went well
 * @property {number} ms
 * @property {string} note why the call was made; "" for a call of the page's own
 */

/**
 * @typedef {{response: Response, problem: ApiError | null}} Exchange
 * @typedef {{fetch: typeof fetch, report: (call: Call) => void}} Wire
 */

/**
 * Send a request and return the answer, whatever its status.
 *
 * @param {Wire} wire
 * @param {URL} url
 * @param {RequestInit} init
 * @param {{credential?: string, note?: string}} [about] for the report
 * @returns {Promise<Exchange>}
 * @throws {NetworkError} if no answer came in time
 */
export async function exchange(wire, url, init, { credential = "", note = "" } = {}) {
  const started = performance.now();
  const call = {
    at: new Date(),
    method: (init.method ?? "GET").toUpperCase(),
    path: url.pathname,
    credential,
    note,
  };
  const report = (status, error) =>
    wire.report({ ...call, status, error, ms: Math.round(performance.now() - started) });
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await wire.fetch(url.href, {
      credentials: "same-origin",
      cache: "no-store",
      ...init,
      // A redirect would carry the credential to a place nobody asked for.
      redirect: "error",
      signal: init.signal ? AbortSignal.any([init.signal, limit]) : limit,
    });
    const problem = response.ok ? null : await readProblem(response.clone());
    report(response.status, problem?.error ?? "");
    return { response, problem };
  } catch (error) {
    if (init.signal?.aborted) {
      report(null, "aborted");
      throw error;
    }
    const failure = new NetworkError(limit.aborted ? "timeout" : "unreachable", { cause: error });
    report(null, failure.kind);
    throw failure;
  }
}

/**
 * Send a JSON object and return the JSON object of the answer, null for an empty one.
 *
 * @param {Wire} wire
 * @param {URL} url
 * @param {object} body
 * @param {{credential?: string, note?: string}} [about]
 * @returns {Promise<any>}
 * @throws {ApiError | NetworkError}
 */
export async function postJson(wire, url, body, about) {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  };
  const { response, problem } = await exchange(wire, url, init, about);
  if (problem) throw problem;
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    throw new NetworkError("unreadable", { cause: error });
  }
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>} also for an answer that is no problem document, from a proxy for instance
 */
async function readProblem(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // The status alone has to do.
  }
  const text = (value) => (typeof value === "string" ? value : "");
  const errors = Array.isArray(body?.errors) ? body.errors : [];
  return new ApiError({
    status: response.status,
    error: text(body?.error),
    detail: text(body?.detail),
    errors: errors.map((entry) => ({ field: text(entry?.field), message: text(entry?.message) })),
    retryAfter: secondsOf(response.headers.get("Retry-After")),
  });
}

/** @param {string | null} retryAfter RFC 9110 section 10.2.3: seconds or a date */
function secondsOf(retryAfter) {
  if (!retryAfter) return null;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}
