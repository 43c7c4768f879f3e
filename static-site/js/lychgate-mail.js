/**
 * The calls that have to do with mails: confirm an address, change it, choose a new password by mail, log in by a code.
 * docs/browser-client.md#accounts-with-mail-addresses
 *
 * Functions over a client of lychgate.js, in a file of their own: a page without mails needs none of them. Those that
 * begin a session do it as `login` does, in every tab. Those that act by what was mailed need no session and touch none:
 * they work whoever is logged in. All throw ApiError and NetworkError.
 */

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").User} User */
/** @typedef {import("./lychgate.js").CallOptions} CallOptions */

/**
 * A code that was asked for.
 *
 * @typedef {object} CodeRequest
 * @property {string} challenge goes with the code: only who has asked can use it
 * @property {number} expiresIn seconds for which the code is good
 */

/**
 * Creates an account with an address, and logs in. A mail goes to the address, to confirm it.
 *
 * @param {Client} client
 * @param {string} username
 * @param {string} password
 * @param {string} email
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export async function registerWithEmail(client, username, password, email, options) {
  return client.enter("auth/register", { username, password, email }, options);
}

/**
 * Asks for an account whose name is its address. It exists as soon as the mail is confirmed, with `confirmRegistration`.
 * Nobody learns whether the address has an account already.
 *
 * @param {Client} client
 * @param {string} email
 * @param {string | undefined} password undefined for an account that logs in with a passkey or a mailed code
 * @param {CallOptions} [options]
 * @returns {Promise<number>} seconds for which the mail is good
 */
export async function requestRegistration(client, email, password, options) {
  return (await post(client, "auth/register", { email, password }, options)).expires_in;
}

/**
 * What a registration is confirmed with.
 *
 * @typedef {CallOptions & {password?: string | null | undefined}} ConfirmationOptions `password` is the account's, whatever
 *   was chosen at the registration, by whoever that was; null for an account without one. Without it, that of the
 *   registration counts
 */

/**
 * Creates the account that was asked for, and logs in. A password that is refused leaves the token good.
 *
 * @param {Client} client
 * @param {string} token of the mail; 410 `link_expired` if it is used, too old or not whole
 * @param {ConfirmationOptions} [options]
 * @returns {Promise<User>}
 */
export async function confirmRegistration(client, token, options) {
  return client.enter("auth/register/confirm", { token, password: options?.password }, options);
}

/**
 * Asks for another address of the account. It is the account's once it is confirmed. The session has to be fresh.
 *
 * @param {Client} client
 * @param {string} email
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function changeEmail(client, email, options) {
  await client.json("PUT", "auth/email", { email }, options);
}

/**
 * Removes the address of the account, and one that waits to be confirmed. The session has to be fresh.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function removeEmail(client, options) {
  await client.json("DELETE", "auth/email", undefined, options);
}

/**
 * Sends the mail that confirms an address once more.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function resendEmail(client, options) {
  await client.json("POST", "auth/email/resend", {}, options);
}

/**
 * Confirms an address.
 *
 * @param {Client} client
 * @param {string} token of the mail; 410 `link_expired` as above, 409 `email_taken` if another account has the address
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function confirmEmail(client, token, options) {
  await post(client, "auth/email/confirm", { token }, options);
}

/**
 * Asks for a mail to choose a new password with. Nobody learns whether there is such an account.
 *
 * @param {Client} client
 * @param {string} name a username, or a confirmed address
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function forgotPassword(client, name, options) {
  await post(client, "auth/password/forgot", { username: name }, options);
}

/**
 * Chooses a new password. All sessions end, and nobody is logged in. A password that is refused leaves the token good.
 *
 * @param {Client} client
 * @param {string} token of the mail; 410 `link_expired` as above
 * @param {string} newPassword
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function resetPassword(client, token, newPassword, options) {
  await post(client, "auth/password/reset", { token, new_password: newPassword }, options);
}

/**
 * Asks for a code to log in with, by mail. Nobody learns whether there is such an account.
 *
 * @param {Client} client
 * @param {string} name a username, or a confirmed address
 * @param {CallOptions} [options]
 * @returns {Promise<CodeRequest>}
 */
export async function requestLoginCode(client, name, options) {
  const { challenge, expires_in: expiresIn } = await post(client, "auth/login/code", { username: name }, options);
  return { challenge, expiresIn };
}

/**
 * Logs in with a code.
 *
 * @param {Client} client
 * @param {string} challenge 401 `invalid_challenge` if it is used, too old or tried too often
 * @param {string} code 401 `invalid_code` if it is wrong; spaces do not matter
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export async function verifyLoginCode(client, challenge, code, options) {
  return client.enter("auth/login/code/verify", { challenge, code: code.replace(/\s/g, "") }, options);
}

/**
 * @param {Client} client
 * @param {string} path
 * @param {object} body
 * @param {CallOptions} [options]
 * @returns {Promise<any>}
 */
function post(client, path, body, options) {
  return client.json("POST", path, body, { ...options, anonymous: true });
}
