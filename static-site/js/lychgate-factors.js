/**
 * Second factors and passkeys: log in with them, show again who one is, add and remove them.
 * docs/browser-client.md#second-factors-and-passkeys
 *
 * Functions over a client of lychgate.js, in a file of their own: a page without them needs none of it. Those that begin
 * a session do it as `login` does, in every tab. All throw ApiError and NetworkError, and those that ask the browser for
 * a passkey PasskeyError too. In Node.js the file can be imported, and there are no passkeys.
 */

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").User} User */
/** @typedef {import("./lychgate.js").Proof} Proof */
/** @typedef {import("./lychgate.js").CallOptions} CallOptions */

/**
 * A passkey of the user, as the API tells of it. Times are RFC 3339, in UTC.
 *
 * @typedef {object} Passkey
 * @property {string} id
 * @property {string} label
 * @property {string} created_at
 * @property {string | null} last_used_at null if it has never been used
 * @property {boolean} backed_up whether it is kept elsewhere too, as the authenticator has said
 */

/**
 * What the user can log in with, as the API tells of it.
 *
 * @typedef {object} Factors
 * @property {boolean} password whether the account has one
 * @property {{added_at: string} | null} totp the TOTP app, null for none
 * @property {number} recovery_codes_left
 * @property {Passkey[]} passkeys
 */

/**
 * A TOTP app that is to be added. Nothing is kept of it before `confirmTotp`.
 *
 * @typedef {object} NewTotp
 * @property {string} secret to be typed into the app
 * @property {string} uri the same to be scanned: `qrSvg` of qr.js draws it
 * @property {string} pending goes with the app's first code
 * @property {number} expiresIn seconds for which that is good
 */

/**
 * What answers a challenge: a code of the app, a recovery code, or what `answerWithPasskey` resolves to.
 *
 * @typedef {{code: string} | {recoveryCode: string} | {credential: object}} SecondFactor
 */

/**
 * What `offerPasskeys` may be given.
 *
 * @typedef {CallOptions & {onFailure?: ((error: Error) => void) | undefined}} OfferOptions
 */

/** An offer gets a new challenge when this much of the old one's life is over: browsers do not end it by themselves. */
const RENEWAL = 3 / 4;
/** How long a challenge is good if it does not say. */
const TIMEOUT_MS = 300_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * What the errors of WebAuthn Level 3 mean to a page.
 *
 * @type {Record<string, PasskeyError["reason"]>}
 */
const REASONS = {
  NotAllowedError: "cancelled",
  AbortError: "cancelled",
  InvalidStateError: "exists",
  NotSupportedError: "unsupported",
  ConstraintError: "unsupported",
  SecurityError: "address",
};

/** The browser has given no passkey. */
export class PasskeyError extends Error {
  name = /** @type {const} */ ("PasskeyError");
  /**
   * "cancelled": the user did not want to, or took too long, or has no passkey for this site, which browsers do not
   * tell apart. "exists": the authenticator has one of this account. "unsupported": the browser or the authenticator
   * knows none that would do. "address": there are none at the page's address, such as 127.0.0.1. "failed": all else.
   *
   * @type {"cancelled" | "exists" | "unsupported" | "address" | "failed"}
   */
  reason;

  /** @param {string} name of the browser's error @param {unknown} [cause] */
  constructor(name, cause) {
    super(`No passkey: ${name}`, { cause });
    this.reason = REASONS[name] ?? "failed";
  }
}

/** Whether this browser has passkeys for a page at this address. They need HTTPS or localhost, and no IP address. */
export function passkeysWork() {
  return "PublicKeyCredential" in globalThis && isSecureContext && !/^[\d.]+$|^\[/.test(location.hostname);
}

/**
 * Whether this browser offers passkeys where a username is typed.
 *
 * @returns {Promise<boolean>}
 */
export async function autofillWorks() {
  return passkeysWork() && !!(await PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false));
}

/**
 * Logs in with the second factor, where the first was answered by 403 `second_factor_required`.
 *
 * @param {Client} client
 * @param {string} challenge of that error; 401 `invalid_challenge` if it is used, too old or tried too often
 * @param {SecondFactor} answer 401 `invalid_code` if it is wrong or used; spaces do not matter
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export async function loginWithSecondFactor(client, challenge, answer, options) {
  const { code, recoveryCode, credential } = /** @type {any} */ (answer);
  const body = { challenge, code: code && digits(code), recovery_code: recoveryCode, credential };
  return client.enter("auth/login/second-factor", body, options);
}

