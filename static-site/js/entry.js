/**
 * The logged-out view: log in and sign up, two tabs of one card. The address says which of them is shown, so that each
 * can be linked to. Knows the client's `login` and `register`. Keeps no password.
 */

import { tabOf } from "./address.js";
import { byId, find } from "./dom.js";
import { checkLogin, checkSignUp, clearForm, setRevealed, showTally, startForm } from "./forms.js";
import { learnOptions } from "./options.js";

const TABS = { login: "Log in", signup: "Sign up" };
const ADVICE = "A few random words are easy to remember and hard to guess.";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/** Whether somebody may sign up, as far as is known. */
let isOpen = true;
/** The passphrase that was suggested last, "" once something else is in the field. */
let suggestion = "";

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
  byId("copy-suggestion").addEventListener("click", copySuggestion);
  for (const name of Object.keys(TABS)) byId(`show-${name}`).addEventListener("keydown", chooseByKey);
  addEventListener("hashchange", () => onTab(showTab()));
  showSuggestion("");
  showTab();
}

/** Show the tab that the address names. @returns {string} its title */
export function showTab() {
  const wanted = tabOf(location.href);
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
  showSuggestion("");
}

/** Two tabs by keyboard: ARIA Authoring Practices, tabs with automatic activation. @param {KeyboardEvent} event */
function chooseByKey(event) {
  const [first, last] = Object.keys(TABS);
  const other = tabOf(location.href) === first ? last : first;
  const target = { ArrowLeft: other, ArrowRight: other, Home: first, End: last }[event.key];
  if (!target) return;
  event.preventDefault();
  byId(`show-${target}`).click();
  byId(`show-${target}`).focus();
}

function tally() {
  const { value } = byId("signup-password");
  showTally(byId("password-tally"), value, byId("signup-username").value.trim());
  if (suggestion && value !== suggestion) showSuggestion("");
}

/** Put a passphrase into the field, visible, so that the password manager can save it, and show all of it below. */
async function suggest() {
  const words = await import("./passphrase.js").catch(() => null);
  if (!words) return (byId("suggestion").textContent = "The words could not be loaded. Please try again.");
  const field = byId("signup-password");
  showSuggestion(words.suggestPassphrase(byId("signup-username").value.trim()));
  field.value = suggestion;
  setRevealed(find(byId("signup-form"), ".reveal"), true);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {string} passphrase "" for the advice to take one */
function showSuggestion(passphrase) {
  suggestion = passphrase;
  byId("suggestion").textContent = passphrase || ADVICE;
  byId("suggestion").className = passphrase ? "passphrase" : "";
  byId("suggest").textContent = passphrase ? "Another" : "Suggest some";
  byId("copy-suggestion").textContent = "Copy";
  byId("copy-suggestion").hidden = !passphrase;
}

async function copySuggestion() {
  try {
    await navigator.clipboard.writeText(suggestion);
    byId("copy-suggestion").textContent = "Copied";
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    getSelection()?.selectAllChildren(byId("suggestion"));
    byId("copy-suggestion").textContent = "Selected";
  }
}
