/** What the API tells whom it does not know: who may sign up, and with what. */

/** @typedef {import("../../lychgate.js").Client} Client */

/**
 * Who may sign up, whether an account has an address, whether that is its name, what it may have beside a password, and how
 * long that is, in characters.
 *
 * @typedef {{isOpen: boolean, email: "off" | "optional" | "required", isNamedByEmail: boolean, hasPasskeys: boolean,
 *   hasTotp: boolean, passwordMin: number, passwordMax: number}} SiteOptions
 */

/** Until the API has told more, and where it does not: it checks all again. @type {SiteOptions} */
export const USUAL = {
  isOpen: true,
  email: "off",
  isNamedByEmail: false,
  hasPasskeys: false,
  hasTotp: false,
  passwordMin: 15,
  passwordMax: 256,
};

/** @type {WeakMap<Client, Promise<SiteOptions>>} what was asked and answered */
const known = new WeakMap();

/**
 * Ask the API once, as somebody whom it does not know; again after a failure.
 *
 * @param {Client} client
 * @returns {Promise<SiteOptions>} throws as `client.json` does
 */
export function learnOptions(client) {
  const asked = known.get(client);
  if (asked) return asked;
  const asking = ask(client);
  known.set(client, asking);
  asking.catch(() => known.delete(client));
  return asking;
}

/** @param {Client} client @returns {Promise<SiteOptions>} */
async function ask(client) {
  const told = await client.json("GET", "auth/options", undefined, { anonymous: true });
  const { registration, identifier, email, password, methods, second_factors: factors } = told;
  const passwordMin = password?.min_length > 0 ? password.min_length : USUAL.passwordMin;
  return {
    isOpen: registration !== "closed",
    email: email ?? "off",
    isNamedByEmail: identifier === "email",
    hasPasskeys: !!methods?.includes("passkey"),
    hasTotp: !!factors?.includes("totp"),
    passwordMin,
    passwordMax: password?.max_length >= passwordMin ? password.max_length : USUAL.passwordMax,
  };
}
