/** Where the focus goes when what had it is gone. Loaded then, or with what an element may have to say. */

import { partSelector } from "./dom.js";

const FAILURE = partSelector("failure");

/** @param {HTMLElement} element in which the focus was */
export async function keepFocus(element) {
  // Others may want it more.
  await new Promise((resolve) => setTimeout(resolve));
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const active = root.activeElement ?? document.activeElement;
  if (active?.checkVisibility() && active !== document.body) return;
  const all = (/** @type {string} */ selector) => /** @type {HTMLElement[]} */ ([...element.querySelectorAll(selector)]);
  const titles = all("h1[tabindex]");
  const next = [...all(`${FAILURE} button, ${FAILURE} ~ button`), ...titles].find((one) => one.checkVisibility());
  if (next) return next.focus();
  // What has titles, and shows none, has left it to others: an account takes the focus once it is there.
  const other = titles.length ? !document.querySelector("lychgate-account") && document.querySelector("lychgate-user") : element;
  if (other) focusWhole(/** @type {HTMLElement} */ (other));
}

/** @param {HTMLElement} element */
function focusWhole(element) {
  element.tabIndex = -1;
  element.addEventListener("blur", () => element.removeAttribute("tabindex"), { once: true });
  element.focus();
}
