/**
 * The calls of administrators: who has an account, and what may be done about it. docs/browser-client.md#administration
 *
 * Functions over a client of lychgate.js, in a file of their own: only pages of administrators need them. The user of the
 * client has to have the role `admin` at each call: without it, or no longer, all throw ApiError 403 `insufficient_scope`.
 * All throw ApiError and NetworkError.
 */

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").User} User */
/** @typedef {import("./lychgate.js").Session} Session */
/** @typedef {import("./lychgate.js").CallOptions} CallOptions */
/** @typedef {import("./lychgate-factors.js").Factors} Factors */

/**
 * Which users `listUsers` lists.
 *
 * @typedef {object} UserQuery
 * @property {string | undefined} [username] what their usernames begin with; all without it
 * @property {string | null | undefined} [cursor] `nextCursor` of the page before, for the same `username`
 * @property {number | undefined} [limit] how many on a page, 1 to 100; the API has a number of its own
 */

/**
 * A page of users, in the order of their usernames.
 *
 * @typedef {object} UserPage
 * @property {User[]} users
 * @property {string | null} nextCursor null if there are no more
 */

/**
 * Something that happened with an account, as the API tells of it.
 *
 * @typedef {object} AccountEvent
 * @property {string} type
 * @property {string} at an RFC 3339 time in UTC
 * @property {string} ip "" where an administrator did it
 * @property {string} user_agent likewise
 * @property {number} [count] how often it happened that day, where one entry tells of many
 * @property {string} [actor] "admin" where an administrator did it
 * @property {string} [subject] the id of the user whom it was done to, where this user did it as an administrator
 */

/**
 * All that an administrator sees of a user.
 *
 * @typedef {object} ShownUser
 * @property {User} user
 * @property {Omit<Session, "current">[]} sessions the live ones, newest first
 * @property {AccountEvent[]} recentEvents newest first
 * @property {Factors} factors
 * @property {Suppressed | null} suppressed null where mails to the address are sent, and where there is none
 */

/**
 * Why an address gets no mail: one bounced, or its reader has complained of one.
 *
 * @typedef {object} Suppressed
 * @property {"bounce" | "complaint"} reason
 * @property {string} at an RFC 3339 time in UTC
 */

/**
 * A user who is to be created.
 *
 * @typedef {object} NewUser
 * @property {string} username the address, where that is the name of accounts
 * @property {string | undefined} [email] gets a link too, if the site sends mail; left out where the address is the name
 * @property {string[] | undefined} [roles] `["user"]` without it
 */

/**
 * A link with which a password is set, by whoever has it. Nobody can see it a second time.
 *
 * @typedef {object} PasswordLink
 * @property {string} link
 * @property {number} expiresIn seconds for which it is good
 */

/**
 * A user who was created, and the link for the first password.
 *
 * @typedef {{user: User} & PasswordLink} CreatedUser
 */

/**
 * What `changeUser` changes. What is left out stays.
 *
 * @typedef {{roles?: string[] | undefined, disabled?: boolean | undefined}} UserChange
 */

/**
 * A page of the users.
 *
 * @param {Client} client
 * @param {UserQuery} [query]
 * @param {CallOptions} [options]
 * @returns {Promise<UserPage>}
 */
export async function listUsers(client, query = {}, options) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = String(new URLSearchParams(given.map(([name, value]) => [name, String(value)])));
  const path = `admin/users${search && `?${search}`}`;
  const { users, next_cursor: nextCursor } = await client.json("GET", path, undefined, options);
  return { users, nextCursor };
}

/**
 * Creates an account without a password. The session has to be fresh, as for all that follow but `getUser` and
 * `logOutUser`.
 *
 * @param {Client} client
 * @param {NewUser} user 409 `username_taken` if somebody has this name
 * @param {CallOptions} [options]
 * @returns {Promise<CreatedUser>}
 */
export async function createUser(client, { username, email, roles }, options) {
  const answer = await client.json("POST", "admin/users", { username, email, roles }, options);
  return { user: answer.user, ...linkOf(answer) };
}

/**
 * A user, with sessions, history and factors.
 *
 * @param {Client} client
 * @param {string} id 404 `not_found` if there is no such user, as for all that follow
 * @param {CallOptions} [options]
 * @returns {Promise<ShownUser>}
 */
export async function getUser(client, id, options) {
  const { recent_events: recentEvents, ...shown } = await client.json("GET", at(id), undefined, options);
  return { ...shown, recentEvents };
}

/**
 * Gives a user other roles, or disables or enables the account. Who is disabled has no session any more.
 *
 * @param {Client} client
 * @param {string} id
 * @param {UserChange} change 409 `conflict` if no active administrator would be left, as for `deleteUser`
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export async function changeUser(client, id, { roles, disabled }, options) {
  return (await client.json("PATCH", at(id), { roles, disabled }, options)).user;
}

/**
 * Deletes an account, with its sessions, factors and history.
 *
 * @param {Client} client
 * @param {string} id
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function deleteUser(client, id, options) {
  await client.json("DELETE", at(id), undefined, options);
}

/**
 * Ends all sessions of a user.
 *
 * @param {Client} client
 * @param {string} id
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function logOutUser(client, id, options) {
  await client.json("POST", at(id, "logout-all"), {}, options);
}

/**
 * Makes a link with which a user sets a new password. A confirmed address gets one by mail too. Until one of them is used,
 * password and sessions stay as they are.
 *
 * @param {Client} client
 * @param {string} id 409 `conflict` if the account is disabled
 * @param {CallOptions} [options]
 * @returns {Promise<PasswordLink>}
 */
export async function resetPasswordOf(client, id, options) {
  return linkOf(await client.json("POST", at(id, "reset-password"), {}, options));
}

/**
 * Removes the TOTP app and the recovery codes of a user who has lost them. Passkeys stay.
 *
 * @param {Client} client
 * @param {string} id 404 `not_found` also if there is no app
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function removeSecondFactorOf(client, id, options) {
  await client.json("DELETE", at(id, "second-factor"), undefined, options);
}

/** The path of a user, or of something below. @param {string} id @param {string} [below] */
function at(id, below) {
  return `admin/users/${encodeURIComponent(id)}${below ? `/${below}` : ""}`;
}

/** @param {{link: string, expires_in: number}} answer @returns {PasswordLink} */
function linkOf({ link, expires_in: expiresIn }) {
  return { link, expiresIn };
}
