/** `<lychgate-sign-in>`: every way in, and what has become of it. docs/elements.md */

import { find, make, makeButton, partSelector, set, whileBusy } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";
import { describe, isNoApi } from "./core/messages.js";
import { forgetTab, loadWanted, makeEntry, startEntry } from "./sign-in/entry.js";

/** @typedef {import("./core/view.js").View} View */
/** @typedef {import("./core/element.js").State} State */

/** Who shows already that somebody is logged in. */
const OTHERS = "lychgate-account, lychgate-user";

export class SignIn extends LychgateElement {
  static observedAttributes = [...LychgateElement.observedAttributes, "after", "return"];
  static isSingle = true;

  /** @type {ReturnType<typeof startEntry> | null} */
  #entry = null;
  /** @type {ReturnType<typeof import("./sign-in/leaving.js").startLeaving>} for whoever goes on to another page */
  #leaving = null;
  /** The user who is shown, null for none. @type {string | null} */
  #shownId = null;
  /** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
  #isInTrouble = false;
  /** Whether a notice says that the service has not heard of a log-out yet. */
  #isLogOutUntold = false;
  #isSigningUp = false;
  /** @type {Awaited<ReturnType<typeof loadWanted>>} what the address asks for */
  #wanted = null;

  /** @param {View} view */
  async build(view) {
    this.#entry = this.#leaving = this.#shownId = null;
    this.#isInTrouble = this.#isLogOutUntold = this.#isSigningUp = false;
    if (this.hasAttribute("after") || (this.hasAttribute("return") && location.search)) {
      // Whoever cannot be sent on can stay.
      const loaded = await Promise.all([import("./sign-in/leaving.js"), view.words.load("steps")]).catch(() => null);
      this.#leaving = loaded && loaded[0].startLeaving(view, this);
    }
    this.#wanted = await loadWanted(view)?.catch(() => null) ?? null;
    const spinner = set(make("span", "spinner"), { "aria-hidden": "true" });
    const waiting = make("div", "waiting", spinner, set(make("p", "", view.text("one-moment")), { role: "status" }));
    return [make("section", "loading", waiting), set(makeEntry(view), { hidden: "" })];
  }

  /** @param {State} state @param {{why: string, error?: unknown, before: State | ""}} how */
  show(state, { why, error, before }) {
    const view = /** @type {View} */ (this.view);
    if (!this.#entry) this.#start(view);
    if (state === "logged-in") this.#showLoggedIn(view, why);
    else if (state === "logged-out") this.#showLoggedOut(view, why, before);
    else if (state === "failed") this.#showFailed(view, error);
  }

  /** @param {import("../lychgate.js").Change} change */
  hear({ type, error }) {
    const view = /** @type {View} */ (this.view);
    if (type === "logout-pending") this.#reportLogOut(view, false);
    if (type === "logout-sent") this.#reportLogOut(view, true);
    if (type !== "refresh-failed" || !view.client.user) return;
    this.#isInTrouble = true;
    const again = () => view.client.refresh("try again").catch(() => {});
    const text = view.text("still-logged-in", { message: describe(error, view.words) });
    view.notice.warn(text, { label: view.text("try-again"), run: again });
  }

  /** @param {View} view */
  #start(view) {
    this.#entry = startEntry(view, {
      onTab: (title) => this.state === "logged-out" && view.tell("shown", { title }),
      onSignUp: (isUnderWay) => (this.#isSigningUp = isUnderWay),
      wanted: this.#wanted,
    });
    if (this.#leaving?.isAsked) view.part("lead").textContent = view.text("lead-on");
  }

