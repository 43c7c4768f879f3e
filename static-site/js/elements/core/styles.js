/**
 * The style sheets of the elements. A page that links them itself shows no element without its styles; for all others they
 * are added when they are needed: each once, and again after a failure.
 */

import { make } from "./dom.js";
import { NetworkError } from "../../lychgate.js";
import { inTime } from "./languages.js";

// Written out, because bundlers follow no name that is put together.
const SHEETS = {
  lychgate: () => new URL("../lychgate.css", import.meta.url),
  account: () => new URL("../account.css", import.meta.url),
};

/** @type {Partial<Record<keyof typeof SHEETS, Promise<void>>>} */
const loading = {};

/**
 * @param {Element} element that they are for
 * @param {keyof typeof SHEETS} name
 * @returns {Promise<void>} as soon as it is there, or will not come in time: without its styles an element is no beauty, but it works
 */
export async function loadStyles(element, name) {
  // Each sheet says that it is there, whoever has brought it.
  if (getComputedStyle(element).getPropertyValue(`--lychgate-sheet-${name}`)) return;
  const root = /** @type {ShadowRoot} */ (element.getRootNode());
  // In a shadow root of the site's there are few elements, and a sheet that is there twice does no harm.
  await (root.host ? addSheet(root, name) : (loading[name] ??= addSheet(document.head, name))).catch(() => {});
}

/** @param {ParentNode} place @param {keyof typeof SHEETS} name @returns {Promise<void>} throws NetworkError */
function addSheet(place, name) {
  const coming = new Promise((/** @type {(nothing?: void) => void} */ resolve, reject) => {
    const sheet = make("link");
    const fail = () => {
      delete loading[name];
      sheet.remove();
      console.warn(`No style sheet at ${sheet.href}. With a bundler, import "lychgate/${name}.css".`);
      reject(new NetworkError());
    };
    const { href } = SHEETS[name]();
    // After the site's own sheets: so the layer counts more than a site's layer of resets. Rules without a layer count more.
    place.append(Object.assign(sheet, { rel: "stylesheet", href, onload: () => resolve(), onerror: fail }));
  });
  return inTime(coming);
}
