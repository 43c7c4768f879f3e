/** A link that sets a password, which is shown once. It is kept nowhere in the page: not in its address, not in a list. */

import { make, makeButton, set } from "../elements/core/dom.js";
import { openSheet } from "../elements/core/sheet.js";

const HOUR_S = 3600;

/** @typedef {import("../elements/core/view.js").View} View */

/**
 * Show a link until the administrator is done with it.
 *
 * @param {View} view
 * @param {import("../lychgate-admin.js").PasswordLink} made
 * @param {{user: import("../lychgate.js").User, isFirst: boolean, mailedTo?: string}} about whose password it sets, whether
 *   it is the first one, and where a mail with another link goes
 */
export async function showLink(view, { link, expiresIn }, { user, isFirst, mailedTo = "" }) {
  const sheet = await openSheet(view, "", { mayCancel: false });
  const field = set(make("input", "link"), {
    id: "password-link",
    type: "text",
    value: link,
    readonly: "",
    "aria-label": "The link",
    spellcheck: "false",
  });
  const status = set(make("p", "muted small"), { role: "status", id: "link-copied" });
  const mail = mailedTo ? [make("p", "", "A mail with a link of its own goes to ", make("bdi", "", mailedTo), ".")] : [];
  field.addEventListener("focus", () => field.select());
  sheet.show(
    isFirst ? "The account is made" : "The link for a new password",
    make("p", "", "Give this link to ", make("bdi", "named", user.username), ` by a way that you trust. It is good once, for ${duration(expiresIn)}.`),
    make("p", "message", make("strong", "", "Whoever has the link can set the password."), " It is shown only now."),
    field,
    make("div", "actions share", makeButton("Copy the link", "button primary", () => copy(link, field, status))),
    status,
    ...mail,
    make("div", "actions", makeButton("Done", "button wide", () => sheet.close(true))),
  );
  return sheet.closed;
}

/** @param {string} link @param {HTMLInputElement} field @param {HTMLElement} status */
async function copy(link, field, status) {
  try {
    await navigator.clipboard.writeText(link);
    status.textContent = "Copied.";
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    field.select();
    field.focus();
    status.textContent = "Selected. Copy it from here.";
  }
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 2 * HOUR_S) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.round(seconds / HOUR_S)} hours`;
}
