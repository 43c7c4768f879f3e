/**
 * A passphrase for whoever wants one: in the field, and whole below it, where it can be copied. Loaded only then.
 */

import { byId, find } from "./dom.js";
import { setRevealed } from "./forms.js";
import { suggestPassphrase } from "./passphrase.js";

/** The passphrase that was suggested last, "" once something else is in the field. */
let suggestion = "";
let advice = "";

/** Put another passphrase into the field, visible, so that the password manager can save it. */
export function suggestAnother() {
  const form = byId("signup-form");
  const field = byId("signup-password");
  if (!advice) start(form);
  show(suggestPassphrase(byId("signup-username").value.trim()));
  field.value = suggestion;
  setRevealed(find(form, ".reveal"), true);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function start(form) {
  advice = byId("suggestion").textContent;
  byId("copy-suggestion").addEventListener("click", copy);
  form.addEventListener("input", () => suggestion && byId("signup-password").value !== suggestion && show(""));
  form.addEventListener("reset", () => show(""));
}

/** @param {string} passphrase "" for the advice to take one */
function show(passphrase) {
  suggestion = passphrase;
  byId("suggestion").textContent = passphrase || advice;
  byId("suggestion").className = passphrase ? "passphrase" : "";
  byId("suggest").textContent = passphrase ? "Another" : "Suggest some";
  byId("copy-suggestion").textContent = "Copy";
  byId("copy-suggestion").hidden = !passphrase;
}

async function copy() {
  try {
    await navigator.clipboard.writeText(suggestion);
    byId("copy-suggestion").textContent = "Copied";
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    getSelection()?.selectAllChildren(byId("suggestion"));
    byId("copy-suggestion").textContent = "Selected";
  }
}
