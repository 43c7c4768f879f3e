/** Builds forms for views that are loaded when they are needed, alike those that are in the page from the beginning. */

import { find, make, makeButton } from "./dom.js";

/**
 * @param {any} element
 * @param {Record<string, string>} attributes
 * @returns {any} the element
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * @param {string} id
 * @param {string} label
 * @param {Record<string, string>} attributes of the input, its name among them
 * @param {string} [hint]
 * @returns {HTMLElement} a field with its label, and room for a hint and an error
 */
export function field(id, label, attributes, hint = "") {
  const input = set(make("input"), {
    id,
    required: "",
    "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-error`,
    ...attributes,
  });
  const below = make("div", "below", set(make("p", "field-error"), { id: `${id}-error`, "data-error-for": input.name }));
  if (hint) below.prepend(set(make("p", "hint", hint), { id: `${id}-hint` }));
  return make("div", "field", set(make("label", "", label), { for: id }), input, below);
}

/**
 * @param {string} id
 * @param {string} label
 * @param {Record<string, string>} attributes of the input, its name among them
 * @param {{hint?: (string | Node)[], tally?: string}} [more] the hint's parts, and the id of a place for the count of characters
 * @returns {HTMLElement} a field for a password, with a button that shows it
 */
export function passwordField(id, label, attributes, { hint = [], tally } = {}) {
  const element = field(id, label, { type: "password", autocomplete: "current-password", ...attributes });
  const input = find(element, "input");
  const reveal = set(makeButton("", "reveal", () => {}), { "aria-controls": id });
  reveal.append(set(make("span", "", "Show"), { "data-verb": "" }), make("span", "sr-only", ` ${label.toLowerCase()}`));
  const place = make("div", "with-button");
  input.replaceWith(place);
  place.append(input, reveal);
  if (tally) place.after(set(make("p", "tally"), { id: tally, "aria-hidden": "true" }));
  if (hint.length) {
    find(element, ".below").prepend(set(make("p", "hint", ...hint), { id: `${id}-hint` }));
    set(input, { "aria-describedby": `${id}-hint ${id}-error` });
  }
  return element;
}

/** @returns {HTMLElement} whose password it is, for password managers */
export function usernameField() {
  return set(make("input"), {
    type: "text",
    name: "username",
    autocomplete: "username",
    "aria-label": "Username",
    readonly: "",
    hidden: "",
  });
}

/**
 * @param {string} text
 * @param {string} busy the text while the form is being sent
 * @param {string} [className]
 */
export function submit(text, busy, className = "button primary wide") {
  return set(make("button", className, text), { type: "submit", "data-busy": busy });
}

/** @param {string} id @param {...(string | Node)} children @returns {any} a form with room for its error at the end */
export function form(id, ...children) {
  const error = set(make("p", "form-error"), { "data-form-error": "", role: "alert" });
  const element = set(make("form"), { id, method: "post", novalidate: "" });
  element.append(...children, error);
  return element;
}
