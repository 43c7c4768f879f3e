/** Whether this browser has passkeys for a page at this address. They need HTTPS or localhost, and no IP address. */
export function passkeysWork(): boolean;
/**
 * Whether this browser offers passkeys where a username is typed.
 *
 * @returns {Promise<boolean>}
 */
export function autofillWorks(): Promise<boolean>;
/**
 * Logs in with the second factor, where the first was answered by 403 `second_factor_required`.
 *
 * @param {Client} client
 * @param {string} challenge of that error; 401 `invalid_challenge` if it is used, too old or tried too often
 * @param {SecondFactor} answer 401 `invalid_code` if it is wrong or used; spaces do not matter
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export function loginWithSecondFactor(client: Client, challenge: string, answer: SecondFactor, options?: CallOptions): Promise<User>;
/**
 * Logs in with a passkey that the user is asked for. No username is needed.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export function loginWithPasskey(client: Client, options?: CallOptions): Promise<User>;
/**
 * Offers the user's passkeys where a username is typed, in `<input autocomplete="username webauthn">`, for as long as
 * it takes. The offer is renewed before its challenge ends, made again after a log-in that was refused, and withdrawn
 * while another function of this file asks for a passkey, and while the browser keeps the page for the way back.
 *
 * @param {Client} client
 * @param {OfferOptions} [options] `onFailure` is told what went wrong meanwhile; `signal` ends the offer
 * @returns {Promise<User | null>} who has logged in by it; null if the browser offers none, somebody has logged in
 * otherwise, or a later call has taken its place
 */
export function offerPasskeys(client: Client, { signal, onFailure }?: OfferOptions): Promise<User | null>;
/**
 * Asks the user for the passkey that answers a challenge.
 *
 * @param {PublicKeyCredentialRequestOptionsJSON} publicKey of an error `second_factor_required`
 * @param {CallOptions} [options]
 * @returns {Promise<object>} the credential of a SecondFactor
 */
export function answerWithPasskey(publicKey: PublicKeyCredentialRequestOptionsJSON, options?: CallOptions): Promise<object>;
/**
 * Asks the user for a passkey that shows again who is there.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<{challenge: string, credential: object}>} what `client.reauthenticate` and `askPassword` take
 */
export function proveWithPasskey(client: Client, options?: CallOptions): Promise<{
    challenge: string;
    credential: object;
}>;
/**
 * Confirms who the user is, for calls that want that again.
 *
 * @param {Client} client
 * @param {{password: string, code?: string | undefined} | {passkey: true}} how
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export function reauthenticate(client: Client, how: {
    password: string;
    code?: string | undefined;
} | {
    passkey: true;
}, options?: CallOptions): Promise<void>;
/**
 * What the user can log in with.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<Factors>}
 */
export function getFactors(client: Client, options?: CallOptions): Promise<Factors>;
/**
 * Begins to add a TOTP app. The session has to be fresh, as for the next three.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<NewTotp>}
 */
export function beginTotp(client: Client, options?: CallOptions): Promise<NewTotp>;
/**
 * Adds the TOTP app. All other sessions end.
 *
 * @param {Client} client
 * @param {string} pending of `beginTotp`
 * @param {string} code of the app; spaces do not matter
 * @param {CallOptions} [options]
 * @returns {Promise<string[]>} the recovery codes, which nobody can see a second time
 */
export function confirmTotp(client: Client, pending: string, code: string, options?: CallOptions): Promise<string[]>;
/**
 * Removes the TOTP app and the recovery codes.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export function removeTotp(client: Client, options?: CallOptions): Promise<void>;
/**
 * Gets new recovery codes. The old ones are dead.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<string[]>} the codes, which nobody can see a second time
 */
export function replaceRecoveryCodes(client: Client, options?: CallOptions): Promise<string[]>;
/**
 * Makes a passkey, and adds it. The session has to be fresh.
 *
 * @param {Client} client
 * @param {string} [label] what the user calls it; the API has a word for it if there is none
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey>}
 */
export function addPasskey(client: Client, label?: string, options?: CallOptions): Promise<Passkey>;
/**
 * Renames a passkey, for the user's own list.
 *
 * @param {Client} client
 * @param {string} id
 * @param {string} label
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey>}
 */
export function renamePasskey(client: Client, id: string, label: string, options?: CallOptions): Promise<Passkey>;
/**
 * Removes a passkey, and tells the browser. The session has to be fresh.
 *
 * @param {Client} client
 * @param {string} id 409 `conflict` if it is the last way in
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export function removePasskey(client: Client, id: string, options?: CallOptions): Promise<void>;
/**
 * Adds a passkey for a user who has just logged in with a password, if the browser does that without a question. Shows
 * nothing, asks nothing, and never fails: nothing waits for it, and it makes way for all that asks for a passkey.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey | null>} null if nothing came of it
 */
export function upgradeToPasskey(client: Client, options?: CallOptions): Promise<Passkey | null>;
/**
 * Tells the browser which passkeys the account has and what it is called, so that it offers no other. Does nothing in a
 * browser that does not listen, and never fails.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export function signalPasskeys(client: Client, options?: CallOptions): Promise<void>;
/** The browser has given no passkey. */
export class PasskeyError extends Error {
    /** @param {string} name of the browser's error @param {unknown} [cause] */
    constructor(name: string, cause?: unknown);
    name: "PasskeyError";
    /**
     * "cancelled": the user did not want to, or took too long, or has no passkey for this site, which browsers do not
     * tell apart. "exists": the authenticator has one of this account. "unsupported": the browser or the authenticator
     * knows none that would do. "address": there are none at the page's address, such as 127.0.0.1. "failed": all else.
     *
     * @type {"cancelled" | "exists" | "unsupported" | "address" | "failed"}
     */
    reason: "cancelled" | "exists" | "unsupported" | "address" | "failed";
}
export type Client = import("./lychgate.js").Client;
export type User = import("./lychgate.js").User;
export type Proof = import("./lychgate.js").Proof;
export type CallOptions = import("./lychgate.js").CallOptions;
/**
 * A passkey of the user, as the API tells of it. Times are RFC 3339, in UTC.
 */
export type Passkey = {
    id: string;
    label: string;
    created_at: string;
    /**
     * null if it has never been used
     */
    last_used_at: string | null;
    /**
     * whether it is kept elsewhere too, as the authenticator has said
     */
    backed_up: boolean;
};
/**
 * What the user can log in with, as the API tells of it.
 */
export type Factors = {
    /**
     * whether the account has one
     */
    password: boolean;
    /**
     * the TOTP app, null for none
     */
    totp: {
        added_at: string;
    } | null;
    recovery_codes_left: number;
    passkeys: Passkey[];
};
/**
 * A TOTP app that is to be added. Nothing is kept of it before `confirmTotp`.
 */
export type NewTotp = {
    /**
     * to be typed into the app
     */
    secret: string;
    /**
     * the same to be scanned: `qrSvg` of qr.js draws it
     */
    uri: string;
    /**
     * goes with the app's first code
     */
    pending: string;
    /**
     * seconds for which that is good
     */
    expiresIn: number;
};
/**
 * What answers a challenge: a code of the app, a recovery code, or what `answerWithPasskey` resolves to.
 */
export type SecondFactor = {
    code: string;
} | {
    recoveryCode: string;
} | {
    credential: object;
};
/**
 * What `offerPasskeys` may be given.
 */
export type OfferOptions = CallOptions & {
    onFailure?: ((error: Error) => void) | undefined;
};
