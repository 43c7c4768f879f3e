/**
 * What all elements have in common: they share the client of their API, know whether somebody is logged in, say what keeps
 * them from working, and can be moved in the document or be put there again.
 */

import { SessionEnded } from "../../lychgate.js";
import { apiOf, clientOf, onRestored, restored } from "./clients.js";
import { make, makeButton, set, whileBusy } from "./dom.js";
import { explain, isNoApi, say } from "./explain.js";
import { languageOf, wordsIn } from "./languages.js";
import { loadStyles } from "./styles.js";
import { View } from "./view.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate.js").StorageMode} StorageMode */
/** @typedef {"loading" | "logged-out" | "logged-in" | "failed"} State */

/** Outside a browser there are no elements, and modules that define some can be imported all the same. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});
/** By the name of the element, those of which there may be one, and those that wait for its place. @type {Map<string, Set<LychgateElement>>} */
const places = new Map();

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

  /** The client, which all elements of the API share. @returns {Client} */
  get client() {
    return clientOf(this.getAttribute("api") ?? "/api", { storage: /** @type {StorageMode} */ (this.getAttribute("storage") ?? "cookie") });
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
   */
  show(state, how) {}

  /** Hear of what does not change the state. @param {import("../../lychgate.js").Change} change */
  hear(change) {}

  connectedCallback() {
    // An element that is moved leaves and comes back, and goes on.
    if (!this.#isOn && this.isConnected) this.#start();
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
    const round = (this.#round += 1);
    this.#isOn = true;
    this.dataset.state = "loading";
    if (/** @type {typeof LychgateElement} */ (this.constructor).isSingle) this.#waitForPlace();
    this.#open(round).catch((error) => {
      if (round === this.#round) this.#refuse(error);
    });
  }

  #stop() {
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
    const { language: lang, direction: dir } = view.words;
    const frame = set(make("div", "frame", ...nodes), { lang, dir });
    (document.querySelector("[data-lychgate=notices]") ?? frame).append(set(view.notice.region, { lang, dir }));
    this.put(frame);
  }

  /** @param {number} round */
  async #open(round) {
    const { areas, isSingle } = /** @type {typeof LychgateElement} */ (this.constructor);
    const words = await wordsIn(languageOf(this), areas);
    // Without its styles it is no beauty, but it works.
    await loadStyles(this, "lychgate").catch(() => {});
    if (round !== this.#round) return;
    const wrong = await this.#whatIsWrong(words);
    if (round !== this.#round) return;
    const view = new View(this, () => this.client, words);
    this.view = view;
    if (wrong) return this.#show(view, wrong);
    if (isSingle && !this.#hasPlace()) return this.#show(view, await say(words, "one-is-enough", { name: this.localName }));
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
    if (view.client.user) return this.become("logged-in", { why: "" });
    await this.restore();
  }

  /** Hear of all that becomes of the session. @param {View} view */
  follow(view) {
    view.onChange((change) => this.#follow(change));
  }

  /** Continue the session of an earlier page. */
  async restore() {
    const { client } = /** @type {View} */ (this.view);
    try {
      await restored(client);
      if (this.view?.client === client) this.become(client.user ? "logged-in" : "logged-out", { why: "" });
    } catch (error) {
      // A session that is over is no failure, and was told as a change.
      if (error instanceof SessionEnded || client.user) return;
      if (this.view?.client === client) this.become("failed", { why: "", error });
    }
  }

  /** @param {import("../../lychgate.js").Change} change */
  #follow(change) {
    const { type, why } = change;
    if (type === "logged-in" || type === "refreshed") this.become("logged-in", { why });
    else if (type === "logged-out") this.become("logged-out", { why });
    this.hear(change);
  }

  /** Be in another state, and show and tell it. @param {State} state @param {{why: string, error?: unknown}} how */
  become(state, how) {
    const before = this.state;
    this.dataset.state = state;
    this.show(state, { ...how, before });
    if (before === state || !this.view) return;
    if (state === "logged-in") this.view.tell("logged-in", { user: this.view.client.user });
    if (state === "logged-out" && before === "logged-in") this.view.tell("logged-out", { why: how.why });
    if (state === "failed") this.view.tell("error", { error: how.error });
  }

  /** @param {import("./languages.js").Words} words @returns {string | Promise<string>} "" for nothing */
  #whatIsWrong(words) {
    const api = this.getAttribute("api") ?? "/api";
    // Browsers send nothing to an address that has a password in it.
    const isUrl = URL.canParse(api, document.baseURI) && /^https?:..[^/@]+\//.test(new URL(api, document.baseURI).href);
    if (!isUrl || !api.trim()) return say(words, "bad-api", { api });
    const storage = this.getAttribute("storage") ?? "cookie";
    if (!/^(cookie|session|local|memory)$/.test(storage)) return say(words, "bad-storage", { storage });
    return isInStrangersFrame() ? say(words, "framed") : "";
  }

  /** Something that trying again does not change. @param {View} view @param {string} text */
  #show(view, text) {
    this.dataset.state = "failed";
    console.error(`<${this.localName}>: ${text}`);
    this.place(view, [set(make("p", "failure message", text), { role: "alert" })]);
  }

  /** The element's own files did not come, or are broken. @param {unknown} error */
  async #refuse(error) {
    this.dataset.state = "failed";
    console.error(error);
    const words = await wordsIn(languageOf(this)).catch(() => null);
    const text = words ? await explain(error, words) : "The service cannot be reached. Check your connection and try again.";
    const again = makeButton(words?.text("try-again") ?? "Try again", "button", () => this.#start());
    this.put(make("div", "frame", set(make("p", "failure message", text), { role: "alert" }), again));
  }

  /** In the order of the document. */
  #waitForPlace() {
    places.set(this.localName, (places.get(this.localName) ?? new Set()).add(this));
  }

  /** @returns {boolean} whether this is the one that works */
  #hasPlace() {
    return places.get(this.localName)?.values().next().value === this;
  }

  #leavePlace() {
    const waiting = places.get(this.localName);
    const wasFirst = this.#hasPlace();
    waiting?.delete(this);
    const next = wasFirst && waiting?.values().next().value;
    if (!next) return;
    next.#end();
    next.connectedCallback();
  }

  /** What a state of failure shows: what has happened, and a button. @param {View} view @param {unknown} error @returns {HTMLElement} */
  failure(view, error) {
    const again = set(makeButton(view.text("try-again"), "button", () => whileBusy(again, () => this.restore())), {
      "data-busy": view.text("trying"),
    });
    const place = set(make("p"), { role: "alert" });
    const text = isNoApi(error) ? say(view.words, "no-api", { api: this.root }) : explain(error, view.words);
    text.then((text) => (place.textContent = text));
    return make("div", "failure", place, again);
  }

  /** The API's root. @returns {string} */
  get root() {
    return apiOf(this.client);
  }
}

/** Define an element, once, and only where there are elements. @param {string} name @param {typeof LychgateElement} element */
export function define(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, /** @type {any} */ (element));
}

/** A page of strangers that shows this one in a frame can lie over its buttons. */
function isInStrangersFrame() {
  try {
    return !!window.top && !window.top.location.origin;
  } catch {
    return true;
  }
}
