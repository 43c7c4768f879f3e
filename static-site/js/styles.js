/** Loads style sheets for what is loaded when it is needed: each once, and again after a failure. */

import { make } from "./dom.js";
import { NetworkError } from "./lychgate.js";

/** @type {Record<string, Promise<void>>} by their addresses */
const sheets = {};

/** @param {string} href @returns {Promise<void>} throws NetworkError */
export function loadStyles(href) {
  return (sheets[href] ??= new Promise((resolve, reject) => {
    const sheet = make("link");
    const fail = () => {
      delete sheets[href];
      sheet.remove();
      reject(new NetworkError());
    };
    document.head.append(Object.assign(sheet, { rel: "stylesheet", href, onload: () => resolve(), onerror: fail }));
  }));
}
