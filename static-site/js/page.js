/**
 * Assembles the page: one client, the views, and the reactions to changes of the session. Holds no secrets: the client
 * has the tokens. Loads the code of the signed-in view only when a user is signed in.
 */

import { noteRefresh, recordingFetch } from "./calls.js";
import { byId, find, whileBusy } from "./dom.js";
import { checkLogin, checkSignUp, clearForm, setRevealed, showTally, startForm, startTabs } from "./forms.js";
import { createClient, NetworkError } from "./lychgate.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";

const HEADINGS = { loading: "loading-title", "signed-out": "signed-out-title", "signed-in": "signed-in-title" };

const client = createClient({ fetch: recordingFetch });
const root = document.documentElement;
const entryForms = [byId("login-form"), byId("signup-form")];
/** @type {Promise<typeof import("./account.js")> | null} the signed-in view's code, once it was needed */
let account = null;
/** The user who is shown, null for none. */
let shownId = null;
/** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
let inTrouble = false;
/** The message to show at the next sign-in or sign-out. */
let word = "";

client.onChange(({ type, why, error }) => {
  if (type === "refreshing") noteRefresh(why);
  else if (type === "refresh-failed") showTrouble(error);
  else if (type === "logged-out") showSignedOut(why);
  else showSignedIn();
});

startTabs();
startForm(entryForms[0], checkLogin, ({ username, password }) => client.login(username, password));
startForm(entryForms[1], checkSignUp, ({ username, password }) => {
  word = "Your account is ready.";
  return client.register(username, password);
});
entryForms[1].addEventListener("input", tally);
byId("suggest").addEventListener("click", suggest);
byId("sign-out").addEventListener("click", () => whileBusy(byId("sign-out"), () => client.logout().then(reportLogOut)));
byId("restore-retry").addEventListener("click", () => whileBusy(byId("restore-retry"), open));
byId("restore-skip").addEventListener("click", () => showView("signed-out"));

open();

async function open() {
  try {
    if (!(await client.restore())) showView("signed-out");
  } catch {
    // The listener has shown it.
  }
}

async function showSignedIn() {
  const { id, username } = /** @type {import("./lychgate.js").User} */ (client.user);
  const previous = shownId;
  shownId = id;
  const view = await loadAccount().catch(showTrouble);
  if (!view || client.user?.id !== id) return;
  if (previous !== id) {
    view.clearAccount();
    entryForms.forEach(clearForm);
    view.showAccount(client, { farewell: (text) => (word = text) });
    showView("signed-in", username);
  }
  view.showNewToken(client);
  if (previous === null) hush();
  if (previous && previous !== id) warn(`Another tab signed in as ${username}. This tab follows.`);
  else if (word) say(word);
  else if (inTrouble) say("The service is back, and your session goes on.");
  word = "";
  inTrouble = false;
}

async function showSignedOut(why) {
  shownId = null;
  inTrouble = false;
  entryForms.forEach(clearForm);
  showLoadingProblem(null);
  showView("signed-out");
  if (why === "elsewhere") say("You signed out in another tab.");
  else if (why === "refused") warn("Your session has ended. Please log in again.");
  else say(word || "You are signed out.");
  word = "";
  (await account)?.clearAccount();
}

/** Load the signed-in view's code and style sheet, once. */
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
  if (!isKnown) warn("You are signed out here. The service could not be told yet; this browser keeps trying.");
}

/** Show that a refresh failed. The session continues. */
function showTrouble(error) {
  const message = describe(error);
  if (root.dataset.state === "loading") return showLoadingProblem(message);
  if (!client.user) return;
  inTrouble = true;
  warn(`${message} You are still signed in.`, { label: "Try again", run: () => client.refresh("try again").catch(() => {}) });
}

/** Show one of the three views, and move the focus to its heading. */
function showView(state, username = "Log in") {
  const isChange = root.dataset.state !== state;
  // When the page opens, the focus stays where the browser put it.
  const isFirst = root.dataset.state === "loading" && document.activeElement === document.body;
  root.dataset.state = state;
  document.title = `${username} · Lychgate`;
  for (const view of Object.keys(HEADINGS)) byId(view).hidden = view !== state;
  byId("sign-out").hidden = state !== "signed-in";
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
