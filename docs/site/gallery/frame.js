/** One element in one state, as the address says: ?element=…&state=NUMBER&lang=…&dir=…&theme=… */

import { STATES } from "./states.js";
import { apiOf, prepare } from "./stub.js";

const asked = new URLSearchParams(location.search);
const shown = (STATES[asked.get("element") ?? ""] ?? Object.values(STATES)[0])[Number(asked.get("state")) || 0];
const root = document.documentElement;

root.lang = asked.get("lang") || "en";
root.dir = asked.get("dir") || (/^(ar|fa|he|ur)\b/.test(root.lang) ? "rtl" : "ltr");
root.dataset.theme = asked.get("theme") || "light";
prepare(shown.api);
if (shown.hash) history.replaceState(null, "", shown.hash);
// What is in the frame is no page of its own: a link or a form that leaves it would leave the gallery.
addEventListener("click", (event) => {
  if (/** @type {Element} */ (event.target).closest("a[href]")) event.preventDefault();
});
addEventListener("submit", (event) => event.preventDefault());

const element = document.createElement(shown.tag);
for (const [name, value] of Object.entries({ api: apiOf(shown.api), ...shown.attributes })) element.setAttribute(name, value);
for (const [text, part] of [[shown.inside, ""], [shown.outside, "logged-out"]]) {
  if (!text) continue;
  const child = Object.assign(document.createElement("p"), { textContent: text });
  if (part) child.dataset.part = part;
  element.append(child);
}
document.getElementById("place")?.append(element);
await import("./js/elements/index.js");