  /** @param {View} view @param {string} why */
  #showLoggedIn(view, why) {
    const { id, username } = /** @type {import("../lychgate.js").User} */ (view.client.user);
    const leaving = this.#leaving;
    const previous = this.#shownId;
    const isNew = previous === null;
    this.#shownId = id;
    if (leaving && isNew && (why === "entered" || leaving.mayLeaveAlone())) {
      this.#entry?.clear();
      this.#open("loading");
      return leaving.leave();
    }
    if (isNew) view.notice.hush();
    if (previous !== id) {
      this.#entry?.clear();
      forgetTab();
    }
    const isAlone = !document.querySelector(OTHERS);
    this.#open(isAlone ? "logged-in-alone" : "", isAlone ? this.#alone(view, username) : undefined);
    this.#isLogOutUntold = false;
    const { notice } = view;
    if (!isNew && previous !== id) notice.warn(view.text("logged-in-elsewhere", { name: username }));
    else if (why === "entered" && this.#isSigningUp) notice.say(view.text("account-ready"));
    else if (isNew && leaving) leaving.offer();
    else if (this.#isInTrouble) notice.say(view.text("service-back"));
    this.#isInTrouble = false;
  }

  /** @param {View} view @param {string} why @param {State | ""} before */
  async #showLoggedOut(view, why, before) {
    this.#shownId = null;
    this.#isInTrouble = this.#isLogOutUntold = false;
    if (why) this.#entry?.clear();
    // A session that has ended before it was shown is no log-out: the tab stays.
    if (before === "logged-in") forgetTab();
    this.#open("logged-out");
    this.#focus(view, before, "logged-out-title");
    view.tell("shown", { title: this.#entry?.showTab() });
    if (why === "elsewhere") view.notice.say(view.text("logged-out-elsewhere"));
    else if (why === "refused") view.notice.warn(view.text("session_ended"));
    else if (why) view.notice.say(view.text("you-are-logged-out"));
    try {
      const title = await this.#entry?.followOptions();
      if (this.state === "logged-out" && this.view === view) view.tell("shown", { title });
    } catch (error) {
      if (this.state === "logged-out" && this.view === view) this.become("failed", { why: "", error });
    }
  }

  /** The session may go on, but nobody knows. @param {View} view @param {unknown} error */
  #showFailed(view, error) {
    const failure = this.failure(view, error);
    const card = make("section", "failed card narrow", failure);
    if (!isNoApi(error)) {
      const title = set(make("h1", "loading-title", view.text("not-opened")), { tabindex: "-1" });
      const skip = makeButton(view.text("log-in-instead"), "restore-skip button quiet", () => this.become("logged-out", { why: "" }));
      failure.before(title);
      failure.lastElementChild?.before(make("p", "muted", view.text("keeps-trying")));
      failure.lastElementChild?.after(skip);
    }
    this.#open("failed", card);
  }

  /** @param {View} view @param {string} username */
  #alone(view, username) {
    const name = make("bdi", "", username);
    const title = set(make("h1", "logged-in-title", ...view.pieces("you-are-logged-in-as", { name })), { tabindex: "-1" });
    const leave = makeButton(view.text("log-out"), "log-out button", () => whileBusy(leave, () => view.client.logout()));
    return make("section", "logged-in-alone card narrow", title, leave);
  }

  /** @param {View} view @param {boolean} isKnown whether the log-out has reached the API */
  #reportLogOut(view, isKnown) {
    if (!isKnown) view.notice.warn(view.text("log-out-untold"));
    else if (this.#isLogOutUntold) view.notice.say(view.text("log-out-told"));
    this.#isLogOutUntold = !isKnown;
  }

  /** Show one of the sections, or none. @param {string} name @param {HTMLElement} [made] which has been made for that */
  #open(name, made) {
    const frame = find(this, partSelector("frame"));
    frame.querySelector(`:scope > :is(${partSelector("failed")}, ${partSelector("logged-in-alone")})`)?.remove();
    if (made) frame.lastElementChild.before(made);
    for (const section of frame.querySelectorAll(":scope > section")) section.hidden = !section.matches(partSelector(name));
  }

  /** When the page opens, and where a site's own field is used, the focus stays. @param {View} view @param {string} before @param {string} title */
  #focus(view, before, title) {
    const { activeElement } = document;
    const isOurs = !activeElement || activeElement === document.body || activeElement.closest("[data-part~=frame]");
    if (before !== "loading" && before !== this.state && isOurs) view.part(title).focus();
  }
}

define("lychgate-sign-in", SignIn);
