/** `<lychgate-account>`: all of the account, for whoever is logged in. docs/elements.md */

import { NetworkError } from "../lychgate.js";
import { farewellOf, sayAtLogOut } from "./core/clients.js";
import { isShown, make, partSelector, set } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";
import { explain, say } from "./core/explain.js";
import { load } from "./core/languages.js";
import { loadStyles } from "./core/styles.js";

/** @typedef {import("./core/view.js").View} View */
/** @typedef {import("./core/element.js").State} State */
/** @typedef {import("../lychgate.js").Change} Change */

/** What says to everybody what has become of the session. */
const SPEAKER = "lychgate-sign-in";

export class Account extends LychgateElement {
  static isSingle = true;

  /** @type {Promise<import("./account/start.js").Account> | null} once somebody has logged in */
  #parts = null;
  /** The user who is shown, null for none. @type {string | null} */
  #shownId = null;
  /** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
  #isInTrouble = false;

  /** @param {View} view */
  build(view) {
    this.#parts = this.#shownId = null;
    this.#isInTrouble = false;
    view.listen(document, "lychgate:passkey-added", async () => (await this.#parts)?.reload());
    const spinner = set(make("span", "spinner"), { "aria-hidden": "true" });
    const waiting = make("div", "waiting", spinner, set(make("p", "", view.text("one-moment")), { role: "status" }));
    return [set(waiting, { hidden: "" }), make("div", "failed-place"), set(make("section", "logged-in"), { hidden: "" })];
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.#parts) loadStyles(this, "account");
    // Browsers take what is moved out of what lies above the page, and say that it is open all the same.
    for (const dialog of this.querySelectorAll("dialog[open]:not(:modal)")) {
      dialog.removeAttribute("open");
      /** @type {HTMLDialogElement} */ (dialog).showModal();
    }
  }

  /** What the page has put into the element stays, at the end. @param {HTMLElement} frame */
  put(frame) {
    this.clear();
    this.prepend(frame);
  }

  clear() {
    for (const ours of this.querySelectorAll(`:scope > ${partSelector("frame")}, :scope > dialog${partSelector("card")}`)) ours.remove();
    for (const one of this.#ends()) one.hidden = true;
  }

  /** @returns {HTMLElement[]} what the page shows after the account */
  #ends() {
    return [.../** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(`:scope > ${partSelector("end")}`))];
  }

  /** @param {State} state @param {{why: string, error?: unknown, before: State | ""}} how */
  show(state, { why, error, before }) {
    const view = /** @type {View} */ (this.view);
    if (state === "logged-in") return this.#showLoggedIn(view, why, before);
    if (state === "failed") return this.#showFailed(view, error);
    this.#open(state === "loading" && isAlone() ? "waiting" : "");
    if (state === "logged-out") this.#showLoggedOut(view, why);
  }

  /** @param {Change} change */
  hear({ type, error }) {
    const view = /** @type {View} */ (this.view);
    if (type !== "refresh-failed" || !view.client.user || !isAlone()) return;
    this.#isInTrouble = true;
    const again = () => view.client.refresh("try again").catch(() => {});
    explain(error, view.words).then((message) => {
      if (!this.#isInTrouble || view.signal.aborted) return;
      view.notice.warn(view.text("still-logged-in", { message }), { label: view.text("try-again"), run: again });
    });
  }

  /**
   * Ask who it is, for a call of the page's own that the API has refused with `insufficient_user_authentication`.
   *
   * @returns {Promise<boolean>} whether the session is fresh now; false if the user, or the end of the session, has
   *   cancelled. Throws an Error while nobody is logged in.
   */
  async askPassword() {
    await this.#parts;
    const { view } = this;
    if (!view?.client?.user || this.#shownId === null) throw new Error("Nobody is logged in who could be asked.");
    const { askPassword } = await import("./core/ask-password.js");
    return askPassword(view);
  }

  /** @param {View} view @param {string} why @param {State | ""} before */
  async #showLoggedIn(view, why, before) {
    const { id } = /** @type {import("../lychgate.js").User} */ (view.client.user);
    if (this.#isInTrouble) say(view.words, "service-back").then((text) => view.notice.say(text));
    this.#isInTrouble = false;
    const isSame = this.#shownId === id;
    this.#shownId = id;
    try {
      if (!this.#parts) this.#open("waiting");
      const parts = await (this.#parts ??= this.#load(view));
      // Meanwhile somebody may have left, and somebody else may have come.
      if (this.view !== view || view.client.user?.id !== id || this.#shownId !== id) return;
      if (isSame) return parts.showUser();
      parts.clear();
      this.#open("logged-in");
      parts.begin();
      if (canTakeFocus(before)) view.part("logged-in-title").focus();
    } catch (error) {
      if (this.view !== view) return;
      if (!(error instanceof NetworkError)) console.error(error);
      this.#parts = this.#shownId = null;
      this.become("failed", { why, error });
    }
  }

  /** @param {View} view */
  async #load(view) {
    const [{ startAccount }] = await Promise.all([
      load(() => import("./account/start.js"), import.meta.url),
      view.words.load("account"),
      loadStyles(this, "account"),
    ]);
    addTitle(view);
    return startAccount(view, { onDeleted: () => sayAtLogOut(view.client, view.text("account-is-deleted")) });
  }

  /** @param {View} view @param {string} why */
  async #showLoggedOut(view, why) {
    this.#shownId = null;
    this.#isInTrouble = false;
    if (why) view.notice.hush();
    if (isAlone()) this.#tellWhy(view, why);
    const parts = await this.#parts?.catch(() => null);
    if (this.view === view && this.#shownId === null) parts?.clear();
  }

  /** @param {View} view @param {string} why the session has ended */
  #tellWhy(view, why) {
    const farewell = farewellOf(view.client);
    if (farewell) view.notice.say(farewell);
    else if (why === "refused") say(view.words, "session_ended").then((text) => view.notice.warn(text));
    else if (why === "key lost") say(view.words, "not_on_device").then((text) => view.notice.tell(text));
  }

  /** @param {View} view @param {unknown} error */
  async #showFailed(view, error) {
    // Where people log in, it is told already, unless somebody is logged in.
    if (!isAlone() && !view.client.user) return this.#open("");
    const title = set(make("h1", "failed-title", await say(view.words, "not-opened")), { tabindex: "-1" });
    if (this.view !== view || this.state !== "failed") return;
    this.#open("failed-place");
    view.part("failed-place").replaceChildren(make("section", "failed card narrow", title, this.failure(view, error)));
  }

  /** Show one thing, or none. @param {string} name */
  #open(name) {
    const view = /** @type {View} */ (this.view);
    for (const one of ["waiting", "failed-place", "logged-in"]) view.part(one).hidden = one !== name;
    view.part("failed-place").replaceChildren();
    for (const one of this.#ends()) one.hidden = name !== "logged-in";
  }
}

/** @param {View} view */
function addTitle(view) {
  const name = make("bdi", "greeting-username");
  const id = view.id("logged-in-title");
  const title = set(make("h1", "logged-in-title", ...view.pieces("welcome-name", { name })), { id, tabindex: "-1" });
  const section = set(view.part("logged-in"), { "aria-labelledby": id });
  section.replaceChildren(title);
}

/** @returns {boolean} whether nothing else that is to be seen tells what becomes of the session */
function isAlone() {
  return !isShown(SPEAKER);
}

/** When the page opens, and where a site's own field is used, the focus stays. @param {State | ""} before */
function canTakeFocus(before) {
  const { activeElement } = document;
  const isOurs = !activeElement || activeElement === document.body || !!activeElement.closest("[data-part~=frame]");
  return before !== "loading" && before !== "logged-in" && isOurs;
}

define("lychgate-account", Account);
