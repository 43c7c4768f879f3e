/** Lets log-in and sign-up ask for the address where it is the username. Loaded only there. */

import { byId, find, make } from "./dom.js";
import { naming } from "./forms.js";
import { BY_CODE } from "./messages.js";

naming.name = "e-mail address";
BY_CODE.invalid_credentials = "Address and password do not match.";
for (const id of ["login-username", "signup-username"]) {
  const input = byId(id);
  find(document, `label[for="${id}"]`).textContent = "E-mail address";
  input.type = input.inputMode = "email";
  input.autocomplete = id === "login-username" ? "username email webauthn" : "username email";
}
// Where the address is the name, there is no other.
byId("signup-email").removeAttribute("name");
byId("signup-username").name = "email";
byId("signup-username-error").dataset.errorFor = "email";
byId("signup-username-hint").textContent = "A mail goes there, to confirm it";
// A mailed code logs in too, and so does a passkey, so nobody needs a password.
naming.needsPassword = false;
const password = byId("signup-password");
password.required = false;
find(document, 'label[for="signup-password"]').append(make("span", "muted", " (optional)"));
byId("signup-password-hint").append(". Without one, a passkey or a mailed code logs you in");
