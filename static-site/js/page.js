/** What our own page adds to its elements: its language, its title, where it begins, and a way for administrators. */

import "./page-language.js";
import "./elements/account.js";
import { clientOf } from "./elements/core/clients.js";
import "./elements/sign-in.js";
import "./elements/user.js";

const client = clientOf();

addEventListener("lychgate:shown", (event) => setTitle(/** @type {CustomEvent} */ (event).detail.title));
// The log-in takes the place of an account that is longer than the window. The element that is the last to change tells too.
addEventListener("lychgate:logged-out", () => scrollTo(0, 0));
client.onChange(({ type }) => {
  if (type === "logged-in" || type === "refreshed") showUser();
});
if (client.user) showUser();

function showUser() {
  setTitle(client.user?.username ?? "");
  const administration = document.getElementById("administration");
  if (administration) administration.hidden = !client.user?.roles.includes("admin");
}

/** @param {string} title */
function setTitle(title) {
  document.title = `${title} · Lychgate`;
}
