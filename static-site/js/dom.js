/**
 * Small helpers for the document. Text goes in as text and never as markup. Knows nothing of tokens or calls.
 */

/**
 * @param {string} id
 * @returns {any} the element, which must be there
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no #${id}.`);
  return element;
}

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {...(string | Node)} children
 * @returns {any}
 */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {any} the first element that fits, which must be there
 */
export function find(parent, selector) {
  const element = parent.querySelector(selector);
  if (!element) throw new Error(`The page has no ${selector} there.`);
  return element;
}

/** @param {string} text what to show @param {string} className @param {() => void} onClick */
export function makeButton(text, className, onClick) {
  const button = /** @type {HTMLButtonElement} */ (make("button", className, text));
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

/**
 * Run a task once at a time for a button. The button keeps the focus, which a disabled one would lose.
 *
 * @param {HTMLButtonElement} button its `data-busy` is what it says meanwhile
 * @param {() => Promise<void>} task
 */
export async function whileBusy(button, task) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const text = button.textContent;
  button.setAttribute("aria-disabled", "true");
  if (button.dataset.busy) button.textContent = button.dataset.busy;
  try {
    await task();
  } finally {
    button.removeAttribute("aria-disabled");
    button.textContent = text;
  }
}

const timeFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** @param {Date} date */
export const clockTime = (date) => timeFormat.format(date);
/** @param {Date} date */
export const dateAndTime = (date) => momentFormat.format(date);
