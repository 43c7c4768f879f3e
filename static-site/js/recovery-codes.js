/**
 * Recovery codes, which are shown once: to copy, to print and to keep as a file. They go when their owner says that they
 * are kept, and with the session. They are kept nowhere in the page.
 */

import { make, makeButton } from "./dom.js";
import { openSheet } from "./sheet.js";

const FILE = "recovery-codes.txt";

/** @typedef {import("./lychgate.js").Client} Client */

/**
 * Show codes until their owner has kept them.
 *
 * @param {Client} client
 * @param {string[]} codes
 * @returns {Promise<boolean>} true, once they are kept
 */
export async function showCodes(client, codes) {
  const sheet = await openSheet(client, "Keep these recovery codes", { mayCancel: false });
  return fillWithCodes(client, sheet, codes);
}

/**
 * @param {Client} client
 * @param {import("./sheet.js").Sheet} sheet
 * @param {string[]} codes
 * @returns {Promise<boolean>}
 */
export async function fillWithCodes(client, sheet, codes) {
  const owner = client.user?.username ?? "";
  const list = make("ol", "codes", ...codes.map((code) => make("li", "", make("code", "", code))));
  const status = make("p", "muted small");
  status.setAttribute("role", "status");
  const kept = makeButton("I have kept them", "button primary wide", () => sheet.close(true));
  sheet.show(
    "Keep these recovery codes",
    make("p", "", "If you lose your authenticator app, each of them logs you in once. They are shown only now."),
    make("p", "for-print", "Recovery codes of ", make("bdi", "", owner), ` at ${location.host}. Each of them works once.`),
    list,
    make(
      "div",
      "actions share",
      makeButton("Copy", "button small", () => copy(codes, list, status)),
      makeButton("Print", "button small", () => print()),
      makeButton("Download", "button small", () => download(textOf(codes, owner))),
    ),
    status,
    kept,
  );
  return sheet.closed;
}

/** @param {string[]} codes @param {HTMLElement} list @param {HTMLElement} status */
async function copy(codes, list, status) {
  try {
    await navigator.clipboard.writeText(codes.join("\n"));
    status.textContent = "Copied. Paste them where you keep passwords.";
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    getSelection()?.selectAllChildren(list);
    status.textContent = "Selected. Copy them from here.";
  }
}

/** @param {string} text */
function download(text) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = FILE;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

/** @param {string[]} codes @param {string} owner */
function textOf(codes, owner) {
  return `Recovery codes of ${owner} at ${location.host}\r\nEach of them works once.\r\n\r\n${codes.join("\r\n")}\r\n`;
}
