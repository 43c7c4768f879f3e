/** What else is to be seen in the page. */

/**
 * @param {string} selector
 * @param {import("../../lychgate.js").Client} [client] what an element has to share
 * @returns {boolean} whether the page shows one, which may be in a closed dialog
 */
export function isShown(selector, client) {
  const all = [.../** @type {Iterable<any>} */ (document.querySelectorAll(selector))];
  return all.some((element) => element.checkVisibility() && (!client || element.client === client));
}
