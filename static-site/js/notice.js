/**
 * The place for messages that belong to no form: a success, or a problem with an action to solve it. Owns #notice,
 * which has its place at the end of the page.
 */

import { byId, make, makeButton } from "./dom.js";

const SUCCESS_MS = 6000;

const region = byId("notice");
let timer;
/** The element that had the focus before the notice, to restore it. */
let before = null;

/** @param {string} text */
export function say(text) {
  show("good", text);
  timer = setTimeout(fade, SUCCESS_MS);
}

/**
 * Show a problem until it is dismissed or solved.
 *
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 */
export function warn(text, action) {
  show("bad", text, action);
}

/** Remove the notice, if there is one. */
export function hush() {
  clearTimeout(timer);
  const hadFocus = region.contains(document.activeElement);
  region.replaceChildren();
  if (!hadFocus) return;
  const heading = document.querySelector("main > section:not([hidden]) h1");
  (before?.checkVisibility() && before !== document.body ? before : heading)?.focus();
}

function show(kind, text, action) {
  clearTimeout(timer);
  if (!region.contains(document.activeElement)) before = document.activeElement;
  const buttons = make("div", "buttons");
  if (action) {
    buttons.append(
      makeButton(action.label, "button small", () => {
        hush();
        action.run();
      }),
    );
  }
  const dismiss = makeButton("✕", "button small quiet dismiss", hush);
  dismiss.setAttribute("aria-label", "Dismiss");
  buttons.append(dismiss);
  region.replaceChildren(make("div", `notice ${kind}`, make("div", "", make("p", "", text), buttons)));
}

function fade() {
  if (region.matches(":hover, :focus-within")) timer = setTimeout(fade, SUCCESS_MS);
  else hush();
}
