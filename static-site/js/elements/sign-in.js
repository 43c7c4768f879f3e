/** `<lychgate-sign-in>`: every way in, and what has become of it. docs/elements.md */

import { untold } from "./core/clients.js";
import { find, make, partSelector, set } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";
import { forgetTab, loadWanted, makeEntry, startEntry, withWords } from "./sign-in/entry.js";

/** @typedef {import("./core/view.js").View} View */
/** @typedef {import("./core/element.js").State} State */
/** @typedef {ReturnType<typeof import("./sign-in/session.js").startSession>} Session */

/** Who shows already that somebody is logged in. */
const OTHERS = "lychgate-account, lychgate-user";

export class SignIn extends LychgateElement {
  static observedAttributes = [...LychgateElement.observedAttributes, "after", "return"];
  static isSingle = true;

  /** @type {ReturnType<typeof startEntry> | null} */
  #entry = null;
  /** @type {Awaited<ReturnType<typeof loadWanted>>} what the address asks for */
  #wanted = null;
  /** @type {ReturnType<typeof import("./sign-in/leaving.js").startLeaving>} for whoever goes on to another page */
  #leaving = null;
  /** What says what becomes of the session, once it was needed. @type {Promise<Session> | null} */
  #session = null;
  /** What it has to say, one after the other. @type {Promise<unknown>} */
  #said = Promise.resolve();
  #isSigningUp = false;
  /** The title that the page was told last, by whichever part. */
  #title = "";

  /** @param {View} view */
  async build(view) {
    this.#entry = this.#leaving = this.#session = null;
    this.#isSigningUp = false;
    this.#title = "";
    // Whoever cannot be sent on can stay.
    const isSentOn = this.hasAttribute("after") || (this.hasAttribute("return") && location.search);
    const leaving = isSentOn ? withWords(view, () => import("./sign-in/leaving.js"), import.meta.url).catch(() => null) : null;
    this.#wanted = (await loadWanted(view)?.catch(() => null)) ?? null;
    this.#leaving = (await leaving)?.startLeaving(view, this) ?? null;
    const spinner = set(make("span", "spinner"), { "aria-hidden": "true" });
    const waiting = make("div", "waiting", spinner, set(make("p", "", view.text("one-moment")), { role: "status" }));
    return [make("section", "loading", waiting), set(makeEntry(view), { hidden: "" })];
  }

  /** @param {State} state @param {{why: string, error?: unknown, before: State | ""}} how */
  show(state, { why, error, before }) {
    const view = /** @type {View} */ (this.view);
    if (!this.#entry) this.#start(view);
    if (state === "logged-in") return this.#showLoggedIn(view, why);
    if (state === "logged-out") this.#showLoggedOut(view, why, before);
    if (state === "failed") return this.#showFailed(view, error);
  }

  /** @param {any} [change] */
  hear(change) {
    if (/^logout|failed/.test(change?.type)) this.#say((session) => session.hear(change));
  }

  /** @param {View} view */
  #start(view) {
    view.listen(this, "lychgate:shown", ({ detail }) => (this.#title = detail.title));
    this.#entry = startEntry(view, {
      onTab: (key) => {
        const title = view.text(key);
        if (this.#isLoggedOut(view) && title !== this.#title) view.tell("shown", { title });
      },
      onSignUp: (isUnderWay) => (this.#isSigningUp = isUnderWay),
      wanted: this.#wanted,
    });
    if (this.#leaving?.isAsked) view.part("lead").textContent = view.text("lead-on");
    this.hear(untold.get(view.client));
  }

  /** @param {View} view @param {string} why */
  #showLoggedIn(view, why) {
    this.#title = "";
    const user = /** @type {import("../lychgate.js").User} */ (view.client.user);
    const isAlone = !document.querySelector(OTHERS);
    const isSigningUp = this.#isSigningUp;
    // Until it is there, or has led to another page.
    if (!find(this, partSelector("logged-out")).hidden) this.#open(isAlone || this.#leaving ? "loading" : "");
    return this.#say((session) => session.showLoggedIn(user, why, { isAlone, isSigningUp }));
  }

  /** @param {View} view @param {string} why @param {State | ""} before */
  async #showLoggedOut(view, why, before) {
    if (why) this.#entry?.clear();
    // A session that has ended before it was shown is no log-out: the tab stays.
    if (before === "logged-in") forgetTab();
    this.#open("logged-out");
    this.#focus(view, before);
    this.#entry?.showTab();
    if (why) this.#say((session) => session.showLoggedOut(why));
    try {
      await this.#entry?.followOptions();
      // What may be said later needs no network then.
      if (this.#isLoggedOut(view)) this.#say(() => {});
    } catch (error) {
      if (this.#isLoggedOut(view)) this.become("failed", { why: "", error });
    }
  }

  /** @param {View} view */
  #isLoggedOut(view) {
    return this.state === "logged-out" && this.view === view;
  }

  /** The session may go on, but nobody knows. @param {View} view @param {unknown} error */
  async #showFailed(view, error) {
    const failure = this.failure(view, error);
    const card = make("section", "failed card narrow", failure);
    await this.#say((session) => session.explain(card, failure, error));
    if (this.view === view && this.state === "failed") this.#open("failed", card);
  }

  /** Let it be said, in turn. What cannot be loaded is not said. @param {(session: Session) => void} what */
  #say(what) {
    const view = /** @type {View} */ (this.view);
    const session = (this.#session ??= withWords(view, () => import("./sign-in/session.js"), import.meta.url).then(({ startSession }) =>
      startSession(view, {
        open: (name, made) => this.#open(name, made),
        clear: () => this.#entry?.clear(),
        skip: () => this.become("logged-out", { why: "" }),
        leaving: this.#leaving,
      }),
    ));
    const said = this.#said.then(() => session).then((session) => view.signal.aborted || what(session));
    this.#said = said.catch(() => this.#session === session && (this.#session = null));
    return this.#said;
  }

  /** Show one of the sections, or none. @param {string} name @param {HTMLElement} [made] which has been made for that */
  #open(name, made) {
    const frame = find(this, partSelector("frame"));
    for (const section of frame.querySelectorAll(":scope > section")) {
      section.hidden = !section.matches(partSelector(name));
      if (section.dataset.made) section.remove();
    }
    if (!made) return;
    made.dataset.made = "once";
    frame.lastElementChild.before(made);
  }

  /** When the page opens, and where a site's own field is used, the focus stays. @param {View} view @param {State | ""} before */
  async #focus(view, before) {
    // Dialogs end with the session too, and keep the focus until then.
    await null;
    if (!this.#isLoggedOut(view)) return;
    const { activeElement } = document;
    const isOurs = !activeElement?.matches("body *") || activeElement.closest(`dialog, ${partSelector("frame")}`);
    if (before !== "loading" && before !== "logged-out" && isOurs) view.part("logged-out-title").focus();
  }
}

define("lychgate-sign-in", SignIn);
