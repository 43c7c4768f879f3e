/** What the API tells whom it does not know: who may sign up, and with what. */

/** In characters. Until the API has told its own, and where it does not. The API checks again. */
export const passwordLength = { min: 15, max: 256 };

/**
 * Who may sign up, whether an account has an address, whether that is its name, and what it may have beside a password.
 *
 * @typedef {{isOpen: boolean, email: "off" | "optional" | "required", isNamedByEmail: boolean, hasPasskeys: boolean,
 *   hasTotp: boolean}} SiteOptions
 */

/** Until the API has told more, and where it does not. @type {SiteOptions} */
export const USUAL = { isOpen: true, email: "off", isNamedByEmail: false, hasPasskeys: false, hasTotp: false };

/** @type {Promise<SiteOptions> | null} null until it was asked, and when it did not answer */
let asking = null;

/** Ask the API once, as somebody whom it does not know; again after a failure. @returns {Promise<SiteOptions>} */
export function learnOptions() {
  asking ??= ask().catch(() => {
    asking = null;
    return USUAL;
  });
  return asking;
}

async function ask() {
  const { registration, identifier, email, password, methods, second_factors: factors } = await (await fetch("/api/auth/options")).json();
  if (password?.min_length > 0) passwordLength.min = password.min_length;
  if (password?.max_length >= passwordLength.min) passwordLength.max = password.max_length;
  for (const place of document.querySelectorAll("[data-password-min]")) place.textContent = String(passwordLength.min);
  return {
    isOpen: registration !== "closed",
    email: email ?? "off",
    isNamedByEmail: identifier === "email",
    hasPasskeys: !!methods?.includes("passkey"),
    hasTotp: !!factors?.includes("totp"),
  };
}
