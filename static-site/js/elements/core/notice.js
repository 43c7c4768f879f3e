/** Messages that belong to no form: a success, or a problem with an action to solve it. Loaded when there is one. */

import { make, makeButton, set } from "./dom.js";

const SUCCESS_MS = 6000;

/** What an element says, in the page's own place for notices, or at the element's end. */
export class Notice {
  #view;
  /** The place, which is in the page from the element's beginning, so that screen readers know it. @type {HTMLElement} */
  region;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** The element that had the focus before the notice, to restore it. @type {any} */
  #before = null;

  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.#view = view;
    this.region = view.notice.region;
  }

  /** @param {string} text */
  say(text) {
    this.tell(text);
    this.#timer = setTimeout(() => this.#fade(), SUCCESS_MS);
  }

  /** The same, until it is dismissed. @param {string} text */
  tell(text) {
    this.#show("good", text);
  }

  /**
   * Show a problem until it is dismissed or solved.
   *
   * @param {string} text
   * @param {{label: string, run: () => void}} [action]
   */
  warn(text, action) {
    this.#show("bad", text, action);
  }

  /** Remove the notice, if there is one. */
  hush() {
    clearTimeout(this.#timer);
    const hadFocus = this.region.contains(document.activeElement);
    this.region.replaceChildren();
    if (!hadFocus) return;
    const headings = /** @type {HTMLElement[]} */ ([...this.#view.root.querySelectorAll("h1[tabindex], h2[tabindex]")]);
    const heading = headings.find((one) => one.checkVisibility());
    (this.#before?.checkVisibility() && this.#before !== document.body ? this.#before : heading)?.focus();
  }

  /** @param {"good" | "bad"} kind @param {string} text @param {{label: string, run: () => void}} [action] */
  #show(kind, text, action) {
    clearTimeout(this.#timer);
    this.#view.seat();
    if (!this.region.contains(document.activeElement)) this.#before = document.activeElement;
    const dismiss = makeButton("✕", "button small quiet dismiss", () => this.hush());
    const buttons = make("div", "buttons", set(dismiss, { "aria-label": this.#view.text("dismiss") }));
    if (action) {
      buttons.prepend(
        makeButton(action.label, "button small", () => {
          this.hush();
          action.run();
        }),
      );
    }
    this.region.replaceChildren(make("div", `notice ${kind}${text.length > 48 ? " long" : ""}`, make("p", "", text), buttons));
  }

  #fade() {
    if (this.region.matches(":hover, :focus-within")) this.#timer = setTimeout(() => this.#fade(), SUCCESS_MS);
    else this.hush();
  }
}
