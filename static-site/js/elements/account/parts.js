/** The parts of the logged-in view: each says what it is, and has a card. Their contents have modules of their own. */

import { make, makeButton, set } from "../core/dom.js";

/** @typedef {import("../core/view.js").View} View */

/**
 * Add a part at the end.
 *
 * @param {View} view
 * @param {string} name the title's
 * @param {string} title
 * @param {string} text
 * @param {...Node} children of the card
 */
export function addPart(view, name, title, text, ...children) {
  view.part("logged-in").append(makePart(view, name, title, text, ...children));
}

/** The same, to be put anywhere. @param {View} view @param {string} name @param {string} title @param {string} text @param {...Node} children */
export function makePart(view, name, title, text, ...children) {
  const heading = set(make("h2", name, title), { id: view.id(name), tabindex: "-1" });
  const head = make("div", "part-head", heading, make("p", "muted", text));
  return set(make("section", "part", head, make("div", "card", ...children)), { "aria-labelledby": heading.id });
}

/**
 * A list, what is said of it, and a button to load it again.
 *
 * @param {"ul" | "ol"} tag
 * @param {string} name of the list
 * @param {string} summary the name of the place
 * @param {HTMLElement} button
 * @returns {Node[]}
 */
export function listParts(tag, name, summary, button) {
  return [make("div", "state", set(make("p", `${summary} muted`), { role: "status" }), button), make(tag, `${name} entries`)];
}

/** @param {string} name @param {string} text @param {string} busy @param {string} [parts] */
export function loadButton(name, text, busy, parts = "button small") {
  return set(makeButton(text, `${name} ${parts}`, () => {}), { "data-busy": busy });
}

/** @param {string} name of a button that shows what is not shown of a list */
export function moreButton(name) {
  return set(makeButton("", `${name} button small more`, () => {}), { hidden: "" });
}

/** What is folded away until somebody wants it. Its form comes later. @param {string} name @param {string} text */
export function fold(name, text) {
  return make("details", `${name} fold`, make("summary", "", text));
}
