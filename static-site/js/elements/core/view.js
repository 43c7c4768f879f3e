/** What the parts of one element share: their place in the document, the client, the words, and an end. */

import { find, partSelector } from "./dom.js";
import { Notice } from "./notice.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate.js").Change} Change */
/** @typedef {import("./languages.js").Words} Words */
/** @typedef {import("./options.js").SiteOptions} SiteOptions */

let count = 0;

/** One element's, from the moment that it is in the document to the moment that it is not. */
export class View {
  #prefix = `lychgate-${(count += 1)}`;
  #end = new AbortController();
  #findClient;
  /** @type {Client | undefined} */
  #client;

  /**
   * @param {HTMLElement} root what has the parts in it
   * @param {() => Client} findClient is called when the client is wanted first: from then on it looks after the session
   * @param {Words} words
   */
  constructor(root, findClient, words) {
    this.root = root;
    this.#findClient = findClient;
    this.words = words;
    this.notice = new Notice(/** @type {any} */ (this));
    /** Is aborted when the element leaves the document. */
    this.signal = this.#end.signal;
  }

  /** @returns {Client} */
  get client() {
    return (this.#client ??= this.#findClient());
  }

  /** @param {string} name @returns {any} the first part of that name, which must exist */
  part(name) {
    return find(this.root, partSelector(name));
  }

  /** @param {string} name @returns {string} an id for labels and ARIA, which no other element of the page has */
  id(name) {
    return `${this.#prefix}-${name}`;
  }

  /** @param {string} key @param {Record<string, string | number>} [values] @returns {string} */
  text(key, values) {
    return this.words.text(key, values);
  }

  /** A text with elements in it. @param {string} key @param {Record<string, string | number | Node>} values */
  pieces(key, values) {
    return this.words.pieces(key, values);
  }

  /** The same as `addEventListener`, until the view's end. @param {EventTarget} target @param {string} type @param {(event: any) => void} listener */
  listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.signal });
  }

  /** Hear of changes of the session, until the view's end. @param {(change: Change) => void} listener */
  onChange(listener) {
    this.signal.addEventListener("abort", this.client.onChange(listener));
  }

  /**
   * Tell the page. @param {"logged-in" | "logged-out" | "error" | "step-up" | "shown" | "passkey-added"} type @param {object} [detail]
   */
  tell(type, detail = {}) {
    this.root.dispatchEvent(new CustomEvent(`lychgate:${type}`, { bubbles: true, composed: true, detail }));
  }

  end() {
    this.#end.abort();
    this.notice.region.remove();
  }
}
