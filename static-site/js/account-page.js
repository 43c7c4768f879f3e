/** What our own page of mailed links adds to its element: its language, and its title. */

import "./page-language.js";
import "./elements/mail-link.js";

addEventListener("lychgate:shown", (event) => {
  document.title = `${/** @type {CustomEvent} */ (event).detail.title} · Lychgate`;
});
