/**
 * The logged-out view: log in and sign up, two tabs of one card. The address says which of them is shown, so that each
 * can be linked to. Knows the client's `login` and `register`. Keeps no password.
 */

import { byId } from "./dom.js";
import { checkLogin, checkSignUp, clearForm, showTally, startForm } from "./forms.js";
import { learnOptions } from "./options.js";

const TABS = { login: "Log in", signup: "Sign up" };

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/** Whether somebody may sign up, as far as is known. */
let isOpen = true;

/**
 * @param {Client} client
 * @param {{onTab: (title: string) => void, onSignUp: (isUnderWay: boolean) => void}} page is told of another tab, and
 *   of the beginning and end of a sign-up
 */
export function startEntry(client, { onTab, onSignUp }) {
  startForm(byId("login-form"), checkLogin, ({ username, password }) => client.login(username, password));
  startForm(byId("signup-form"), checkSignUp, async ({ username, password }) => {
    onSignUp(true);
    try {
      await client.register(username, password);
    } finally {
      onSignUp(false);
    }
  });
  byId("signup-form").addEventListener("input", tally);
  byId("suggest").addEventListener("click", suggest);
  for (const name of Object.keys(TABS)) {
    byId(`show-${name}`).addEventListener("keydown", chooseByKey);
    byId(`show-${name}`).addEventListener("click", stayOnChosen);
  }
  addEventListener("hashchange", () => onTab(showTab()));
  showTab();
}

/** Show the tab that the address names. @returns {string} its title */
export function showTab() {
  const wanted = wantedTab();
  const chosen = isOpen ? wanted : "login";
  const other = chosen === "login" ? "signup" : "login";
  const typed = byId(`${other}-username`).value;
  if (byId(`${chosen}-panel`).hidden && typed) byId(`${chosen}-username`).value = typed;
  for (const name of Object.keys(TABS)) {
    const tab = byId(`show-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    byId(`${name}-panel`).hidden = name !== chosen;
  }
  byId("entry-tabs").hidden = !isOpen;
  byId("signup-offer").hidden = !isOpen;
  byId("login-only").hidden = isOpen;
  byId("signup-closed").hidden = isOpen || wanted === "login";
  return TABS[chosen];
}

/** Ask the API whether somebody may sign up, and show it. @param {Client} client @returns {Promise<string>} the tab's title */
export async function followOptions(client) {
  isOpen = await learnOptions(client);
  const hadFocus = byId("signup-panel").contains(document.activeElement);
  const title = showTab();
  if (hadFocus && !isOpen) byId("login-username").focus();
  return title;
}

/** Clear both forms, when somebody has logged in or out. */
export function clearEntry() {
  for (const form of ["login-form", "signup-form"]) clearForm(byId(form));
}

/** @returns {"login" | "signup"} what the address asks for */
function wantedTab() {
  return location.hash === "#signup" ? "signup" : "login";
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
