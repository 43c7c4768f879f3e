/**
 * A passphrase for whoever wants one: in the field, and whole below it, where it can be copied. Loaded only then.
 */

import { find, make, markPart, partSelector } from "../core/dom.js";
import { setRevealed } from "../core/fields.js";
import { passwordProblem } from "../core/rules.js";
import { suggestPassphrase } from "./passphrase.js";

/** @typedef {import("../core/view.js").View} View */

/** By the view, how to show another one. @type {WeakMap<View, (passphrase: string) => void>} */
const shown = new WeakMap();

/**
 * Put another passphrase into the field, visible, so that the password manager can save it.
 *
 * @param {View} view
 * @param {import("../core/options.js").SiteOptions} site
 */
export function suggestAnother(view, site) {
  const form = view.part("signup-form");
  const field = view.part("signup-password");
  const show = shown.get(view) ?? start(view, form);
  shown.set(view, show);
  const username = view.part("signup-username").value.trim();
  const passphrase = suggestPassphrase((words) => !passwordProblem(view, site, words, username));
  show(passphrase);
  field.value = passphrase;
  setRevealed(view, find(form, partSelector("reveal")), true);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {View} view @param {HTMLFormElement} form */
function start(view, form) {
  const place = view.part("suggestion");
  const button = view.part("suggest");
  const copy = make("button", "copy-suggestion button small", view.text("copy"));
  copy.type = "button";
  button.after(copy);
  /** The passphrase that was suggested last, "" once something else is in the field. */
  let suggestion = "";

  /** @param {string} passphrase "" for the advice to take one */
  const show = (passphrase) => {
    suggestion = passphrase;
    place.textContent = passphrase || view.text("passphrase-advice");
    markPart(place, "passphrase", !!passphrase);
    button.textContent = view.text(passphrase ? "suggest-another" : "suggest");
    copy.textContent = view.text("copy");
    copy.hidden = !passphrase;
  };
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(suggestion);
      copy.textContent = view.text("copied");
    } catch {
      // Not every browser allows it. Then the user copies what is selected.
      getSelection()?.selectAllChildren(place);
      copy.textContent = view.text("selected");
    }
  });
  form.addEventListener("input", () => suggestion && view.part("signup-password").value !== suggestion && show(""));
  form.addEventListener("reset", () => show(""));
  return show;
}
