/**
 * What all elements have in common: they share the client of their API, know whether somebody is logged in, say what keeps
 * them from working, and can be moved in the document or be put there again.
 */

import { SessionEnded } from "../../lychgate.js";
import { clientOf, onRestored, restored, rootFor, storing } from "./clients.js";
import { make, makeButton, partSelector, set, whileBusy } from "./dom.js";
import { explain } from "./explain.js";
import { load, wordsFor } from "./languages.js";
import { loadStyles } from "./styles.js";
import { NOTICES, tell, View } from "./view.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate.js").StorageMode} StorageMode */
/** @typedef {"loading" | "logged-out" | "logged-in" | "failed"} State */

/** Outside a browser there are no elements, and modules that define some can be imported all the same. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});
/** Those of which there may be one, and those that wait for its place. @type {Set<LychgateElement>} */
const waiting = new Set();

/** The base of all elements. */
export class LychgateElement extends Base {
  static observedAttributes = ["api", "lang", "storage"];
  /** Whether a page has one at most: forms for the same password confuse password managers. */
  static isSingle = false;
  /** What words it needs beside the usual. @type {import("./languages.js").Area[]} */
  static areas = [];

  /** @type {View | null} while it is in the document and works */
  view = null;
  /** From its beginning in the document to its end there. */
  #isOn = false;
  /** Rises when it begins again: what an earlier beginning has waited for does not count then. */
  #round = 0;
  /** What `data-state` was made, which may tell more. @type {State | ""} */
  #state = "";
  /** Of whom the page was told last that they are logged in, "" for nobody. */
  #told = "";

  /** The client, which all elements of the API share. @returns {Client} */
  get client() {
    const root = rootFor(this);
    const storage = (storing(root)[0] ?? this).getAttribute("storage") ?? "cookie";
    return clientOf(root, { storage: /** @type {StorageMode} */ (storage) });
  }

  /** @returns {State | ""} */
  get state() {
    return /** @type {State} */ (this.dataset.state ?? "");
  }

  /** Put what the element shows into the document. @param {View} view @returns {Node[] | Promise<Node[]>} */
  build(view) {
    return [];
  }

  /**
   * Show another state. The first call comes when the element is in the document and nothing is known.
   *
   * @param {State} state
   * @param {{why: string, error?: unknown, before: State | ""}} how the change's `why`, "" if nothing has happened
   * @returns {any} a promise if it takes a while
   */
  show(state, how) {}

  /** Hear of what does not change the state. @param {import("../../lychgate.js").Change} change */
  hear(change) {}

  connectedCallback() {
    if (!this.isConnected) return;
    // An element that is moved leaves and comes back, maybe into a shadow root, and goes on.
    if (this.#isOn) loadStyles(this, "lychgate");
    else this.#start();
  }

  disconnectedCallback() {
    queueMicrotask(() => !this.isConnected && this.#stop());
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#isOn || before === after) return;
    this.#end();
    this.#start();
  }

  #start() {
    this.#isOn = true;
    // A copy of an element has what the other showed, which may be somebody else's.
    this.clear();
    // So have copies of what was said, which nobody would take away.
    for (const region of /** @type {Iterable<any>} */ (document.querySelectorAll(`${NOTICES} > ${partSelector("notice-place")}`))) if (!region.isOurs) region.remove();
    if (/** @type {typeof LychgateElement} */ (this.constructor).isSingle) waiting.add(this);
    this.#begin();
  }

  async #begin() {
    const round = (this.#round += 1);
    this.#state = this.dataset.state = "loading";
    const words = wordsFor(this);
    try {
      await this.#open(round, words);
    } catch (error) {
      if (round === this.#round) await this.#fail(error, round, words);
    }
  }

  #stop() {
    this.#told = "";
    this.#end();
    this.#leavePlace();
  }

  #end() {
    this.#round += 1;
    this.#isOn = false;
    this.view?.end();
    this.view = null;
    this.clear();
  }

  /** Take away what `put` has put there. */
  clear() {
    this.replaceChildren();
  }

  /** @param {HTMLElement} frame all that the element shows */
  put(frame) {
    this.replaceChildren(frame);
  }

  /** @param {View} view @param {Node[]} nodes */
  place(view, nodes) {
    this.put(frameOf(view.words, ...nodes));
    view.seat();
  }

