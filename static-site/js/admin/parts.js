/** What the views of the administration have in common. */

import { make } from "../elements/core/dom.js";

/** @param {string} title of what is shown */
export function tellTitle(title) {
  document.title = `${title} · Lychgate`;
}

/** @param {string} text of a link @param {string} href */
export function link(text, href) {
  return Object.assign(make("a", "", text), { href });
}

const LONGEST = 40;

/**
 * A user's name for a sentence, which it does not turn around or fill: Unicode's isolates are for names of other scripts
 * (UAX #9, section 2.4.2).
 *
 * @param {{username: string}} user
 */
export function called({ username }) {
  const letters = [...username];
  return `\u2068${letters.length > LONGEST ? `${letters.slice(0, LONGEST).join("")}…` : username}\u2069`;
}
