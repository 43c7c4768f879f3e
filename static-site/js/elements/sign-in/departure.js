/**
 * Back to where somebody came from before the log-in: which address that is, and whether its page sends everybody here
 * again. Loaded only for whoever came from somewhere.
 */

const LONGEST = 2000;
/** A server may decode these before it redirects, and a browser takes what begins with two of them for a host. */
const BEGINS_LIKE_A_HOST = /^\/(?:[/\\]|%2f|%5c)/i;
/** URL parsers drop some of these, and read a backslash as a slash. */
const TREACHEROUS = /[\\\p{Cc}]/u;
const ENTRY = "lychgate departures";
const MOST = 3;
const WITHIN_MS = 60_000;

/**
 * Read `?return=`, which anybody can write into a link.
 *
 * @param {string} href the page's address
 * @returns {string} as `ownAddress`
 */
export function returnAddress(href) {
  return ownAddress(new URL(href).searchParams.get("return") ?? "", href);
}

/**
 * Only a path of the page's own origin will do, from its first slash on, and not the page itself (CWE-601, OWASP
 * Unvalidated Redirects and Forwards Cheat Sheet).
 *
 * @param {string} wanted
 * @param {string} href the page's address
 * @returns {string} an absolute URL of the page's origin, or "" for none
 */
export function ownAddress(wanted, href) {
  const page = new URL(href);
  if (!wanted.startsWith("/") || wanted.length > LONGEST || TREACHEROUS.test(wanted)) return "";
  if (BEGINS_LIKE_A_HOST.test(wanted) || !URL.canParse(wanted, page.origin)) return "";
  const target = new URL(wanted, page.origin);
  // Once more, because the parser has taken out what "." and ".." cancel.
  const isElsewhere = target.origin !== page.origin || BEGINS_LIKE_A_HOST.test(target.pathname);
  return isElsewhere || folderOf(target) === folderOf(page) ? "" : target.href;
}

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

/** @returns {number[]} when the tab has left */
function times() {
  return JSON.parse(sessionStorage.getItem(ENTRY) ?? "[]").map(Number);
}

/** The path, without the name of the file that is sent for a folder. @param {URL} url */
function folderOf({ pathname }) {
  return pathname.replace(/\/index\.html$/, "/");
}
