/** `<lychgate-guard>`: shows its children to whom they are for. It hides, and protects nothing. docs/elements.md */

import { isShown, make, partSelector, set } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";

/** @typedef {import("./core/view.js").View} View */

/**
 * For what nobody may see yet, from the element's first moment, whatever the site's own styles say: what is important in a
 * layer counts more than what is important in none.
 */
const HIDING = `@layer lychgate {
  lychgate-guard:not([data-state="logged-in"]) { visibility: hidden !important; }
  lychgate-guard:not([data-state="logged-in"]) > :not([data-part~="frame"], [data-part~="logged-out"]),
  lychgate-guard:not([data-state="logged-out"], [data-state="forbidden"]) > [data-part~="logged-out"],
  lychgate-guard:not([data-state="logged-out"], [data-state="failed"], [data-state="forbidden"], [data-state="logged-in"]) > [data-part~="frame"] {
    display: none !important;
  }
  lychgate-guard:not([data-state="logged-in"]) > :is([data-part~="frame"], [data-part~="logged-out"]) { visibility: visible; }
}`;

export class Guard extends LychgateElement {
  static observedAttributes = [...LychgateElement.observedAttributes, "sign-in", "for-role"];

  #told = make("div", "told");

  connectedCallback() {
    hideEarly(/** @type {Document | ShadowRoot} */ (this.getRootNode()));
    super.connectedCallback();
  }

  /** @param {View} view */
  build(view) {
    this.#told = make("div", "told");
    return [this.#told];
  }

  /** @param {HTMLElement} frame */
  put(frame) {
    this.clear();
    this.append(frame);
  }

  /** The children stay. */
  clear() {
    for (const frame of this.querySelectorAll(`:scope > ${partSelector("frame")}`)) frame.remove();
  }

  /** @param {import("./core/element.js").State} state @param {{error?: unknown}} how */
  show(state, { error }) {
    const view = /** @type {View} */ (this.view);
    this.#told.replaceChildren();
    // What is in the way is told where people log in, if that is to be seen.
    if (state === "failed" && !isShown("lychgate-sign-in", view.client)) this.#told.append(this.failure(view, error));
    if (state === "logged-out") this.#send();
    if (state !== "logged-in") return;
    const role = this.getAttribute("for-role");
    if (role !== null && !view.client.user?.roles.includes(role)) return this.#refuse(view);
    this.#unwrap();
  }

  /** @param {View} view */
  async #refuse(view) {
    this.dataset.state = "forbidden";
    if (this.querySelector(':scope > [data-part~="logged-out"]')) return;
    await view.words.load("steps").catch(() => {});
    if (this.dataset.state !== "forbidden" || view !== this.view) return;
    this.#told.replaceChildren(set(make("p", "message", view.text("not-for-you")), { role: "status" }));
  }

  /** What is in a template has not been loaded yet, and comes once. */
  #unwrap() {
    for (const template of this.querySelectorAll(":scope > template")) {
      template.replaceWith(document.importNode(/** @type {HTMLTemplateElement} */ (template).content, true));
    }
    this.hidden = false;
  }

  /** To the log-in, and back here after it. */
  #send() {
    const to = this.getAttribute("sign-in");
    this.hidden = false;
    if (to === null) return;
    const target = URL.canParse(to, document.baseURI) ? new URL(to, document.baseURI) : null;
    if (!target || !/^https?:$/.test(target.protocol)) return console.error(`<${this.localName}>: sign-in="${to}" is no address.`);
    // A page that is its own log-in has it in itself.
    if (target.origin + target.pathname === location.origin + location.pathname) return;
    target.searchParams.set("return", location.pathname + location.search + location.hash);
    location.replace(target);
  }
}

/** Once a document, and once a shadow root of the site's. @param {Document | ShadowRoot} root */
function hideEarly(root) {
  if (!root.adoptedStyleSheets || hideEarly.roots.has(root)) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(HIDING);
  root.adoptedStyleSheets.push(sheet);
  hideEarly.roots.add(root);
}
/** @type {WeakSet<Document | ShadowRoot>} */
hideEarly.roots = new WeakSet();

define("lychgate-guard", Guard);
