/**
 * Assembles the token inspector: one client, the view of its token, and calls of the API. Inserts all data into the
 * document as text, never as markup.
 */

import { noteRefresh, onCall, recordingFetch, statusPill } from "./calls.js";
import { byId, clockTime, make, whileBusy } from "./dom.js";
import { createClient, SessionEnded } from "./lychgate.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";
import { clearToken, showToken } from "./token-view.js";

const HEADINGS = { "logged-out": "logged-out-title", "logged-in": "logged-in-title" };
const REFRESH_HINT = "Renews itself shortly before it expires.";
const NO_CALL = "No call yet. Request and response will appear here.";

const client = createClient({ fetch: recordingFetch });
const root = document.documentElement;
/** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
let inTrouble = false;

client.onChange(({ type, why, error }) => {
  if (type === "refreshing") noteRefresh(why);
  else if (type === "refresh-failed") showTrouble(error);
  else if (type === "logged-out") showLoggedOut(why);
  else showLoggedIn();
});

byId("log-out").addEventListener("click", () => whileBusy(byId("log-out"), () => client.logout().then(reportLogOut)));
byId("call-me").addEventListener("click", () => whileBusy(byId("call-me"), callMe));
byId("refresh-now").addEventListener("click", () => whileBusy(byId("refresh-now"), refreshNow));

client.restore().then((user) => user ?? showView("logged-out"), () => {});

function showLoggedIn() {
  if (inTrouble) hush();
  inTrouble = false;
  showToken(client);
  showView("logged-in");
}

function showLoggedOut(why) {
  inTrouble = false;
  clear();
  showView("logged-out");
  if (why === "elsewhere") say("You logged out in another tab.");
  else if (why === "refused") warn("Your session has ended. Please log in again.");
  else say("You are logged out.");
}

/** Remove all data of a user, before another may log in. */
function clear() {
  byId("refresh-result").textContent = REFRESH_HINT;
  byId("call-status").textContent = "";
  byId("call-result").replaceChildren(make("p", "empty", NO_CALL));
  byId("call-log").replaceChildren();
  byId("call-log-empty").hidden = false;
  clearToken();
}

/** @param {boolean} isKnown whether the log-out has reached the API */
function reportLogOut(isKnown) {
  if (!isKnown) warn("You are logged out here. The service could not be told yet; this browser keeps trying.");
}

/** Show that a refresh failed. The session continues. */
function showTrouble(error) {
  inTrouble = true;
  const word = client.user ? " You are still logged in." : "";
  warn(describe(error) + word, { label: "Try again", run: () => client.refresh("try again").catch(() => {}) });
}

/** Show one of the views, and move the focus to its heading. */
function showView(state) {
  const isChange = root.dataset.state !== state;
  // When the page opens, the focus stays where the browser put it.
  const isFirst = root.dataset.state === "loading" && document.activeElement === document.body;
  root.dataset.state = state;
  for (const view of ["loading", ...Object.keys(HEADINGS)]) byId(view).hidden = view !== state;
  byId("log-out").hidden = state !== "logged-in";
  if (isChange && !isFirst) byId(HEADINGS[state]).focus();
}

async function callMe() {
  const calls = [];
  const stop = onCall((call) => calls.push(call));
  try {
    const response = await client.fetch("me");
    showExchange(calls, await response.text());
  } catch (error) {
    if (error instanceof SessionEnded) return;
    showExchange(calls, "");
    byId("call-result").append(make("p", "form-error", describe(error)));
  } finally {
    stop();
  }
}

/** Show the requests and responses of a call. A call that needed a refresh consists of several. */
function showExchange(calls, body) {
  const last = calls.at(-1);
  const told = ({ error, ms, note }) => [error, `${ms} ms`, note].filter(Boolean).join(" · ");
  const parts = calls.flatMap((call) => [
    make("pre", "request", requestText(call)),
    make("p", "answer", statusPill(call), " ", make("span", "muted", told(call))),
  ]);
  byId("call-result").replaceChildren(...parts, ...(body ? [make("pre", "body", pretty(body))] : []));
  // Screen readers announce this instead of the whole exchange.
  byId("call-status").textContent = last ? `${last.path}: ${last.status ?? "no answer"} ${told(last)}` : "";
}

function requestText({ method, path, credential }) {
  if (credential.startsWith("Bearer ")) return `${method} ${path}\nAuthorization: ${credential}`;
  return `${method} ${path}${credential && "\nCookie: (HttpOnly, hidden from scripts)"}`;
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

async function refreshNow() {
  const result = byId("refresh-result");
  result.textContent = "Trading the refresh cookie for new tokens…";
  try {
    await client.refresh("by hand");
    result.textContent = `New token at ${clockTime(new Date())}. What changed is marked.`;
  } catch {
    // The client's listeners show the error.
    result.textContent = client.user ? "No new token. The old one is good until it expires." : REFRESH_HINT;
  }
}
