/**
 * Recovery codes, which are shown once: to copy, to print and to keep as a file. They go when their owner says that they
 * are kept, and with the session. They are kept nowhere in the page.
 */

import { make, makeButton, set } from "../core/dom.js";
import { openSheet } from "../core/sheet.js";

const FILE = "recovery-codes.txt";

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/sheet.js").Sheet} Sheet */

/**
 * Show codes until their owner has kept them.
 *
 * @param {View} view
 * @param {string[]} codes
 * @returns {Promise<boolean>} true, once they are kept
 */
export async function showCodes(view, codes) {
  const sheet = await openSheet(view, view.text("keep-codes"), { mayCancel: false });
  return fillWithCodes(view, sheet, codes);
}

/**
 * @param {View} view
 * @param {Sheet} sheet
 * @param {string[]} codes
 * @returns {Promise<boolean>}
 */
export async function fillWithCodes(view, sheet, codes) {
  const values = { name: view.client.user?.username ?? "", site: location.host };
  const list = set(make("ol", "codes", ...codes.map((code) => make("li", "", make("code", "", code)))), { dir: "ltr" });
  const status = set(make("p", "muted small"), { role: "status" });
  const kept = makeButton(view.text("have-kept-them"), "button primary wide", () => sheet.close(true));
  const copy = async () => {
    status.textContent = view.text((await copyText(codes.join("\n"), list)) ? "codes-copied" : "codes-selected");
  };
  sheet.show(
    view.text("keep-codes"),
    make("p", "", view.text("keep-codes-text")),
    make("p", "for-print", ...view.pieces("codes-on-paper", { ...values, name: make("bdi", "", values.name) })),
    list,
    make(
      "div",
      "actions share",
      makeButton(view.text("copy"), "button small", copy),
      makeButton(view.text("print"), "button small", () => print()),
      makeButton(view.text("download"), "button small", () => download(`${view.text("codes-in-a-file", values)}\n\n${codes.join("\n")}\n`)),
    ),
    status,
    kept,
  );
  return sheet.closed;
}

/** @param {string} text @param {HTMLElement} shown where it is in the page @returns {Promise<boolean>} false if it is selected only */
export async function copyText(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}

/** @param {string} text */
function download(text) {
  const link = make("a");
  // Every editor knows these ends of lines.
  link.href = URL.createObjectURL(new Blob([text.replaceAll("\n", "\r\n")], { type: "text/plain" }));
  link.download = FILE;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
