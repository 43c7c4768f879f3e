/** `<lychgate-user>`: who is logged in, and a way out; a way to the log-in for everybody else. docs/elements.md */

import { isShown, make, makeButton, set, whileBusy } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";

/** @typedef {import("./core/view.js").View} View */

export class User extends LychgateElement {
  static observedAttributes = [...LychgateElement.observedAttributes, "sign-in", "account"];

  /** What is shown, for each state. */
  #place = make("div", "user");

  /** @param {View} view */
  build(view) {
    this.#place = make("div", "user");
    view.listen(document, "pointerdown", (event) => !event.composedPath().includes(this) && this.#fold());
    view.listen(this, "focusout", ({ relatedTarget }) => relatedTarget && !this.contains(relatedTarget) && this.#fold());
    view.listen(this, "keydown", (event) => event.key === "Escape" && this.#fold(true));
    return [this.#place];
  }

  /** @param {import("./core/element.js").State} state @param {{error?: unknown}} how */
  show(state, { error }) {
    const view = /** @type {View} */ (this.view);
    if (state === "logged-in") return this.#showUser(view);
    const way = this.getAttribute("sign-in");
    if (state === "logged-out") this.#place.replaceChildren(...(way === null ? [] : [link("sign-in button quiet", way, view.text("log-in"))]));
    // What is in the way is told where people log in, if that is to be seen.
    else if (state === "failed" && !isShown("lychgate-sign-in", view.client)) this.#place.replaceChildren(this.failure(view, error));
    else this.#place.replaceChildren();
  }

  /** @param {View} view */
  #showUser(view) {
    const name = view.client.user?.username ?? "";
    const known = this.#place.querySelector("bdi");
    if (known) return (known.textContent = name);
    const leave = makeButton(view.text("log-out"), "log-out button quiet", () => whileBusy(leave, () => view.client.logout()));
    const account = this.getAttribute("account");
    const named = make("bdi", "user-name", name);
    if (account === null) return this.#place.replaceChildren(named, leave);
    const menu = set(make("div", "menu", link("to-account", account, view.text("account")), leave), { id: view.id("menu"), hidden: "" });
    const toggle = makeButton("", "menu-button button quiet", () => this.#fold() || this.#unfold());
    toggle.append(named);
    this.#place.replaceChildren(set(toggle, { "aria-expanded": "false", "aria-controls": menu.id }), menu);
  }

  /** @param {boolean} [keepsFocus] @returns {boolean} whether the menu was open */
  #fold(keepsFocus = false) {
    const toggle = /** @type {HTMLElement | null} */ (this.#place.querySelector("[aria-expanded=true]"));
    if (!toggle) return false;
    toggle.setAttribute("aria-expanded", "false");
    /** @type {HTMLElement} */ (toggle.nextElementSibling).hidden = true;
    if (keepsFocus) toggle.focus();
    return true;
  }

  #unfold() {
    const toggle = /** @type {HTMLElement} */ (this.#place.querySelector("[aria-expanded]"));
    toggle.setAttribute("aria-expanded", "true");
    /** @type {HTMLElement} */ (toggle.nextElementSibling).hidden = false;
  }
}

/** @param {string} parts @param {string} href @param {string} text */
function link(parts, href, text) {
  return set(make("a", parts, text), { href });
}

define("lychgate-user", User);
