/** The question for who it is, for what the page does itself. Loaded only then. */

import { confirm } from "../core/confirm-dialog.js";

/** @param {import("../core/view.js").View} view @returns {Promise<boolean>} whether the session is fresh now */
export function askPassword(view) {
  return confirm(view, {
    title: view.text("is-it-you"),
    consequence: view.text("is-it-you-consequence"),
    verb: view.text("confirm"),
    busy: view.text("confirming"),
    failed: () => view.text("not-confirmed"),
    isStale: true,
    task: async () => {},
  });
}
