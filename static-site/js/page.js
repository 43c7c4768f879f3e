/** What our own page adds to its elements: its language, and its title. */

import "./page-language.js";
import { clientOf } from "./elements/index.js";

const client = clientOf();

addEventListener("lychgate:shown", (event) => setTitle(/** @type {CustomEvent} */ (event).detail.title));
client.onChange(({ type }) => {
  if (type === "logged-in" || type === "refreshed") setTitle(client.user?.username ?? "");
});

/** @param {string} title */
function setTitle(title) {
  document.title = `${title} · Lychgate`;
}