/**
 * Logs in with a passkey that the user is asked for. No username is needed.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<User>}
 */
export async function loginWithPasskey(client, options) {
  return inTurn(async () => {
    const { challenge, publicKey } = await requestOptions(client, options);
    return enter(client, challenge, publicKey, await getPasskey(publicKey, options), options);
  });
}

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
export async function offerPasskeys(client, { signal, onFailure } = {}) {
  signal?.throwIfAborted();
  if (client.user || !(await autofillWorks())) return null;
  signal?.throwIfAborted();
  const previous = offer;
  const own = (offer = new Offer(client, signal, onFailure));
  const end = () => own.end();
  const stop = client.onChange(({ type }) => type === "logged-in" && end());
  signal?.addEventListener("abort", end);
  try {
    await Promise.all([previous?.end(), upgrade?.withdraw()]);
    const user = await own.stand();
    if (!user) signal?.throwIfAborted();
    return user;
  } finally {
    stop();
    signal?.removeEventListener("abort", end);
    own.end();
    if (offer === own) offer = null;
  }
}

/**
 * Asks the user for the passkey that answers a challenge.
 *
 * @param {PublicKeyCredentialRequestOptionsJSON} publicKey of an error `second_factor_required`
 * @param {CallOptions} [options]
 * @returns {Promise<object>} the credential of a SecondFactor
 */
export async function answerWithPasskey(publicKey, options) {
  return inTurn(() => getPasskey(publicKey, options));
}

/**
 * Asks the user for a passkey that shows again who is there.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<{challenge: string, credential: object}>} what `client.reauthenticate` and `askPassword` take
 */
export async function proveWithPasskey(client, options) {
  return inTurn(async () => {
    const { challenge, publicKey } = await requestOptions(client, options);
    return { challenge, credential: await getPasskey(publicKey, options) };
  });
}

/**
 * Confirms who the user is, for calls that want that again.
 *
 * @param {Client} client
 * @param {{password: string, code?: string | undefined} | {passkey: true}} how
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function reauthenticate(client, how, options) {
  if ("passkey" in how) return client.reauthenticate(await proveWithPasskey(client, options), options);
  const { password, code } = how;
  await client.reauthenticate({ password, code: code && digits(code) }, options);
}

/**
 * What the user can log in with.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<Factors>}
 */
export async function getFactors(client, options) {
  return client.json("GET", "auth/factors", undefined, options);
}

/**
 * Begins to add a TOTP app. The session has to be fresh, as for the next three.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<NewTotp>}
 */
export async function beginTotp(client, options) {
  const { expires_in: expiresIn, secret, uri, pending } = await client.json("POST", "auth/totp", {}, options);
  return { secret, uri, pending, expiresIn };
}

/**
 * Adds the TOTP app. All other sessions end.
 *
 * @param {Client} client
 * @param {string} pending of `beginTotp`
 * @param {string} code of the app; spaces do not matter
 * @param {CallOptions} [options]
 * @returns {Promise<string[]>} the recovery codes, which nobody can see a second time
 */
export async function confirmTotp(client, pending, code, options) {
  const answer = await client.json("POST", "auth/totp/confirm", { pending, code: digits(code) }, options);
  renewUser(client);
  return answer.recovery_codes;
}

/**
 * Removes the TOTP app and the recovery codes.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function removeTotp(client, options) {
  await client.json("DELETE", "auth/totp", undefined, options);
  renewUser(client);
}

/**
 * Gets new recovery codes. The old ones are dead.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<string[]>} the codes, which nobody can see a second time
 */
export async function replaceRecoveryCodes(client, options) {
  return (await client.json("POST", "auth/recovery-codes", {}, options)).recovery_codes;
}

/**
 * Makes a passkey, and adds it. The session has to be fresh.
 *
 * @param {Client} client
 * @param {string} [label] what the user calls it; the API has a word for it if there is none
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey>}
 */
export async function addPasskey(client, label, options) {
  return inTurn(() => makePasskey(client, { label }, options, (publicKey) => createPasskey(publicKey, options)));
}

/**
 * Renames a passkey, for the user's own list.
 *
 * @param {Client} client
 * @param {string} id
 * @param {string} label
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey>}
 */
export async function renamePasskey(client, id, label, options) {
  const { passkey } = await client.json("PATCH", `auth/passkeys/${encodeURIComponent(id)}`, { label }, options);
  signalPasskeys(client);
  return passkey;
}

