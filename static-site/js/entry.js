/**
 * The logged-out view: log in and sign up, two tabs of one card, and what is loaded when it is needed: what is done by mail,
 * passkeys, the second step. The address says which is shown, so that each can be linked to. Keeps no password.
 */

import { byId } from "./dom.js";
import { checkLogin, checkSignUp, clearForm, showTally, startForm } from "./forms.js";
import { NetworkError } from "./lychgate.js";
import { describe } from "./messages.js";
import { warn } from "./notice.js";
import { learnOptions, USUAL } from "./options.js";

const TABS = { login: "Log in", signup: "Sign up" };
const STEPS = { forgot: "Forgot your password?", code: "Log in with a code" };

/** @typedef {import("./lychgate.js").Client} Client */

let site = USUAL;
/** @type {typeof import("./mail-entry.js") | null} once it was needed */
let mails = null;
/** @type {typeof import("./second-step.js") | null} likewise */
let second = null;
/** What the address asked for when the second step began, "" while none is shown. */
let secondAt = "";
/** @type {Client} */
let client;
/** @type {(title: string) => void} */
let tellTitle;

/**
 * @param {Client} theClient
 * @param {{onTab: (title: string) => void, onSignUp: (isUnderWay: boolean) => void}} page is told of another tab, and
 *   of the beginning and end of a sign-up
 */
export function startEntry(theClient, { onTab, onSignUp }) {
  client = theClient;
  tellTitle = onTab;
  const done = () => withPasskeys(({ upgrade }) => upgrade(client));
  startForm(byId("login-form"), checkLogin, ({ username, password }) =>
    client.login(username, password).then(done, (refusal) => goOn({ refusal, name: username, done })),
  );
  startForm(
    byId("signup-form"),
    (values) => checkSignUp(values, site.email === "required"),
    async ({ username, email, password }) => {
      onSignUp(true);
      try {
        if (email) await (await loadMails()).signUp({ username, email, password });
        else await client.register(username, password);
      } finally {
        onSignUp(false);
      }
    },
  );
  byId("signup-form").addEventListener("input", tally);
  byId("suggest").addEventListener("click", suggest);
  for (const name of Object.keys(TABS)) {
    byId(`show-${name}`).addEventListener("keydown", chooseByKey);
    byId(`show-${name}`).addEventListener("click", stayOnChosen);
  }
  addEventListener("hashchange", () => tellTitle(showTab()));
  showTab();
}

/** Show what the address names. @returns {string} its title */
export function showTab() {
  const wanted = wantedTab();
  if (secondAt === wanted) return "One more step";
  if (secondAt) endSecondStep();
  const chosen = site.isOpen && wanted === "signup" ? wanted : "login";
  const step = wanted in STEPS && site.email !== "off" ? wanted : "";
  const other = chosen === "login" ? "signup" : "login";
  const typed = byId(`${other}-username`).value;
  if (byId(`${chosen}-panel`).hidden && typed) byId(`${chosen}-username`).value = typed;
  for (const name of Object.keys(TABS)) {
    const tab = byId(`show-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    byId(`${name}-panel`).hidden = name !== chosen || !!step;
  }
  byId("entry-tabs").hidden = !site.isOpen || !!step;
  byId("signup-offer").hidden = !site.isOpen;
  byId("login-only").hidden = site.isOpen || !!step;
  byId("signup-closed").hidden = site.isOpen || wanted !== "signup";
  mails?.hideStep();
  if (!step) return TABS[chosen];
  showStep(step);
  return STEPS[step];
}

/** Show what the site allows. @returns {Promise<string>} the tab's title */
export async function followOptions() {
  site = await learnOptions();
  const hadFocus = byId("signup-panel").contains(document.activeElement);
  const hasEmail = site.email !== "off";
  byId("mail-ways").hidden = !hasEmail;
  byId("signup-email-field").hidden = !hasEmail || site.isNamedByEmail;
  byId("signup-email-optional").hidden = site.email === "required";
  if (site.isNamedByEmail) await import("./named-by-email.js");
  // Nobody needs it before the form is there.
  (window.requestIdleCallback ?? setTimeout)(() => withPasskeys(({ offer }) => offer(client)));
  const title = showTab();
  if (hadFocus && !site.isOpen) byId("login-username").focus();
  return title;
}

/** Clear all forms, when somebody has logged in or out. */
export function clearEntry() {
  for (const form of ["login-form", "signup-form"]) clearForm(byId(form));
  mails?.clearSteps();
  endSecondStep();
}

/** @returns {string} what the address asks for */
function wantedTab() {
  const wanted = location.hash.slice(1);
  return wanted in TABS || wanted in STEPS ? wanted : "login";
}

/** @param {string} step */
async function showStep(step) {
  try {
    const { showStep } = await loadMails();
    if (wantedTab() === step) showStep(step);
  } catch (error) {
    location.hash = "login";
    warn(describe(error));
  }
}

async function loadMails() {
  try {
    mails = await import("./mail-entry.js");
    await mails.startSteps(client, site, goOn);
    return mails;
  } catch (cause) {
    throw new NetworkError("", { cause });
  }
}

/** Nobody waits for it. @param {(code: typeof import("./passkey-entry.js")) => unknown} use */
function withPasskeys(use) {
  if (site.hasPasskeys) import("./passkey-entry.js").then(use).catch(() => {});
}

/** Ask for the second factor, if a log-in lacks no more. @param {import("./second-step.js").Due} due */
async function goOn(due) {
  if (due.refusal.error !== "second_factor_required") throw due.refusal;
  try {
    second = await import("./second-step.js");
    await second.showSecondStep(client, due, leaveSecondStep);
  } catch (cause) {
    throw new NetworkError("", { cause });
  }
  secondAt = wantedTab();
  mails?.hideStep();
  tellTitle(showTab());
}

function leaveSecondStep() {
  endSecondStep();
  tellTitle(showTab());
}

function endSecondStep() {
  secondAt = "";
  second?.hideSecondStep();
}

/** The tab that is shown leads nowhere, and adds nothing to the history. @param {Event} event */
function stayOnChosen(event) {
  const tab = /** @type {Element} */ (event.currentTarget);
  if (tab.getAttribute("aria-selected") === "true") event.preventDefault();
}

/** Two tabs by keyboard: ARIA Authoring Practices, tabs with automatic activation. @param {KeyboardEvent} event */
function chooseByKey(event) {
  const [first, last] = Object.keys(TABS);
  const other = wantedTab() === first ? last : first;
  const target = { ArrowLeft: other, ArrowRight: other, Home: first, End: last }[event.key];
  if (!target) return;
  event.preventDefault();
  byId(`show-${target}`).click();
  byId(`show-${target}`).focus();
}

function tally() {
  showTally(byId("password-tally"), byId("signup-password").value, byId("signup-username").value.trim());
}

async function suggest() {
  const words = await import("./suggestion.js").catch(() => null);
  if (words) words.suggestAnother();
  else byId("suggestion").textContent = "The words could not be loaded. Please try again.";
}
