/**
 * Assembles the token inspector: one client, the view of its token, calls of the API by hand, and the list of all
 * calls. Inserts all data into the document as text, never as markup.
 */

import { byId } from "../by-id.js";
import { find, partSelector, whileBusy } from "../elements/core/dom.js";
import { wordsIn } from "../elements/core/languages.js";
import { describe } from "../elements/core/messages.js";
import { createClient } from "../lychgate.js";
import { clearCalls, clockTime, noteRefresh, recordingFetch } from "./calls.js";
import { clearCall, copy, loadRoutes, showCurl, startCalls } from "./protected-call.js";
import { clearToken, showToken } from "./token-view.js";

/** Longer than API Gateway waits for a function. */
const TIMEOUT_MS = 30_000;
const VIEWS = { loading: "loading-title", "logged-out": "logged-out-title", "logged-in": "logged-in-title" };
const REFRESH_HINT = "The client renews it by itself, shortly before it expires.";
const REASONS = {
  none: "Nobody is logged in here.",
  elsewhere: "You logged out in another tab.",
  refused: "Your session has ended.",
  "key lost": "This browser no longer has the key of your session.",
  "logged out": "You are logged out.",
};

// The page speaks English, and so do the messages of errors in it.
const words = await wordsIn("en", ["steps"]);
const client = createClient({ fetch: recordingFetch, timeout: TIMEOUT_MS });
const root = document.documentElement;
/** The user whose token is shown, null for none. */
let shownId = null;
let routesAreLoaded = false;

client.onChange(({ type, why, error }) => {
  if (type === "refreshing") noteRefresh(why);
  else if (type === "refresh-failed") showTrouble(error);
  else if (type === "logged-in" || type === "refreshed") showSession(why);
  else if (type === "logged-out") showNoSession(why);
  else if (type === "logout-pending") byId("logged-out-pending").hidden = false;
  else if (type === "logout-sent") byId("logged-out-pending").hidden = true;
});

startCalls(client, words, TIMEOUT_MS);
clear();
byId("log-out").addEventListener("click", () => whileBusy(byId("log-out"), logOut));
byId("refresh-now").addEventListener("click", () => whileBusy(byId("refresh-now"), refreshNow));
byId("restore-retry").addEventListener("click", () => whileBusy(byId("restore-retry"), open));
byId("copy-token").addEventListener("click", () => copy(client.token?.accessToken ?? "", byId("token-copied")));

open();

async function open() {
  try {
    if (!(await client.restore())) showNoSession("none");
  } catch {
    // The listener has shown it.
  }
}

function showSession(why) {
  const { id, username } = /** @type {import("../lychgate.js").User} */ (client.user);
  if (shownId !== null && shownId !== id) clear();
  shownId = id;
  byId("whose").textContent = username;
  byId("logged-out-pending").hidden = true;
  byId("token-copied").textContent = byId("curl-copied").textContent = "";
  if (why !== "page opened") byId("refresh-result").textContent = resultOf(why);
  showToken(client);
  showCurl(client);
  showView("logged-in");
  if (routesAreLoaded) return;
  routesAreLoaded = true;
  // Without them the path can still be typed.
  loadRoutes(TIMEOUT_MS).catch(() => (routesAreLoaded = false));
}

function resultOf(why) {
  const from = why === "elsewhere" ? "New token from another tab" : "New token";
  return `${from} at ${clockTime(new Date())}. What changed is marked.`;
}

function showNoSession(why) {
  shownId = null;
  clear();
  byId("logged-out-reason").textContent = REASONS[why] ?? REASONS.none;
  showView("logged-out");
}

/** Remove all data of a user, before another may log in. */
function clear() {
  byId("whose").textContent = "";
  byId("refresh-result").textContent = REFRESH_HINT;
  clearCall();
  clearCalls();
  clearToken();
}

async function logOut() {
  // The listener shows what comes of it.
  await client.logout();
}

async function refreshNow() {
  byId("refresh-result").textContent = "Giving the refresh token for a new pair…";
  // The listener shows a new token. It does not hear of a refresh that is too early for the API.
  await client.refresh("by hand").catch((error) => client.user && showTrouble(error));
}

/** Show that a refresh failed. The session continues. */
function showTrouble(error) {
  const message = describe(error, words);
  if (client.user) {
    byId("refresh-result").textContent = `No new token: ${message} The client keeps trying.`;
    return;
  }
  showView("loading");
  find(byId("loading"), partSelector("waiting")).hidden = true;
  find(byId("loading"), partSelector("failed")).hidden = false;
  byId("loading-error").textContent = message;
}

/** Show one of the views, and move the focus to its heading. */
function showView(state) {
  const isChange = root.dataset.state !== state;
  // When the page opens, the focus stays where the browser put it.
  const isFirst = root.dataset.state === "loading" && document.activeElement === document.body;
  root.dataset.state = state;
  for (const view of Object.keys(VIEWS)) byId(view).hidden = view !== state;
  byId("log-out").hidden = state !== "logged-in";
  if (isChange && !isFirst) byId(VIEWS[state]).focus();
}
