/**
 * What the page's address asks for: a tab, and where to go after the log-in. Nothing else in the page reads the address.
 */

const LONGEST = 2000;
/** A server may decode these before it redirects, and a browser takes what begins with two of them for a host. */
const BEGINS_LIKE_A_HOST = /^\/(?:[/\\]|%2f|%5c)/i;
/** URL parsers drop some of these, and read a backslash as a slash. */
const TREACHEROUS = /[\\\p{Cc}]/u;

/** @param {string} href the page's address @returns {"login" | "signup"} */
export function tabOf(href) {
  return new URL(href).hash === "#signup" ? "signup" : "login";
}

/**
 * Read `?return=`, which anybody can write into a link. Only a path of the page's own origin will do, from its first
 * slash on, and not the page itself (CWE-601, OWASP Unvalidated Redirects and Forwards Cheat Sheet).
 *
 * @param {string} href the page's address
 * @returns {string} an absolute URL of the page's origin, or "" for none
 */
export function returnAddress(href) {
  const page = new URL(href);
  const wanted = page.searchParams.get("return") ?? "";
  if (!wanted.startsWith("/") || wanted.length > LONGEST || TREACHEROUS.test(wanted)) return "";
  if (BEGINS_LIKE_A_HOST.test(wanted) || !URL.canParse(wanted, page.origin)) return "";
  const target = new URL(wanted, page.origin);
  // Once more, because the parser has taken out what "." and ".." cancel.
  const isElsewhere = target.origin !== page.origin || BEGINS_LIKE_A_HOST.test(target.pathname);
  return isElsewhere || folderOf(target) === folderOf(page) ? "" : target.href;
}

/** The path, without the name of the file that is sent for a folder. @param {URL} url */
function folderOf({ pathname }) {
  return pathname.replace(/\/index\.html$/, "/");
}
