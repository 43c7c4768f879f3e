/**
 * Assembles the page: one client, the views, and the reactions to changes of the session. Holds no secrets: the client
 * has the tokens. Loads the code of the logged-in view only when a user is logged in.
 */

import { byId, find, whileBusy } from "./dom.js";
import { clearEntry, followOptions, showTab, startEntry } from "./entry.js";
import { createClient, NetworkError } from "./lychgate.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";

const HEADINGS = { loading: "loading-title", "logged-out": "logged-out-title", "logged-in": "logged-in-title" };
const PARTS = ["waiting", "leaving", "failed"];

/** For whoever came from somewhere, null for everybody else. */
const departure = location.search ? await import("./departure.js").catch(() => null) : null;
/** Where to go once somebody is logged in, "" to stay. */
const destination = departure?.returnAddress(location.href) ?? "";
const client = createClient();
const root = document.documentElement;
/** @type {Promise<typeof import("./account.js")> | null} the logged-in view's code, once it was needed */
let account = null;
/** The user who is shown, null for none. */
let shownId = null;
/** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
let inTrouble = false;
/** Whether a notice says that the service has not heard of a log-out yet. */
let isLogOutUntold = false;
let isSigningUp = false;
/** The message to show at the next log-out. */
let word = "";

client.onChange(({ type, why, error }) => {
  if (type === "refresh-failed") showTrouble(error);
  else if (type === "logged-out") showLoggedOut(why);
  else if (type === "logout-pending") reportLogOut(false);
  else if (type === "logout-sent") reportLogOut(true);
  else if (type === "logged-in" || type === "refreshed") showLoggedIn(why);
});

startEntry(client, {
  onTab: (title) => root.dataset.state === "logged-out" && setTitle(title),
  onSignUp: (isUnderWay) => (isSigningUp = isUnderWay),
});
byId("log-out").addEventListener("click", () => whileBusy(byId("log-out"), () => client.logout()));
byId("restore-retry").addEventListener("click", () => whileBusy(byId("restore-retry"), open));
byId("restore-skip").addEventListener("click", () => showView("logged-out"));
if (destination) byId("lead").textContent = "Log in, and you go on to the page you wanted.";

open();

async function open() {
  try {
    if (!(await client.restore())) showView("logged-out");
  } catch {
    // The listener has shown it.
  }
}

async function showLoggedIn(why) {
  const { id, username } = /** @type {import("./lychgate.js").User} */ (client.user);
  const greeting = why === "entered" && isSigningUp ? "Your account is ready." : "";
  const isNew = shownId === null;
  const previous = shownId;
  shownId = id;
  if (destination && isNew && (why === "entered" || departure?.mayLeaveAlone())) return leave();
  if (isNew) hush();
  const view = await loadAccount().catch(showTrouble);
  if (!view || client.user?.id !== id) return;
  if (previous !== id) {
    view.clearAccount();
    clearEntry();
    view.showAccount(client, { farewell: (text) => (word = text) });
    forgetTab();
    showView("logged-in", username);
  } else {
    view.showUser(client);
    setTitle(username);
  }
  isLogOutUntold = false;
  if (!isNew && previous !== id) warn(`Another tab logged in as ${username}. This tab follows.`);
  else if (greeting) say(greeting);
  else if (isNew && destination) offerToLeave();
  else if (inTrouble) say("The service is back, and you are still logged in.");
  inTrouble = false;
}

async function showLoggedOut(why) {
  shownId = null;
  inTrouble = false;
  isLogOutUntold = false;
  clearEntry();
  // A session that has ended before it was shown is no log-out: the tab stays.
  if (root.dataset.state === "logged-in") forgetTab();
  showLoadingPart("waiting");
  showView("logged-out");
  if (why === "elsewhere") say("You logged out in another tab.");
  else if (why === "refused") warn("Your session has ended. Please log in again.");
  else say(word || "You are logged out.");
  word = "";
  (await account)?.clearAccount();
}

/** Go where the visitor came from, with no way back to the log-in in the tab's history. */
function leave() {
  clearEntry();
  byId("leaving").textContent = "You are logged in.";
  byId("leave").href = destination;
  showLoadingPart("leaving");
  showView("loading");
  location.replace(destination);
}

function offerToLeave() {
  warn("The page you wanted sent you back here.", { label: "Go there", run: () => location.replace(destination) });
}

/** Load the logged-in view's code, once. */
function loadAccount() {
  return (account ??= import("./account.js").catch(() => {
    throw new NetworkError();
  }));
}

/** @param {boolean} isKnown whether the log-out has reached the API */
function reportLogOut(isKnown) {
  if (!isKnown) warn("You are logged out here. This browser keeps trying to tell the service.");
  else if (isLogOutUntold) say("You are logged out, and the service has been told.");
  isLogOutUntold = !isKnown;
}

/** Show that a refresh failed. The session continues. */
function showTrouble(error) {
  const message = describe(error);
  if (root.dataset.state === "loading") {
    byId("loading-error").textContent = message;
    return showLoadingPart("failed");
  }
  if (!client.user) return;
  inTrouble = true;
  warn(`${message} You are still logged in.`, { label: "Try again", run: () => client.refresh("try again").catch(() => {}) });
}

/** Show one of the three views, and move the focus to its heading. */
function showView(state, title = showTab()) {
  const isChange = root.dataset.state !== state;
  // When the page opens, the focus stays where the browser put it.
  const isFirst = root.dataset.state === "loading" && document.activeElement === document.body;
  root.dataset.state = state;
  setTitle(title);
  for (const view of Object.keys(HEADINGS)) byId(view).hidden = view !== state;
  byId("log-out").hidden = state !== "logged-in";
  if (isChange && !isFirst) byId(HEADINGS[state]).focus();
  if (state === "logged-out") followOptions().then((tab) => root.dataset.state === "logged-out" && setTitle(tab));
}

function setTitle(title) {
  document.title = `${title} · Lychgate`;
}

/** Take the tab out of the address, so that the next log-out shows the log-in. */
function forgetTab() {
  if (location.href.includes("#")) history.replaceState(null, "", location.href.split("#")[0]);
}

/** @param {string} part of the loading view, the only one to show */
function showLoadingPart(part) {
  for (const name of PARTS) find(byId("loading"), `[data-part=${name}]`).hidden = name !== part;
}