  /** @param {number} round @param {import("./languages.js").Words} words */
  async #open(round, words) {
    const { areas, isSingle } = /** @type {typeof LychgateElement} */ (this.constructor);
    await Promise.all([words.load("base"), words.load(...areas), loadStyles(this, "lychgate")]);
    if (round !== this.#round) return;
    const isOneTooMany = isSingle && this.#first !== this;
    if (isOneTooMany || window.top !== window || this.matches("[api], [storage]")) {
      const [{ whatIsWrong }] = await Promise.all([load(() => import("./wrong.js")), words.load("steps")]);
      if (round !== this.#round) return;
      const wrong = whatIsWrong(this, words, isOneTooMany);
      if (wrong) return this.#refuse(new Error(wrong), words, wrong);
    }
    const view = new View(this, () => this.client, words);
    this.view = view;
    const nodes = await this.build(view);
    if (round !== this.#round) return;
    this.place(view, nodes);
    await this.begin(view);
  }

  /** Learn whether somebody is logged in, once the element shows something. @param {View} view */
  async begin(view) {
    this.follow(view);
    // Another element has tried again.
    view.signal.addEventListener("abort", onRestored(view.client, () => this.state === "failed" && this.restore()));
    this.become("loading", { why: "" });
    await this.restore();
  }

  /** Hear of all that becomes of the session. @param {View} view */
  follow(view) {
    // Whoever is told of a change may end the view, and more may be on its way.
    view.onChange((change) => this.view === view && this.#follow(change));
  }

  /** Continue the session of an earlier page. */
  async restore() {
    const view = /** @type {View} */ (this.view);
    const { client } = view;
    let failure;
    try {
      await restored(client);
    } catch (error) {
      // A session that is over is no failure, and was told as a change.
      if (error instanceof SessionEnded || client.user) return;
      failure = { error };
    }
    if (this.view === view) await this.become(failure ? "failed" : client.user ? "logged-in" : "logged-out", { why: "", ...failure });
  }

  /** @param {import("../../lychgate.js").Change} change */
  #follow(change) {
    const { type, why } = change;
    const { view } = this;
    if (type === "logged-in" || type === "refreshed") this.become("logged-in", { why });
    else if (type === "logged-out") this.become("logged-out", { why });
    if (this.view === view) this.hear(change);
  }

  /** Be in another state, and show and tell it. @param {State} state @param {{why: string, error?: unknown}} how */
  become(state, how) {
    const before = this.#state;
    this.#state = this.dataset.state = state;
    const shown = this.#keepFocus(() => this.show(state, { ...how, before }));
    const user = state === "logged-in" && this.view?.client.user;
    if (user && user.id !== this.#told) {
      this.#told = user.id;
      tell(this, "logged-in", { user });
    }
    if (state === "logged-out" && this.#told) {
      this.#told = "";
      tell(this, "logged-out", { why: how.why });
    }
    if (state === "failed" && before !== state) tell(this, "error", { error: how.error });
    return shown;
  }

  /** What has the focus may go: then what takes its place gets it. @param {() => unknown} change */
  async #keepFocus(change) {
    const hadIt = this.matches(":focus-within");
    await change();
    if (hadIt) load(() => import("./focus.js")).then(({ keepFocus }) => keepFocus(this), () => {});
  }

  /** Say what keeps the element from working at all. @param {any} error @param {import("./languages.js").Words} words @param {string} text @param {...Node} more */
  #refuse(error, words, text, ...more) {
    this.#state = this.dataset.state = "failed";
    console.error(`<${this.localName}>:`, error);
    this.put(frameOf(words, set(make("p", "failure message", text), { role: "alert" }), ...more));
    tell(this, "error", { error });
  }

  /** The element's own files did not come, or are broken. @param {unknown} error @param {number} round @param {import("./languages.js").Words} words what is there of them */
  async #fail(error, round, words) {
    const text = words.has("dismiss") ? await explain(error, words) : words.text("unreachable");
    if (round !== this.#round) return;
    const again = makeButton(words.text("try-again"), "button", () => whileBusy(again, () => this.#keepFocus(() => this.#begin())));
    this.#refuse(error, words, text, again);
  }

  /** The one that has the place. */
  get #first() {
    return [...waiting].find(({ localName }) => localName === this.localName);
  }

  #leavePlace() {
    waiting.delete(this);
    const next = this.#first;
    // It works already if it was the first before.
    if (!next || next.view) return;
    next.#end();
    next.connectedCallback();
  }

  /** What a state of failure shows: what has happened, and a button. @param {View} view @param {unknown} error @returns {HTMLElement} */
  failure(view, error) {
    const again = set(makeButton(view.text("try-again"), "button", () => whileBusy(again, () => this.restore())), {
      "data-busy": view.text("trying"),
    });
    const place = set(make("p"), { role: "alert" });
    explain(error, view.words, rootFor(this)).then((text) => (place.textContent = text));
    return make("div", "failure", place, again);
  }
}

/** Define an element, once, and only where there are elements. @param {string} name @param {typeof LychgateElement} element */
export function define(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, /** @type {any} */ (element));
}

/** @param {import("./languages.js").Words} words @param {...Node} nodes in that language @returns {HTMLElement} */
function frameOf({ language: lang, direction: dir }, ...nodes) {
  return set(make("div", "frame", ...nodes), { lang, dir });
}
