/**
 * Small helpers for the document. They insert text as text, never as markup. Knows nothing of tokens or calls.
 */

/**
 * @param {string} id
 * @returns {any} the element, which must exist
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
 * @returns {any} the first matching element, which must exist
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
 * Run a task for a button, ignoring clicks while it runs. The button is not disabled, because it would lose the focus.
 *
 * @param {HTMLButtonElement} button its `data-busy` is its label meanwhile
 * @param {() => Promise<unknown>} task
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
