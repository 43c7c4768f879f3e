/** What else is to be seen in the page. */

/** @param {string} selector @returns {boolean} whether the page shows one, which may be in a closed dialog */
export function isShown(selector) {
  return [...document.querySelectorAll(selector)].some((element) => element.checkVisibility());
}
