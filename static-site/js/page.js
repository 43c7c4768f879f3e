/**
 * Puts the page together: one client, the views, and what the page does when the session changes. Holds no secret;
 * the client has the tokens and the other modules their parts of the document.
 */

import { clearAccount, showAccount, startAccount } from "./account.js";
import { logCall } from "./calls.js";
import { byId, whileBusy } from "./dom.js";
import { clearForms, startForms } from "./forms.js";
import { createClient } from "./lychgate.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";
import { showLoadingProblem, showView } from "./views.js";

const FAREWELLS = {
  "sign out": "You are signed out.",
  elsewhere: "You signed out in another tab.",
};

const client = createClient();
/** The id of the user on show, null while nobody is. */
let shownId = null;
/** Whether a notice about a failed refresh is up, to be taken down by the next good one. */
let inTrouble = false;

client.onCall(logCall);
client.onChange(({ type, why, error }) => {
  if (type === "signed-out") showSignedOut(why);
  else if (type === "refresh-failed") showTrouble(error);
  else showSignedIn(why);
});
startForms({
  login: (username, password) => client.login(username, password),
  register: (username, password) => client.register(username, password),
});
startAccount(client);

byId("sign-out").addEventListener("click", () => whileBusy(byId("sign-out"), signOut));
byId("restore-retry").addEventListener("click", () => whileBusy(byId("restore-retry"), open));
byId("restore-skip").addEventListener("click", () => showView("signed-out", { title: "Log in · Lychgate" }));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && catchUp("tab is back"));
window.addEventListener("pageshow", (event) => event.persisted && catchUp("page is back"));
window.addEventListener("online", () => catchUp("network is back"));

open();

async function open() {
  try {
    if (!(await client.restore())) showView("signed-out", { title: "Log in · Lychgate" });
  } catch {
    // The listener has shown it.
  }
}

function catchUp(why) {
  const attempt = document.documentElement.dataset.state === "loading" ? client.restore(why) : client.refreshIfDue(why);
  attempt.catch(() => {});
}

function showSignedIn(why) {
  const { id, username } = client.user;
  const isOther = shownId !== null && shownId !== id;
  if (shownId !== id) {
    clearAccount();
    clearForms();
  }
  if (shownId === null) hush();
  shownId = id;
  showAccount(client);
  showView("signed-in", { title: `${username} · Lychgate` });
  if (isOther) warn(`Another tab signed in as ${username}. This tab follows.`);
  else if (why === "sign up") say("Your account is ready.");
  else if (inTrouble) say("The service is back, and your session goes on.");
  inTrouble = false;
}

function showSignedOut(why) {
  shownId = null;
  inTrouble = false;
  clearAccount();
  clearForms();
  showLoadingProblem(null);
  showView("signed-out", { title: "Log in · Lychgate" });
  if (why in FAREWELLS) say(FAREWELLS[why]);
  else warn("Your session has ended. Please log in again.");
}

/** No good answer to a refresh: the session goes on, and the person should know. */
function showTrouble(error) {
  const message = describe(error);
  if (document.documentElement.dataset.state === "loading") return showLoadingProblem(message);
  if (!client.user) return;
  inTrouble = true;
  warn(`${message} You are still signed in.`, {
    label: "Try again",
    run: () => client.refresh("try again").catch(() => {}),
  });
}

async function signOut() {
  try {
    await client.logout();
  } catch (error) {
    warn(`You are not signed out yet. ${describe(error)}`, { label: "Try again", run: signOut });
  }
}
