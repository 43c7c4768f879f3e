/**
 * What is wrong with the page itself, which trying again does not change. Loaded by an element that has an attribute to be
 * looked at, is in a frame, or is one too many.
 */

import { isStorage, rootFor, rootOf, storing } from "./clients.js";

/** @typedef {import("./element.js").LychgateElement} LychgateElement */
/** @typedef {import("./languages.js").Words} Words */

/** What was told, which is told once. @type {Set<string>} */
const told = new Set();

/**
 * @param {LychgateElement} element
 * @param {Words} words with those of its "steps"
 * @param {boolean} isOneTooMany
 * @returns {string} "" for nothing
 */
export function whatIsWrong(element, words, isOneTooMany) {
  const api = element.getAttribute("api") ?? "/api";
  if (!isAddress(rootOf(api)) || !api.trim()) return words.text("bad-api", { api });
  const storage = element.getAttribute("storage") ?? "cookie";
  if (!isStorage(storage)) return words.text("bad-storage", { storage });
  if (isInStrangersFrame()) return words.text("framed");
  warnOfOthers(element);
  return isOneTooMany ? words.text("one-is-enough", { name: element.localName }) : "";
}

/** What is meant to be the same may be mistyped, and works all the same. @param {Element} element */
function warnOfOthers(element) {
  const root = rootFor(element);
  const all = [...document.querySelectorAll("*")].filter(({ localName }) => localName.startsWith("lychgate-"));
  // What is no address is told by its element.
  const roots = new Set(all.map(rootFor).filter(isAddress));
  if (roots.size > 1) warn(`The elements of this page have several APIs, and share no session: ${[...roots].join(" ")}`);
  const modes = new Set(storing(root).map((one) => one.getAttribute("storage")));
  if (modes.size > 1) warn(`The elements of ${root} name several places for the refresh token, and the first counts: ${[...modes].join(" ")}`);
}

/** Browsers send nothing to an address that has a password in it. @param {string} root @returns {boolean} */
function isAddress(root) {
  return URL.canParse(root) && /^https?:..[^/@]+\//.test(root);
}

/** @param {string} text */
function warn(text) {
  if (!told.has(text)) console.warn(text);
  told.add(text);
}

/** A page of strangers that shows this one in a frame can lie over its buttons. */
function isInStrangersFrame() {
  try {
    return !!window.top && !window.top.location.origin;
  } catch {
    return true;
  }
}
