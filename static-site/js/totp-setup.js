/**
 * Setting up an authenticator app: its secret as a QR code and to type, the first code, and the recovery codes. The secret
 * goes nowhere but into the page: the QR code is drawn here.
 */

import { find, make, makeButton } from "./dom.js";
import { codeProblem } from "./factor-words.js";
import { field, form, set, submit } from "./fields.js";
import { startForm } from "./forms.js";
import { ApiError } from "./lychgate.js";
import { beginTotp, confirmTotp } from "./lychgate-factors.js";
import { qrSvg } from "./qr.js";
import { fillWithCodes } from "./recovery-codes.js";
import { openSheet } from "./sheet.js";

const TITLE = "Set up an authenticator app";
const GROUP = /.{1,4}/g;

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate-factors.js").NewTotp} NewTotp */

/**
 * @param {Client} client
 * @param {NewTotp} begun
 * @returns {Promise<boolean>} whether the app is set up
 */
export async function setUpApp(client, begun) {
  const sheet = await openSheet(client, TITLE);
  /** @type {string[] | null} */
  const codes = await new Promise((resolve) => {
    sheet.closed.then(() => resolve(null));
    showSecret(client, sheet, begun, resolve);
  });
  if (!codes) return false;
  sheet.allowCancel(false);
  await fillWithCodes(client, sheet, codes);
  return true;
}

/**
 * @param {Client} client
 * @param {import("./sheet.js").Sheet} sheet
 * @param {NewTotp} begun
 * @param {(codes: string[]) => void} onConfirmed
 * @param {string} [word] what is to be told first
 */
function showSecret(client, sheet, begun, onConfirmed, word = "") {
  const { secret, uri, pending } = begun;
  const status = set(make("span", "muted small"), { role: "status" });
  const written = make("code", "secret", (secret.match(GROUP) ?? []).join(" "));
  const element = form(
    "totp-form",
    field("totp-code", "Code that the app shows", {
      name: "code",
      type: "text",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
      class: "digits",
    }),
    make(
      "div",
      "actions",
      submit("Turn it on", "Checking…", "button primary"),
      makeButton("Cancel", "button quiet", () => sheet.close(false)),
    ),
  );
  startForm(
    element,
    ({ code }) => (codeProblem(code) ? { code: codeProblem(code) } : {}),
    async ({ code }) => {
      try {
        onConfirmed(await confirmTotp(client, pending, code, { signal: sheet.signal }));
      } catch (error) {
        if (sheet.signal.aborted) return;
        if (error.error === "invalid_challenge") return beginAgain(client, sheet, onConfirmed);
        if (error.error !== "invalid_code") throw error;
        find(element, "input").select();
        const message = "Wrong. Is your phone's clock right?";
        throw new ApiError({ ...error, status: 422, errors: [{ field: "code", message }] });
      }
    },
  );
  sheet.show(
    TITLE,
    set(make("p", "message", word), word ? { role: "alert" } : { hidden: "" }),
    make("p", "", "Scan this with an app such as Aegis, 2FAS, Google Authenticator, or your password manager."),
    make("div", "qr", qrSvg(uri, "QR code for your authenticator app")),
    make("p", "", "Or type this secret into it:"),
    make("p", "secret-row", written, makeButton("Copy", "button small", () => copy(secret, written, status))),
    make("p", "small", set(make("a", "", "Open it in an app on this device"), { href: uri }), " ", status),
    element,
  );
}

async function beginAgain(client, sheet, onConfirmed) {
  const begun = await beginTotp(client, { signal: sheet.signal });
  const word = "That took too long. Here is a new secret: scan it again, and delete the old entry in the app.";
  showSecret(client, sheet, begun, onConfirmed, word);
}

/** @param {string} secret @param {HTMLElement} written @param {HTMLElement} status */
async function copy(secret, written, status) {
  try {
    await navigator.clipboard.writeText(secret);
    status.textContent = "Copied.";
  } catch {
    // Not every browser allows it. Then the user copies what is selected.
    getSelection()?.selectAllChildren(written);
    status.textContent = "Selected.";
  }
}