/**
 * Removes a passkey, and tells the browser. The session has to be fresh.
 *
 * @param {Client} client
 * @param {string} id 409 `conflict` if it is the last way in
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function removePasskey(client, id, options) {
  upgrade?.withdraw();
  await client.json("DELETE", `auth/passkeys/${encodeURIComponent(id)}`, undefined, options);
  signalPasskeys(client);
}

/**
 * Adds a passkey for a user who has just logged in with a password, if the browser does that without a question. Shows
 * nothing, asks nothing, and never fails: nothing waits for it, and it makes way for all that asks for a passkey.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<Passkey | null>} null if nothing came of it
 */
export async function upgradeToPasskey(client, options) {
  try {
    const able = passkeysWork() && (await PublicKeyCredential.getClientCapabilities());
    if (!able || !able.conditionalCreate || !hasJustLoggedIn(client)) return null;
    await makeWay();
    if (prompts) return null;
    const own = (upgrade = new Upgrade(client, options));
    return await own.make().finally(() => {
      if (upgrade === own) upgrade = null;
    });
  } catch {
    return null;
  }
}

/**
 * Tells the browser which passkeys the account has and what it is called, so that it offers no other. Does nothing in a
 * browser that does not listen, and never fails.
 *
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<void>}
 */
export async function signalPasskeys(client, options) {
  const { user } = client;
  if (!user || !canSignal("signalAllAcceptedCredentials")) return;
  const before = turns;
  try {
    const { publicKey } = await requestOptions(client, options);
    const { passkeys } = await getFactors(client, options);
    // The list may lack a passkey that is made meanwhile.
    if (prompts || upgrade || turns > before) return;
    const account = { rpId: publicKey.rpId, userId: toText(new TextEncoder().encode(user.id)) };
    const allAcceptedCredentialIds = passkeys.map(({ id }) => id);
    await signal("signalAllAcceptedCredentials", { ...account, allAcceptedCredentialIds });
    await signal("signalCurrentUserDetails", { ...account, name: user.username, displayName: user.username });
  } catch {
    // The next log-in tells it.
  }
}

/** How many prompts the user is asked to answer: the browser runs one ceremony at a time. */
let prompts = 0;
/** How many times a passkey was asked for, or made. */
let turns = 0;
/** @type {Offer | null} the offer that makes way for prompts */
let offer = null;
/** @type {Upgrade | null} the making of a passkey without a question, which does too */
let upgrade = null;

/**
 * Run what asks the user for a passkey, while none is offered.
 *
 * @template Result
 * @param {() => Promise<Result>} task
 * @returns {Promise<Result>}
 */
async function inTurn(task) {
  prompts += 1;
  turns += 1;
  try {
    await makeWay();
    return await task();
  } finally {
    prompts -= 1;
    offer?.look();
  }
}

/** End what the browser does without a prompt. */
async function makeWay() {
  await Promise.all([offer?.withdraw(), upgrade?.withdraw()]);
}

/** An offer of passkeys where a username is typed. */
class Offer {
  #client;
  /** @type {AbortSignal | undefined} the caller's */
  #signal;
  #onFailure;
  /** Aborted when the offer is over. */
  #end = new AbortController();
  /** Ends what the browser offers now. */
  #withdrawal = new AbortController();
  /** @type {Promise<unknown>} settles when the browser offers nothing any more */
  #standing = Promise.resolve();
  /** When the offer is to be renewed, by the wall clock: it goes on while the machine sleeps. */
  #due = Infinity;
  /** Whether the user has left the page, which the browser may keep for the way back. */
  #isLeft = false;
  /** Ends the pause, if there is one. */
  #goOn = () => {};

