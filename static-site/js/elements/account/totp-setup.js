/**
 * Setting up an authenticator app: its secret as a QR code and to type, the first code, and the recovery codes. The secret
 * goes nowhere but into the page: the QR code is drawn here.
 */

import { beginTotp, confirmTotp } from "../../lychgate-factors.js";
import { qrSvg } from "../../qr.js";
import { CODE_FIELD, cleanCode, codeProblem } from "../core/codes.js";
import { find, make, makeButton, set } from "../core/dom.js";
import { field, form, submit } from "../core/fields.js";
import { startForm } from "../core/forms.js";
import { WordedError } from "../core/messages.js";
import { openSheet } from "../core/sheet.js";
import { copyText, fillWithCodes } from "./recovery-codes.js";

const GROUP = /.{1,4}/g;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/sheet.js").Sheet} Sheet */
/** @typedef {import("../../lychgate-factors.js").NewTotp} NewTotp */

/**
 * @param {View} view
 * @param {NewTotp} begun
 * @returns {Promise<boolean>} whether the app is set up
 */
export async function setUpApp(view, begun) {
  const sheet = await openSheet(view, view.text("set-up-title"));
  /** @type {string[] | null} */
  const codes = await new Promise((resolve) => {
    sheet.closed.then(() => resolve(null));
    showSecret(view, sheet, begun, resolve);
  });
  if (!codes) return false;
  sheet.allowCancel(false);
  await fillWithCodes(view, sheet, codes);
  return true;
}

/**
 * @param {View} view
 * @param {Sheet} sheet
 * @param {NewTotp} begun
 * @param {(codes: string[]) => void} onConfirmed
 * @param {string} [word] what is to be told first
 */
function showSecret(view, sheet, begun, onConfirmed, word = "") {
  const { secret, uri } = begun;
  const status = set(make("span", "muted small"), { role: "status" });
  const written = set(make("code", "secret", (secret.match(GROUP) ?? []).join(" ")), { dir: "ltr" });
  const copy = makeButton(view.text("copy"), "button small", async () => {
    status.textContent = view.text((await copyText(secret, written)) ? "secret-copied" : "secret-selected");
  });
  sheet.show(
    view.text("set-up-title"),
    set(make("p", "message", word), word ? { role: "alert" } : { hidden: "" }),
    make("p", "", view.text("scan-this")),
    make("div", "qr", qrSvg(uri, view.text("qr-code"))),
    make("p", "", view.text("or-type")),
    make("p", "secret-row", written, copy),
    make("p", "small", set(make("a", "", view.text("open-in-app")), { href: uri }), " ", status),
    codeForm(view, sheet, begun, onConfirmed),
  );
}

/** @param {View} view @param {Sheet} sheet @param {NewTotp} begun @param {(codes: string[]) => void} onConfirmed */
function codeForm(view, sheet, { pending }, onConfirmed) {
  const cancel = makeButton(view.text("cancel"), "button quiet", () => sheet.close(false));
  const element = form(
    "totp-form",
    field(view, "totp-code", view.text("code-app-shows"), { name: "code", ...CODE_FIELD, "data-part": "totp-code digits" }),
    make("div", "actions", submit(view.text("turn-on"), view.text("checking"), "button primary"), cancel),
  );
  startForm(
    view,
    element,
    ({ code }) => (codeProblem(view, code) ? { code: codeProblem(view, code) } : {}),
    async ({ code }) => {
      try {
        onConfirmed(await confirmTotp(view.client, pending, cleanCode(code), { signal: sheet.signal }));
      } catch (error) {
        if (sheet.signal.aborted) return;
        if (error.error === "invalid_challenge") return beginAgain(view, sheet, onConfirmed);
        if (error.error !== "invalid_code") throw error;
        find(element, "input").select();
        throw new WordedError(error, view.text("first-code-wrong"), "code");
      }
    },
  );
  return element;
}

/** @param {View} view @param {Sheet} sheet @param {(codes: string[]) => void} onConfirmed */
async function beginAgain(view, sheet, onConfirmed) {
  const begun = await beginTotp(view.client, { signal: sheet.signal });
  showSecret(view, sheet, begun, onConfirmed, view.text("new-secret"));
}
