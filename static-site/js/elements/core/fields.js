/** Forms and their fields, alike in all elements. */

import { find, make, makeButton, set } from "./dom.js";

/** @typedef {import("./view.js").View} View */

/**
 * @param {View} view
 * @param {string} name of the part that the input is, and the beginning of the names of what belongs to it
 * @param {string} label
 * @param {Record<string, string>} attributes of the input, its name among them
 * @param {string | (string | Node)[]} [hint]
 * @returns {HTMLElement} a field with its label, and room for a hint and an error
 */
export function field(view, name, label, attributes, hint = "") {
  const hintId = view.id(`${name}-hint`);
  const errorId = view.id(`${name}-error`);
  const input = set(make("input", name), {
    id: view.id(name),
    required: "",
    "aria-describedby": `${hint.length ? `${hintId} ` : ""}${errorId}`,
    ...attributes,
  });
  const below = make("div", "below", set(make("p", `field-error ${name}-error`), { id: errorId, "data-error-for": input.name }));
  if (hint.length) below.prepend(set(make("p", `hint ${name}-hint`, ...[hint].flat()), { id: hintId }));
  return make("div", `field ${name}-field`, set(make("label", "", label), { for: input.id }), input, below);
}

/**
 * @param {View} view
 * @param {string} name as in `field`
 * @param {string} label
 * @param {Record<string, string>} attributes of the input, its name among them
 * @param {{hint?: string, hasTally?: boolean}} [more] the hint, and whether there is a count of characters
 * @returns {HTMLElement} a field for a password, with a button that shows it
 */
export function passwordField(view, name, label, attributes, { hint = "", hasTally = false } = {}) {
  const element = field(view, name, label, { type: "password", autocomplete: "current-password", ...attributes }, hint);
  const input = find(element, "input");
  const reveal = set(makeButton("", "reveal", () => {}), { "aria-controls": input.id });
  // The whole is what screen readers say, and the verb is what is seen.
  reveal.append(set(make("span", ""), { "data-verb": "", "aria-hidden": "true" }), set(make("span", "sr-only"), { "data-whole": label }));
  const place = make("div", "with-button");
  input.replaceWith(place);
  place.append(input, reveal);
  if (hasTally) element.append(set(make("p", `tally ${name}-tally`), { "aria-hidden": "true" }));
  showVerb(view, reveal, false);
  return element;
}

/** Show or hide the password in a button's field. @param {View} view @param {Element} reveal @param {boolean} isShown */
export function setRevealed(view, reveal, isShown) {
  revealed(reveal).type = isShown ? "text" : "password";
  showVerb(view, reveal, isShown);
}

/** @param {Element} reveal @returns {any} the input of a button that shows it */
export function revealed(reveal) {
  return find(/** @type {Element} */ (reveal.parentElement), "input");
}

/** @param {View} view @param {Element} reveal @param {boolean} isShown */
function showVerb(view, reveal, isShown) {
  const whole = find(reveal, "[data-whole]");
  find(reveal, "[data-verb]").textContent = view.text(isShown ? "hide" : "show");
  whole.textContent = view.text(isShown ? "hide-field" : "show-field", { field: whole.dataset.whole });
}

/** @param {View} view @returns {HTMLElement} whose password it is, for password managers */
export function usernameField(view) {
  return set(make("input"), {
    type: "text",
    name: "username",
    autocomplete: "username",
    "aria-label": view.text("username"),
    readonly: "",
    hidden: "",
  });
}

/**
 * @param {string} text
 * @param {string} busy the text while the form is being sent
 * @param {string} [parts]
 */
export function submit(text, busy, parts = "button primary wide") {
  return set(make("button", parts, text), { type: "submit", "data-busy": busy });
}

/** @param {string} name of the part @param {...(string | Node)} children @returns {any} a form with room for its error at the end */
export function form(name, ...children) {
  const error = set(make("p", "form-error"), { "data-form-error": "", role: "alert" });
  const element = set(make("form", name), { method: "post", novalidate: "" });
  element.append(...children, error);
  return element;
}
