/** Lets log-in and sign-up ask for the address where it is the username. Loaded only there. */

import { speakOfAddresses } from "../core/address-words.js";
import { find, set } from "../core/dom.js";

/** @typedef {import("../core/view.js").View} View */

/**
 * Change the two forms, once. Whoever signs up chooses a password where the mailed link leads to: here a stranger may have
 * typed the address.
 *
 * @param {View} view
 */
export function nameByEmail(view) {
  if (view.part("signup-username").name === "email") return;
  speakOfAddresses(view.words);
  for (const name of ["login-username", "signup-username"]) {
    const input = view.part(name);
    labelOf(view, input).textContent = view.text("email");
    set(input, { type: "email", inputmode: "email", autocomplete: `username email${name === "login-username" ? " webauthn" : ""}` });
  }
  // Where the address is the name, there is no other.
  view.part("signup-email").removeAttribute("name");
  view.part("signup-username").name = "email";
  view.part("signup-username-error").dataset.errorFor = "email";
  view.part("signup-username-hint").textContent = view.text("email-is-confirmed");
  for (const name of ["signup-password-field", "tip"]) view.part(name).remove();
}

/** @param {View} view @param {HTMLElement} input */
function labelOf(view, input) {
  return find(view.root, `label[for="${input.id}"]`);
}
