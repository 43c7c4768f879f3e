/**
 * Passkeys at the log-in: the button, the offer in the field for the name, and a word where no passkey can work. Loaded
 * once the form is there, and only where the site has passkeys.
 */

import { byId, find, make, makeButton, whileBusy } from "./dom.js";
import { set } from "./fields.js";
import { loginWithPasskey, offerPasskeys, passkeysWork, upgradeToPasskey } from "./lychgate-factors.js";
import { describe } from "./messages.js";
import { withoutPasskey } from "./factor-words.js";

const REFUSED = "This passkey is not good for this site any more. Log in another way.";

const REFUSED_STATUS = 401;

/** @type {HTMLElement | undefined} once it is there */
let button;

/** @typedef {import("./lychgate.js").Client} Client */

/** Put the button there, and offer passkeys in the field for the name, until somebody has logged in. @param {Client} client */
export function offer(client) {
  if (!passkeysWork()) return tellOfAddress();
  button ??= addButton(client);
  // Nobody has asked for an offer: what keeps it away is told at the button.
  const onFailure = (/** @type {any} */ error) => error.status === REFUSED_STATUS && tell(explain(error));
  offerPasskeys(client, { onFailure }).catch(() => {});
}

/** After a log-in with a password, let the browser make a passkey if it does so without a question. @param {Client} client */
export async function upgrade(client) {
  if (await upgradeToPasskey(client)) (await import("./account.js")).tellOfPasskey();
}

/** @param {Client} client */
function addButton(client) {
  const added = makeButton("Log in with a passkey", "button wide", () => whileBusy(added, () => logIn(client)));
  byId("signup-offer").before(set(added, { id: "passkey-login", "data-busy": "Waiting for the passkey…" }));
  return added;
}

/** @param {Client} client */
async function logIn(client) {
  tell("");
  try {
    await loginWithPasskey(client);
  } catch (error) {
    tell(explain(error));
  }
}

/** @param {any} error */
function explain(error) {
  return error.error === "invalid_code" ? REFUSED : (withoutPasskey(error) ?? describe(error));
}

/** @param {string} text */
function tell(text) {
  find(byId("login-form"), "[data-form-error]").textContent = text;
}

/** On a laptop the page has two addresses, and passkeys work at the one with a name. */
function tellOfAddress() {
  const { hostname, host, href } = location;
  const isLaptop = /^127\.|^\[::1\]$/.test(hostname);
  if (!isLaptop || document.getElementById("passkey-address")) return;
  const named = host.replace(hostname, "localhost");
  const link = set(make("a", "nowrap", named), { href: href.replace(host, named) });
  const note = set(make("p", "muted small"), { id: "passkey-address" });
  note.append("Passkeys need an address with a name: ", link);
  byId("signup-offer").before(note);
}
