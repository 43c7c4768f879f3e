/**
 * Calls as the page shows them: the list of the last ones, and one at full length. Works on reports, in which
 * secrets are masked already.
 */

import { byId, clockTime, make } from "./dom.js";

const KEPT = 20;

/** @typedef {import("./http.js").Call} Call */

/** @param {Call} call */
export function logCall(call) {
  const list = byId("call-log");
  const time = make("time", "", clockTime(call.at));
  time.dateTime = call.at.toISOString();
  list.prepend(
    make(
      "li",
      "",
      time,
      make("span", "what", make("span", "method", call.method), " ", make("code", "", call.path)),
      statusPill(call),
      make("span", "ms", `${call.ms} ms`),
      make("span", "note", [call.error, call.note, call.credential].filter(Boolean).join(" · ")),
    ),
  );
  while (list.children.length > KEPT) list.lastElementChild.remove();
  byId("call-log-empty").hidden = true;
}

/**
 * What was sent and what came back. A call that needed a refresh on its way consists of several.
 *
 * @param {Call[]} calls
 * @param {string} body the last answer's
 */
export function showExchange(calls, body) {
  const parts = calls.flatMap((call) => [
    make("pre", "request", requestText(call)),
    make("p", "answer", statusPill(call), " ", make("span", "muted", answerText(call))),
  ]);
  byId("call-result").replaceChildren(...parts, ...(body ? [make("pre", "body", pretty(body))] : []));
  const last = calls.at(-1);
  // Read out in place of the whole exchange.
  byId("call-status").textContent = last ? `${last.path}: ${last.status ?? "no answer"} ${answerText(last)}` : "";
}

/** @param {string} message why there is no answer */
export function showCallProblem(calls, message) {
  showExchange(calls, "");
  byId("call-result").append(make("p", "form-error", message));
}

export function clearExchange() {
  byId("call-status").textContent = "";
  byId("call-result").replaceChildren(make("p", "empty", "No call yet. Request and answer will appear here."));
}

function requestText({ method, path, credential }) {
  const lines = [`${method} ${path}`];
  if (credential.startsWith("Bearer ")) lines.push(`Authorization: ${credential}`);
  else if (credential === "refresh cookie") lines.push("Cookie: (HttpOnly, hidden from scripts)");
  return lines.join("\n");
}

function answerText({ error, ms, note }) {
  return [error, `${ms} ms`, note].filter(Boolean).join(" · ");
}

function statusPill({ status }) {
  const kind = status === null || status >= 400 ? "bad" : "good";
  return make("span", `pill ${kind}`, status === null ? "no answer" : String(status));
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