  /** @param {Client} client @param {AbortSignal} [signal] @param {(error: Error) => void} [onFailure] */
  constructor(client, signal, onFailure) {
    this.#client = client;
    this.#signal = signal;
    this.#onFailure = onFailure;
    const until = { signal: this.#end.signal };
    addEventListener("pagehide", () => this.#leave(true), until);
    addEventListener("pageshow", () => this.#leave(false), until);
    for (const event of ["visibilitychange", "focus", "online"]) addEventListener(event, () => this.look(), until);
  }

  /** @returns {Promise<User | null>} null if it is over */
  async stand() {
    let failures = 0;
    while (!this.#isOver) {
      try {
        if (!this.#mayStand) await this.#pause();
        else {
          const { challenge, publicKey } = await requestOptions(this.#client, { signal: this.#end.signal });
          const credential = await this.#present(publicKey);
          if (credential) return await enter(this.#client, challenge, publicKey, credential, { signal: this.#signal });
          failures = 0;
        }
      } catch (error) {
        if (this.#isOver) break;
        if (error.reason === "address" || error.reason === "unsupported") throw error;
        if (error.reason !== "cancelled") this.#onFailure?.(error);
        await this.#pause(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
        failures += 1;
      }
    }
    return null;
  }

  /** Make way. @returns {Promise<unknown>} settles when the browser is free */
  withdraw() {
    this.#withdrawal.abort();
    return this.#standing;
  }

  /** Look whether anything is due. A page that nobody sees renews nothing. */
  look() {
    if (Date.now() >= this.#due && !document.hidden) this.withdraw();
    this.#goOn();
  }

  /** Make way for good. @returns {Promise<unknown>} settles when the browser is free */
  end() {
    this.#end.abort();
    this.#goOn();
    return this.withdraw();
  }

  get #isOver() {
    return this.#end.signal.aborted;
  }

  get #mayStand() {
    return !this.#isOver && !prompts && !this.#isLeft && !document.hidden;
  }

  /** A page with an offer could not be kept for the way back. @param {boolean} isLeft */
  #leave(isLeft) {
    this.#isLeft = isLeft;
    if (isLeft) this.withdraw();
    else this.look();
  }

  /** @returns {Promise<any>} the credential that the user has chosen, null if the offer was withdrawn */
  async #present(publicKey) {
    // The prompt of a button may have come between.
    if (!this.#mayStand) return null;
    const { signal } = (this.#withdrawal = new AbortController());
    const life = (publicKey.timeout || TIMEOUT_MS) * RENEWAL;
    this.#due = Date.now() + life;
    const alarm = setTimeout(() => {
      this.#due = 0;
      this.look();
    }, life);
    const chosen = getPasskey(publicKey, { signal }, "conditional");
    this.#standing = chosen.catch(() => {});
    try {
      return await chosen;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      clearTimeout(alarm);
    }
  }

  /** Wait until there is something new, at most for so long. @param {number} [milliseconds] for ever by default */
  async #pause(milliseconds) {
    /** @type {any} */
    let alarm;
    await new Promise((resolve) => {
      this.#goOn = () => resolve(undefined);
      if (milliseconds) alarm = setTimeout(resolve, milliseconds);
    });
    clearTimeout(alarm);
  }
}

/** The making of a passkey without a question. */
class Upgrade {
  #client;
  #options;
  #withdrawal = new AbortController();
  /** @type {Promise<unknown>} settles when the browser makes nothing any more */
  #making = Promise.resolve();

  /** @param {Client} client @param {CallOptions} [options] */
  constructor(client, options) {
    this.#client = client;
    this.#options = options;
    turns += 1;
  }

  /** @returns {Promise<Passkey>} */
  async make() {
    const stop = this.#client.onChange(({ type }) => type === "logged-out" && this.withdraw());
    try {
      return await makePasskey(this.#client, {}, this.#options, (publicKey) => this.#create(publicKey));
    } finally {
      stop();
    }
  }

  /** Make way. @returns {Promise<unknown>} settles when the browser is free */
  withdraw() {
    this.#withdrawal.abort();
    return this.#making;
  }

  /** A browser may leave it open for as long as the page is there. */
  #create(publicKey) {
    const signals = [this.#withdrawal.signal, AbortSignal.timeout(publicKey.timeout || TIMEOUT_MS)];
    if (this.#options?.signal) signals.push(this.#options.signal);
    const made = createPasskey(publicKey, { signal: AbortSignal.any(signals) }, "conditional");
    this.#making = made.catch(() => {});
    return made;
  }
}

/**
 * @param {Client} client
 * @param {CallOptions} [options]
 * @returns {Promise<{challenge: string, publicKey: PublicKeyCredentialRequestOptionsJSON}>}
 */
function requestOptions(client, options) {
  return client.json("POST", "auth/login/passkey/options", {}, { ...options, anonymous: true });
}

/** Log in with a passkey, and tell the browser. @param {any} credential @param {CallOptions} [options] */
async function enter(client, challenge, publicKey, credential, options) {
  try {
    const user = await client.enter("auth/login/passkey", { challenge, credential }, options);
    signalPasskeys(client);
    return user;
  } catch (error) {
    if (error.unknown_credential) signalUnknown(publicKey.rpId, credential);
    throw error;
  }
}

/**
 * Make a passkey, and add it to the account.
 *
 * @param {{label?: string | undefined}} named
 * @param {CallOptions | undefined} options
 * @param {(publicKey: any) => Promise<any>} create resolves to the credential
 */
async function makePasskey(client, named, options, create) {
  const { challenge, publicKey } = await client.json("POST", "auth/passkeys/options", {}, options);
  const credential = await create(publicKey);
  try {
    return (await client.json("POST", "auth/passkeys", { challenge, credential, ...named }, options)).passkey;
  } catch (error) {
    // After a conflict, or where no answer came, it may be one that the account has.
    if (error.status < 500 && error.status !== 409) signalUnknown(publicKey.rp.id, credential);
    throw error;
  }
}

/** @param {CallOptions} [options] @param {"conditional"} [mediation] */
function createPasskey(publicKey, options, mediation) {
  return runCeremony("create", () => creationFromJson(publicKey), mediation, options);
}

/** @param {CallOptions} [options] @param {"conditional"} [mediation] */
function getPasskey(publicKey, options, mediation) {
  return runCeremony("get", () => requestFromJson(publicKey), mediation, options);
}

/**
 * Run a ceremony of WebAuthn Level 3.
 *
 * @param {"get" | "create"} method
 * @param {() => object} publicKey
 * @param {"conditional" | undefined} mediation
 * @param {CallOptions} [options]
 * @returns {Promise<any>} the credential, as JSON
 */
async function runCeremony(method, publicKey, mediation, options) {
  if (!("PublicKeyCredential" in globalThis)) throw new PasskeyError("NotSupportedError");
  if (!passkeysWork()) throw new PasskeyError("SecurityError");
  const { signal } = options ?? {};
  try {
    const asked = /** @type {any} */ ({ publicKey: publicKey(), mediation, signal });
    return credentialToJson(await navigator.credentials[method](asked));
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PasskeyError(cause.name, cause);
  }
}

/** What `create` takes, from a PublicKeyCredentialCreationOptionsJSON. */
function creationFromJson(json) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  const excludeCredentials = json.excludeCredentials?.map(toDescriptor);
  const user = { ...json.user, id: toBytes(json.user.id) };
  return { ...json, user, challenge: toBytes(json.challenge), excludeCredentials };
}

/** What `get` takes, from a PublicKeyCredentialRequestOptionsJSON. */
function requestFromJson(json) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return { ...json, challenge: toBytes(json.challenge), allowCredentials: json.allowCredentials?.map(toDescriptor) };
}

function toDescriptor(json) {
  return { ...json, id: toBytes(json.id) };
}

/** A RegistrationResponseJSON or an AuthenticationResponseJSON. @param {any} credential */
function credentialToJson(credential) {
  try {
    return credential.toJSON();
  } catch {
    // An older browser, or a password manager's own credential.
  }
  const { id, rawId, type, authenticatorAttachment, response } = credential;
  const parts = {
    clientDataJSON: response.clientDataJSON,
    attestationObject: response.attestationObject,
    authenticatorData: response.authenticatorData ?? response.getAuthenticatorData?.(),
    publicKey: response.getPublicKey?.(),
    signature: response.signature,
    userHandle: response.userHandle,
  };
  const texts = Object.entries(parts).filter(([, part]) => part).map(([name, part]) => [name, toText(part)]);
  return {
    id,
    rawId: toText(rawId),
    type,
    authenticatorAttachment: authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      ...Object.fromEntries(texts),
      publicKeyAlgorithm: response.getPublicKeyAlgorithm?.(),
      transports: response.getTransports?.(),
    },
  };
}

/** @param {string} text in base64url */
function toBytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer | Uint8Array} bytes @returns {string} in base64url, without padding */
function toText(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} code */
function digits(code) {
  return code.replace(/\s/g, "");
}

/** Renew what the client says of the user. Nobody waits for it. @param {Client} client */
function renewUser(client) {
  client.refresh("factors changed").catch(() => {});
}

/** Whether the session is as old as its authentication: the API asks for no other. @param {Client} client */
function hasJustLoggedIn(client) {
  const claims = JSON.parse(new TextDecoder().decode(toBytes(client.token?.accessToken.split(".")[1] ?? "")));
  return claims.iat - claims.auth_time < 5;
}

/** @param {string} name @returns {boolean} whether the browser listens to such a signal */
function canSignal(name) {
  return passkeysWork() && name in PublicKeyCredential;
}

/** Tell the browser that nobody knows a passkey. */
function signalUnknown(rpId, { id: credentialId }) {
  signal("signalUnknownCredential", { rpId, credentialId });
}

/** Tell the browser something of its passkeys, if it listens. Never fails. @param {object} details */
async function signal(name, details) {
  try {
    if (canSignal(name)) await PublicKeyCredential[name](details);
  } catch {
    // The browser does not care.
  }
}
