/**
 * Which of the three views is to be seen, and where the focus goes when that changes. Knows nothing of what the
 * views contain.
 */

import { byId } from "./dom.js";

const HEADINGS = { loading: "loading-title", "signed-out": "signed-out-title", "signed-in": "signed-in-title" };

/**
 * @param {"loading" | "signed-out" | "signed-in"} state
 * @param {{title: string, focus?: HTMLElement}} options
 */
export function showView(state, { title, focus }) {
  const root = document.documentElement;
  const changed = root.dataset.state !== state;
  const touched = document.activeElement !== document.body;
  const firstView = root.dataset.state === "loading" && !touched;
  root.dataset.state = state;
  document.title = title;
  for (const view of Object.keys(HEADINGS)) byId(view).hidden = view !== state;
  byId("sign-out").hidden = state !== "signed-in";
  // On opening the page the focus stays where the browser put it.
  if (changed && !firstView) (focus ?? byId(HEADINGS[state])).focus();
}

/**
 * The loading view's other face: the session could not be taken up and nobody said that it is over.
 *
 * @param {string | null} message null to go back to waiting
 */
export function showLoadingProblem(message) {
  const view = byId("loading");
  view.querySelector("[data-part=waiting]").hidden = message !== null;
  view.querySelector("[data-part=failed]").hidden = message === null;
  byId("loading-error").textContent = message ?? "";
}
