/** Leaves the page for where somebody came from, and notices when that page sends everybody back at once. */

const ENTRY = "lychgate departures";
const MOST = 3;
const WITHIN_MS = 60_000;

/**
 * Tell whether to leave without having been asked. A page that finds nobody logged in where this page does would go on
 * sending the visitor back here for ever.
 *
 * @returns {boolean} false if this tab has left several times in the last minute
 */
export function mayLeaveAlone() {
  try {
    const now = Date.now();
    const recent = times().filter((time) => now - time < WITHIN_MS);
    if (recent.length >= MOST) return false;
    sessionStorage.setItem(ENTRY, JSON.stringify([...recent, now]));
  } catch {
    // The browser allows no storage.
  }
  return true;
}

/** Go, with no way back to the log-in in the tab's history. @param {string} address from `returnAddress` */
export function leaveFor(address) {
  location.replace(address);
}

/** @returns {number[]} when the tab has left */
function times() {
  return JSON.parse(sessionStorage.getItem(ENTRY) ?? "[]").map(Number);
}
