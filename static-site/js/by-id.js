/** For pages, whose parts have ids. The parts of elements have none: `view.part()` finds them. */

/**
 * @param {string} id
 * @returns {any} the element, which must exist
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no #${id}.`);
  return element;
}
