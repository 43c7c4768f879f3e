/**
 * Passkeys at the log-in: the button, the offer in the field for the name, and a word where no passkey can work. Loaded
 * once the form is there, and only where the site has passkeys.
 */

import { loginWithPasskey, offerPasskeys, passkeysWork, upgradeToPasskey } from "../../lychgate-factors.js";
import { find, make, makeButton, partSelector, set, whileBusy } from "../core/dom.js";
import { describe } from "../core/messages.js";
import { withoutPasskey } from "../core/factor-words.js";

const REFUSED_STATUS = 401;

/** @typedef {import("../core/view.js").View} View */

/** Put the button there, and offer passkeys in the field for the name, until somebody has logged in. @param {View} view */
export function offer(view) {
  if (!passkeysWork()) return tellOfAddress(view);
  if (!has(view, "passkey-login")) addButton(view);
  const { client, signal } = view;
  // Nobody has asked for an offer: what keeps it away is told at the button.
  const onFailure = (/** @type {any} */ error) => error.status === REFUSED_STATUS && tell(view, explain(view, error));
  offerPasskeys(client, { onFailure, signal }).catch(() => {});
}

/** After a log-in with a password, let the browser make a passkey if it does so without a question. @param {View} view */
export async function upgrade(view) {
  if (!(await upgradeToPasskey(view.client))) return;
  view.notice.say(view.text("passkey-added"));
  view.tell("passkey-added");
}

/** @param {View} view @param {string} part */
function has(view, part) {
  return !!view.root.querySelector(partSelector(part));
}

/** @param {View} view */
function addButton(view) {
  const added = makeButton(view.text("log-in-with-passkey"), "passkey-login button wide", () => whileBusy(added, () => logIn(view)));
  view.part("signup-offer").before(set(added, { "data-busy": view.text("waiting-for-passkey") }));
}

/** @param {View} view */
async function logIn(view) {
  tell(view, "");
  try {
    await loginWithPasskey(view.client);
  } catch (error) {
    tell(view, explain(view, error));
  }
}

/** @param {View} view @param {any} error */
function explain(view, error) {
  if (error.error === "invalid_code") return view.text("passkey-refused");
  return withoutPasskey(view, error) ?? describe(error, view.words);
}

/** @param {View} view @param {string} text */
function tell(view, text) {
  find(view.part("login-form"), "[data-form-error]").textContent = text;
}

/** On a laptop the page has two addresses, and passkeys work at the one with a name. @param {View} view */
function tellOfAddress(view) {
  const { hostname, host, href } = location;
  const isLaptop = /^127\.|^\[::1\]$/.test(hostname);
  if (!isLaptop || has(view, "passkey-address")) return;
  const named = host.replace(hostname, "localhost");
  const link = set(make("a", "nowrap", named), { href: href.replace(host, named) });
  view.part("signup-offer").before(make("p", "passkey-address muted small", ...view.pieces("passkey-address", { link })));
}
