/** What the parts of one element share: their place in the document, the client, the words, and an end. */

import { find, make, partSelector, set } from "./dom.js";
import { load } from "./languages.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../../lychgate.js").Change} Change */
/** @typedef {import("./languages.js").Words} Words */
/** @typedef {import("./options.js").SiteOptions} SiteOptions */

/** The page's own place for notices. */
export const NOTICES = "[data-lychgate=notices]";
let count = 0;

/**
 * Tell the page. @param {Element} element @param {"logged-in" | "logged-out" | "error" | "step-up" | "shown" | "passkey-added"} type @param {object} [detail]
 */
export function tell(element, type, detail = {}) {
  element.dispatchEvent(new CustomEvent(`lychgate:${type}`, { bubbles: true, composed: true, detail }));
}

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
    this.notice = noticesOf(this);
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
   * Tell the page. @param {Parameters<typeof tell>[1]} type @param {object} [detail]
   */
  tell(type, detail) {
    tell(this.root, type, detail);
  }

  /** Put the place for notices where it belongs, also after the page has made its own anew. */
  seat() {
    const { region } = this.notice;
    if (!region.isConnected) (document.querySelector(NOTICES) ?? find(this.root, `:scope > ${partSelector("frame")}`)).append(region);
  }

  end() {
    this.#end.abort();
    this.notice.region.remove();
  }
}

/**
 * What an element says that belongs to no form, one after the other. What shows it is loaded when there is something to say.
 *
 * @param {View} view
 * @returns {Pick<import("./notice.js").Notice, "region" | "say" | "tell" | "warn" | "hush">}
 */
function noticesOf(view) {
  const { language: lang, direction: dir } = view.words;
  const region = set(make("div", "notice-place"), { role: "status", lang, dir });
  // No copy of it has that.
  region.isOurs = true;
  /** One promise, so that what is said first comes first. @type {Promise<any> | null} */
  let coming = null;
  const later =
    (/** @type {string} */ how) =>
    (/** @type {any} */ ...what) => {
      coming ??= load(() => import("./notice.js")).then(({ Notice }) => new Notice(view));
      coming.then(
        (notice) => view.signal.aborted || notice[how](...what),
        () => (coming = null),
      );
    };
  return { region, say: later("say"), tell: later("tell"), warn: later("warn"), hush: later("hush") };
}
