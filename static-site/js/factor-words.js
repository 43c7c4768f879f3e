/** What to say of a passkey or a code that has not worked. Knows the reasons, and not where they are said. */

import { PasskeyError } from "./lychgate-factors.js";

const DIGITS = 6;
const WORDS = {
  cancelled: "No passkey was used. You can try again.",
  exists: "This device has a passkey for your account already.",
  unsupported: "This browser or device cannot make a passkey for this site.",
  address: "Passkeys do not work at this address.",
  failed: "The passkey did not work. Please try again.",
};

/** @param {unknown} error @returns {string | null} null if the error is none of a passkey's */
export function withoutPasskey(error) {
  if (!(error instanceof PasskeyError)) return null;
  return WORDS[error.reason] ?? WORDS.failed;
}

/** @param {string} code of an authenticator app @returns {string} "" for no problem */
export function codeProblem(code) {
  const digits = code.replace(/\s/g, "");
  if (!digits) return "Enter the code of your app.";
  return new RegExp(`^\\d{${DIGITS}}$`).test(digits) ? "" : `The code has ${DIGITS} digits.`;
}
