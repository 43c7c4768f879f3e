/**
 * Ask the API once, as somebody whom it does not know; again after a failure.
 *
 * @param {Client} client
 * @returns {Promise<SiteOptions>} throws as `client.json` does
 */
export function learnOptions(client: Client): Promise<SiteOptions>;
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
export const USUAL: SiteOptions;
export type Client = import("../../lychgate.js").Client;
/**
 * Who may sign up, whether an account has an address, whether that is its name, what it may have beside a password, and how
 * long that is, in characters.
 */
export type SiteOptions = {
    isOpen: boolean;
    email: "off" | "optional" | "required";
    isNamedByEmail: boolean;
    hasPasskeys: boolean;
    hasTotp: boolean;
    passwordMin: number;
    passwordMax: number;
};
