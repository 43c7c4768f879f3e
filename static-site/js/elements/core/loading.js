/**
 * A list of the account that the API tells: it holds its place while it is loaded, says what went wrong, and keeps what
 * it has when it cannot be renewed. Knows the lists only by the names of their parts.
 */

import { SessionEnded } from "../../lychgate.js";
import { make, markPart, partSelector, whileBusy } from "./dom.js";
import { explain } from "./explain.js";

/** @typedef {import("./view.js").View} View */

/** As many entries hold the place as are seen at least. */
const PLACES = 2;

/**
 * @template Data
 * @param {View} view
 * @param {{list: string, summary: string, retry?: string}} names the parts: the list, what is said of it, and a button of
 *   its own to try again after a failure
 * @param {() => Promise<Data>} ask
 * @param {(data: Data) => string} show shows the entries, and returns what is to be said of them
 */
export function loader(view, names, ask, show) {
  const list = view.part(names.list);
  const summary = view.part(names.summary);
  const retry = names.retry ? view.part(names.retry) : null;
  /** Whether the list has entries of the API. */
  let isKnown = false;
  /** How often it was asked: only the newest answer is shown. */
  let round = 0;

  const say = (text, isFailure = false) => {
    summary.textContent = text;
    markPart(summary, "alarming", isFailure);
    if (retry) retry.hidden = !isFailure;
  };

  const loading = {
    async load() {
      round += 1;
      const asked = round;
      const isCurrent = () => asked === round && !view.signal.aborted;
      if (!isKnown) {
        say(view.text("loading"));
        list.replaceChildren(...Array.from({ length: PLACES }, place));
      }
      list.setAttribute("aria-busy", "true");
      try {
        const data = await ask();
        if (isCurrent()) loading.show(data);
      } catch (error) {
        if (error instanceof SessionEnded || !isCurrent()) return;
        const problem = await explain(error, view.words);
        if (isCurrent()) fail(problem);
      }
    },

    /** Show what is known now, whatever is still on its way. @param {Data} data */
    show(data) {
      round += 1;
      isKnown = true;
      list.removeAttribute("aria-busy");
      say(show(data));
    },

    /** Forget everything, also what is still on its way. */
    clear() {
      round += 1;
      isKnown = false;
      list.removeAttribute("aria-busy");
      list.replaceChildren();
      say("");
    },
  };

  const fail = (/** @type {string} */ problem) => {
    list.removeAttribute("aria-busy");
    say(isKnown ? view.text("out-of-date", { problem }) : problem, true);
    for (const held of list.querySelectorAll(partSelector("place"))) markPart(held, "vacant", true);
  };

  retry?.addEventListener("click", () => whileBusy(retry, () => loading.load()));
  return loading;
}

function place() {
  const entry = make("li", "item place", make("span", "bar"), make("span", "bar short"));
  entry.setAttribute("aria-hidden", "true");
  return entry;
}

/**
 * Show the first entries of a long list, and a button for the others.
 *
 * @param {View} view
 * @param {HTMLElement} list
 * @param {HTMLElement[]} entries
 * @param {HTMLButtonElement} button
 * @param {number} few
 */
export function showSome(view, list, entries, button, few) {
  // One entry more takes no more room than the button.
  const isLong = entries.length > few + 1 && !list.dataset.all;
  list.replaceChildren(...entries);
  entries.forEach((entry, index) => (entry.hidden = isLong && index >= few));
  button.hidden = !isLong;
  button.textContent = view.text("show-all", { count: entries.length });
  button.onclick = () => {
    list.dataset.all = "true";
    for (const entry of entries) entry.hidden = false;
    button.hidden = true;
    entries[few].tabIndex = -1;
    entries[few].focus();
  };
}
