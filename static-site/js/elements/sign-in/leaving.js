/** Going on to the page that somebody wanted, once they are logged in. Loaded only where there is one. */

import { find, make, partSelector, set } from "../core/dom.js";
import { mayLeaveAlone, ownAddress, returnAddress } from "./departure.js";

/** @typedef {import("../core/view.js").View} View */

/**
 * @param {View} view
 * @param {HTMLElement} element whose attributes say where to go
 * @returns {{isAsked: boolean, mayLeaveAlone: () => boolean, leave: () => void, offer: () => void} | null} null to stay;
 *   `isAsked` if the visitor was sent here
 */
export function startLeaving(view, element) {
  const wanted = element.hasAttribute("return") ? returnAddress(location.href) : "";
  const after = element.getAttribute("after");
  const usual = after ? ownAddress(after, location.href) : "";
  // The page itself is no mistake: it is meant for the others that have the same log-in.
  if (after && !usual && !(URL.canParse(after, location.href) && new URL(after, location.href).pathname === location.pathname)) {
    console.error(`<${element.localName}>: after="${after}" is no path of this site, so that nobody is sent there.`);
  }
  const destination = wanted || usual;
  if (!destination) return null;
  const go = () => location.replace(destination);
  return {
    isAsked: !!wanted,
    mayLeaveAlone,

    /** With no way back to the log-in in the tab's history. */
    leave() {
      const told = make("span", "leaving", view.text("you-are-logged-in"));
      const link = set(make("a", "leave", view.text("go-on")), { href: destination });
      find(view.root, partSelector("waiting")).lastElementChild.replaceChildren(told, " ", link);
      go();
    },

    offer() {
      view.notice.warn(view.text("sent-back"), { label: view.text("go-there"), run: go });
    },
  };
}
