/** The parts of the logged-in view: each says what it is, and has a card. Their contents have modules of their own. */

import { byId, make, makeButton } from "./dom.js";
import { set } from "./fields.js";

/**
 * Add a part at the end.
 *
 * @param {string} id the title's
 * @param {string} title
 * @param {string} text
 * @param {...Node} children of the card
 */
export function addPart(id, title, text, ...children) {
  byId("logged-in").append(makePart(id, title, text, ...children));
}

/** The same, to be put anywhere. @param {string} id @param {string} title @param {string} text @param {...Node} children */
export function makePart(id, title, text, ...children) {
  const head = make("div", "part-head", set(make("h2", "", title), { id, tabindex: "-1" }), make("p", "muted", text));
  return set(make("section", "part", head, make("div", "card", ...children)), { "aria-labelledby": id });
}

/**
 * A list, what is said of it, and a button to load it again.
 *
 * @param {"ul" | "ol"} tag
 * @param {string} id
 * @param {string} summary the id of the place
 * @param {HTMLElement} button
 * @returns {Node[]}
 */
export function listParts(tag, id, summary, button) {
  return [
    make("div", "state", set(make("p", "muted"), { id: summary, role: "status" }), button),
    set(make(tag, "entries"), { id }),
  ];
}

/** @param {string} id @param {string} text @param {string} busy @param {string} [className] */
export function loadButton(id, text, busy, className = "button small") {
  return set(makeButton(text, className, () => {}), { id, "data-busy": busy });
}

/** @param {string} id of a button that shows what is not shown of a list */
export function moreButton(id) {
  return set(makeButton("", "button small more", () => {}), { id, hidden: "" });
}
