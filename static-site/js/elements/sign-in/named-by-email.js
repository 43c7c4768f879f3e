/** Lets log-in and sign-up ask for the address where it is the username. Loaded only there. */

import { find, make, set } from "../core/dom.js";

/** @typedef {import("../core/view.js").View} View */

/** Change the two forms, once. @param {View} view */
export function nameByEmail(view) {
  const password = view.part("signup-password");
  if (!password.required) return;
  view.words.replace("invalid_credentials", "invalid_credentials:email");
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
  // A mailed code logs in too, and so does a passkey, so nobody needs a password.
  password.required = false;
  labelOf(view, password).append(make("span", "muted", ` ${view.text("optional")}`));
  view.part("signup-password-hint").append(view.text("without-password"));
}

/** @param {View} view @param {HTMLElement} input */
function labelOf(view, input) {
  return find(view.root, `label[for="${input.id}"]`);
}
