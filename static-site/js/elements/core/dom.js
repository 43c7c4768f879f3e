/**
 * Small helpers for the document. They insert text as text, never as markup, so a page may demand Trusted Types. Elements
 * name their parts in `data-part`, in place of classes and ids, which a site may have too.
 */

/**
 * @param {string} tag
 * @param {string} [parts] what it is, in words that style sheets know: its `data-part`
 * @param {...(string | Node)} children
 * @returns {any}
 */
export function make(tag, parts = "", ...children) {
  const element = document.createElement(tag);
  if (parts) element.dataset.part = parts;
  element.append(...children);
  return element;
}

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
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {any} the first matching element, which must exist
 */
export function find(parent, selector) {
  const element = parent.querySelector(selector);
  if (!element) throw new Error(`No ${selector}`);
  return element;
}

/** @param {string} name @returns {string} a selector of the elements that have it among their parts */
export function partSelector(name) {
  return `[data-part~="${name}"]`;
}

/** Add a word to what an element is, or take it away. @param {HTMLElement} element @param {string} part @param {boolean} isOne */
export function markPart(element, part, isOne) {
  const others = (element.dataset.part ?? "").split(" ").filter((word) => word && word !== part);
  element.dataset.part = [...others, ...(isOne ? [part] : [])].join(" ");
}

/** @param {string} text what to show @param {string} parts @param {() => void} onClick */
export function makeButton(text, parts, onClick) {
  const button = /** @type {HTMLButtonElement} */ (make("button", parts, text));
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

/**
 * @param {string} selector
 * @param {import("../../lychgate.js").Client} [client] what an element has to share
 * @returns {boolean} whether the page shows one, which may be in a closed dialog
 */
export function isShown(selector, client) {
  const all = [.../** @type {Iterable<any>} */ (document.querySelectorAll(selector))];
  return all.some((element) => element.checkVisibility() && (!client || element.client === client));
}
