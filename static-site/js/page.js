/** What our own page adds to its elements: its language, its title, and a way for administrators. */

import "./page-language.js";
import "./elements/account.js";
import { clientOf } from "./elements/core/clients.js";
import "./elements/sign-in.js";
import "./elements/user.js";

const client = clientOf();

addEventListener("lychgate:shown", (event) => setTitle(/** @type {CustomEvent} */ (event).detail.title));
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
