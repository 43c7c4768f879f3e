/** What our own page adds to its elements: its language, its title, and a way for administrators. */

import "./page-language.js";
import { clientOf } from "./elements/index.js";

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
