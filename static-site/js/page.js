/**
 * Assembles the page: one client, the views, and the reactions to changes of the session. Holds no secrets: the client
 * has the tokens. Loads the code of the logged-in view only when a user is logged in.
 */

import { noteRefresh, recordingFetch } from "./calls.js";
import { byId, find, whileBusy } from "./dom.js";
import { checkLogin, checkSignUp, clearForm, setRevealed, showTally, startForm, startTabs } from "./forms.js";
import { createClient, NetworkError } from "./lychgate.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";

const HEADINGS = { loading: "loading-title", "logged-out": "logged-out-title", "logged-in": "logged-in-title" };

const client = createClient({ fetch: recordingFetch });
const root = document.documentElement;
const entryForms = [byId("login-form"), byId("signup-form")];
/** @type {Promise<typeof import("./account.js")> | null} the logged-in view's code, once it was needed */
let account = null;
/** The user who is shown, null for none. */
let shownId = null;
/** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
let inTrouble = false;
/** The message to show at the next log-in or log-out. */
let word = "";

client.onChange(({ type, why, error }) => {
  if (type === "refreshing") noteRefresh(why);
  else if (type === "refresh-failed") showTrouble(error);
  else if (type === "logged-out") showLoggedOut(why);
  else if (type === "logged-in" || type === "refreshed") showLoggedIn();
});

startTabs();
startForm(entryForms[0], checkLogin, ({ username, password }) => client.login(username, password));
startForm(entryForms[1], checkSignUp, ({ username, password }) => {
  word = "Your account is ready.";
  return client.register(username, password);
});
entryForms[1].addEventListener("input", tally);
byId("suggest").addEventListener("click", suggest);
byId("log-out").addEventListener("click", () => whileBusy(byId("log-out"), () => client.logout().then(reportLogOut)));
byId("restore-retry").addEventListener("click", () => whileBusy(byId("restore-retry"), open));
byId("restore-skip").addEventListener("click", () => showView("logged-out"));

open();

async function open() {
  try {
    if (!(await client.restore())) showView("logged-out");
  } catch {
    // The listener has shown it.
  }
}

async function showLoggedIn() {
  const { id, username } = /** @type {import("./lychgate.js").User} */ (client.user);
  const previous = shownId;
  shownId = id;
  const view = await loadAccount().catch(showTrouble);
  if (!view || client.user?.id !== id) return;
  if (previous !== id) {
    view.clearAccount();
    entryForms.forEach(clearForm);
    view.showAccount(client, { farewell: (text) => (word = text) });
    showView("logged-in", username);
  }
  view.showNewToken(client);
  if (previous === null) hush();
  if (previous && previous !== id) warn(`Another tab logged in as ${username}. This tab follows.`);
  else if (word) say(word);
  else if (inTrouble) say("The service is back, and your session goes on.");
  word = "";
  inTrouble = false;
}

async function showLoggedOut(why) {
  shownId = null;
  inTrouble = false;
  entryForms.forEach(clearForm);
  showLoadingProblem(null);
  showView("logged-out");
  if (why === "elsewhere") say("You logged out in another tab.");
  else if (why === "refused") warn("Your session has ended. Please log in again.");
  else say(word || "You are logged out.");
  word = "";
  (await account)?.clearAccount();
}

/** Load the logged-in view's code and style sheet, once. */
function loadAccount() {
  const sheet = document.createElement("link");
  account ??= new Promise((resolve, reject) => {
    sheet.rel = "stylesheet";
    sheet.href = "/account.css";
    sheet.onload = () => resolve(import("./account.js"));
    sheet.onerror = () => reject(new NetworkError());
    document.head.append(sheet);
  });
  return account;
}

/** @param {boolean} isKnown whether the log-out has reached the API */
function reportLogOut(isKnown) {
  if (!isKnown) warn("You are logged out here. The service could not be told yet; this browser keeps trying.");
}

/** Show that a refresh failed. The session continues. */
function showTrouble(error) {
  const message = describe(error);
  if (root.dataset.state === "loading") return showLoadingProblem(message);
  if (!client.user) return;
  inTrouble = true;
  warn(`${message} You are still logged in.`, { label: "Try again", run: () => client.refresh("try again").catch(() => {}) });
}

/** Show one of the three views, and move the focus to its heading. */
function showView(state, username = "Log in") {
  const isChange = root.dataset.state !== state;
  // When the page opens, the focus stays where the browser put it.
  const isFirst = root.dataset.state === "loading" && document.activeElement === document.body;
  root.dataset.state = state;
  document.title = `${username} · Lychgate`;
  for (const view of Object.keys(HEADINGS)) byId(view).hidden = view !== state;
  byId("log-out").hidden = state !== "logged-in";
  if (isChange && !isFirst) byId(HEADINGS[state]).focus();
}

/** Show an error in the loading view. @param {string | null} message null to show that it is loading */
function showLoadingProblem(message) {
  find(byId("loading"), "[data-part=waiting]").hidden = message !== null;
  find(byId("loading"), "[data-part=failed]").hidden = message === null;
  byId("loading-error").textContent = message ?? "";
}

function tally() {
  showTally(byId("password-tally"), byId("signup-password").value, byId("signup-username").value.trim());
}

/** Put a passphrase into the field, visible, so that the password manager can save it. */
async function suggest() {
  const { suggestPassphrase } = await import("./passphrase.js");
  const field = byId("signup-password");
  field.value = suggestPassphrase(byId("signup-username").value.trim());
  setRevealed(find(entryForms[1], ".reveal"), true);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}
