/** The question for who it is, for what the page does itself. Loaded only then. */

import { getFactors } from "../../lychgate-factors.js";
import { confirm, loadDialog } from "./confirm-dialog.js";
import { make, set } from "./dom.js";
import { languageOf, wordsIn } from "./languages.js";
import { loadStyles } from "./styles.js";
import { View } from "./view.js";
import { known, remember } from "./ways-known.js";

/** @typedef {import("../../lychgate.js").Client} Client */

/** A guard may be hidden. */
const NAMES = ["lychgate-account", "lychgate-user", "lychgate-sign-in"];

/** @param {View} view @returns {Promise<boolean>} whether the session is fresh now. Throws NetworkError if the dialog cannot be loaded. */
export async function askPassword(view) {
  await loadDialog(view);
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

/**
 * The same in an element of the page, so that it has its language and its styles; in a place of its own, where there is none.
 *
 * @param {Client} client
 * @param {any} [element] which element it is to be, if it works
 * @returns {Promise<boolean>} as above
 */
export async function askInPage(client, element) {
  const elements = element ? [element] : NAMES.flatMap((name) => [...document.querySelectorAll(name)]);
  const found = elements.find((one) => one.view?.client === client && one.checkVisibility());
  if (found) return ask(found.view);
  const place = set(make("div"), { "data-lychgate": "question" });
  document.body.append(place);
  const view = new View(place, () => client, await wordsIn(languageOf(place)));
  try {
    return await ask(view);
  } finally {
    view.end();
    place.remove();
  }
}

/** @param {View} view */
async function ask(view) {
  const told = known(view) ? null : getFactors(view.client).catch(() => null);
  for (const name of /** @type {const} */ (["lychgate", "account"])) await loadStyles(view.root, name).catch(() => {});
  const ways = await told;
  if (ways) remember(view, ways);
  try {
    return await askPassword(view);
  } finally {
    // Who keeps them up to date may know them by now.
    if (ways && known(view) === ways) remember(view, null);
  }
}
