/**
 * Keeps a session alive and adds its access token to calls of the API: docs/browser-client.md
 *
 * createClient puts these parts together:
 *
 *   Clock          tells the time, whatever the machine's clock is set to
 *   Api            sends requests, gives up on slow answers, and turns failures into errors
 *   SessionStore   keeps what outlives the page
 *   Tabs           lets one tab at a time act for the session, and tells the others what came of it
 *   TokenSet       the access token, whose it is and when it expires
 *   Retry          when to try again after a failure
 *   SessionKeeper  logs in, refreshes and logs out
 *   Calls          the application's own calls, with the access token
 */

/**
 * An account, as the API tells of it.
 *
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string[]} roles
 * @property {string} created_at an RFC 3339 time in UTC
 * @property {boolean} disabled
 * @property {string | null} [email] null for none
 * @property {boolean} [email_verified] whether `email` is confirmed
 * @property {string} [new_email] takes the place of `email` once it is confirmed
 * @property {boolean} [second_factor] whether a log-in asks for a second factor
 */

/**
 * One of the user's sessions, as the API tells of it. Times are RFC 3339, in UTC.
 *
 * @typedef {object} Session
 * @property {string} id
 * @property {string} created_at
 * @property {string} last_used_at rounded down to the hour
 * @property {string} expires_at rounded down to the hour
 * @property {string} ip the address it began from
 * @property {string} user_agent what it began in, which a client can choose
 * @property {boolean} current whether this is the session of the call
 * @property {boolean} bound whether nobody can continue it without a key of its client
 */

/**
 * The access token, for uses other than `fetch`.
 *
 * @typedef {object} Token
 * @property {string} accessToken
 * @property {number} lifetime in seconds, from its issue
 * @property {number} secondsLeft
 */

/**
 * Something that happened to the session. `why` is a word or two for logs and tests.
 *
 * @typedef {{type: "refresh-failed" | "logout-pending", why: string, error: Error}
 *   | {type: "logged-in" | "refreshing" | "refreshed" | "logged-out" | "logout-sent", why: string, error?: undefined}} Change
 */

/**
 * Where the refresh token is kept.
 *
 * @typedef {"cookie" | "session" | "local" | "memory"} StorageMode
 */

/**
 * What is wrong with which field of a request: a sentence in English, a code for programs (docs/http-api.md lists them), and
 * the number that belongs to it. What a page makes itself may have no code.
 *
 * @typedef {{field: string, message: string, code?: string | undefined, limit?: number | undefined}} FieldError
 */

/**
 * What shows again who the user is: the password alone or with a code of the TOTP app, or a passkey.
 *
 * @typedef {string | {password: string, code?: string | undefined} | {challenge: string, credential: object}} Proof
 */

/**
 * What a call may be given besides its own arguments.
 *
 * @typedef {object} CallOptions
 * @property {AbortSignal | undefined} [signal] cancels the call
 */

/**
 * The same for `json`, which can leave out the session.
 *
 * @typedef {CallOptions & {anonymous?: boolean | undefined}} JsonOptions
 */

/**
 * What createClient takes.
 *
 * @typedef {object} ClientOptions
 * @property {string | URL | undefined} [baseUrl] the API's root, relative to the page or absolute; "/api" by default
 * @property {StorageMode | undefined} [storage] where the refresh token is kept; "cookie" by default
 * @property {((request: Request) => Promise<Response>) | undefined} [fetch] sends a request
 * @property {number | undefined} [timeout] milliseconds to wait for a response; 10,000 by default
 * @property {((why: ApiError) => Promise<Proof | null>) | undefined} [askPassword]
 * asks the user for the password, or another proof; null if the user does not want to
 * @property {boolean | undefined} [bind] whether a session that begins here needs a key of this browser; true by default
 */

/**
 * What a client has. docs/browser-client.md tells more of each member.
 *
 * @typedef {object} ClientMembers
 * @property {User | null} user the user who is logged in, null if nobody is
 * @property {Token | null} token the access token, null if nobody is logged in
 * @property {{bound: boolean} | null} session
 * whether the session needs the key that this client keeps, null if nobody is logged in
 * @property {() => Promise<User | null>} restore
 * continues an earlier page's session; throws if the API cannot be reached
 * @property {(username: string, password: string, options?: CallOptions) => Promise<User>} register
 * creates an account and logs in
 * @property {(username: string, password: string, options?: CallOptions) => Promise<User>} login logs in
 * @property {(path: string, body: object, options?: CallOptions) => Promise<User>} enter
 * logs in by another POST that the API answers with tokens
 * @property {() => Promise<boolean>} logout
 * logs out at once, in every tab; whether the API has heard of it: if not, it is told later
 * @property {(options?: CallOptions) => Promise<boolean>} logoutEverywhere
 * ends every session of the user; resolves as `logout` does
 * @property {(options?: CallOptions) => Promise<Session[]>} sessions the user's sessions, newest first
 * @property {(current: string, next: string, options?: CallOptions) => Promise<void>} changePassword
 * changes the password, and ends all other sessions
 * @property {(proof: Proof, options?: CallOptions) => Promise<void>} reauthenticate
 * confirms who the user is, for calls that want that again
 * @property {(why?: string) => Promise<void>} refresh gets a new access token now
 * @property {<Body = any>(method: string, path: string, body?: object, options?: JsonOptions) => Promise<Body>} json
 * calls the API with the access token; resolves to the response's body, null if it has none; throws ApiError
 * @property {typeof globalThis.fetch} fetch
 * `fetch`, with the access token for URLs below the API's root; a path is relative to that root
 * @property {(listener: (change: Change) => void) => () => void} onChange
 * calls the listener at each change; returns a function that unsubscribes
 * @property {() => void} close stops timers and listeners for good; the session continues
 */

/**
 * The client of one API: what createClient returns.
 *
 * @typedef {Readonly<ClientMembers>} Client
 */

/**
 * What the API answers to a log-in or a refresh.
 *
 * @typedef {object} Tokens
 * @property {string} access_token
 * @property {number} expires_in seconds for which the access token is good
 * @property {string} [refresh_token] absent if it is in a cookie
 * @property {User} user
 */

const TIMEOUT_MS = 10_000;
/** A token is refreshed when this much of it is left, or up to a quarter of its life more: nobody can tell when. */
const REFRESH_MARGIN_S = 30;
/** A call waits for a refresh if less than this is left of its token. */
const CALL_MARGIN_S = 5;
/** The longest pause between two tries, or two looks at the clock: a timer may stand still while the machine sleeps. */
const LONGEST_PAUSE_S = 30;
/** The lock is held for this much longer, so that the next tab hears the news before it gets the lock. */
const LOCK_LINGER_MS = 50;
/** Stored in place of the refresh token that a cookie has. Open pages may be older than this file: the value stays. */
const TOKEN_IS_IN_COOKIE = "in";
/** Stored when the cookie's session is over but the API may not know. The value stays, as above. */
const LOGOUT_IS_PENDING = "out";

/** The API answered with an error. */
export class ApiError extends Error {
  name = /** @type {const} */ ("ApiError");
  /** The HTTP status. */
  status = 0;
  /** The API's code for the error, "" if the answer had none. */
  error = "";
  /** The API's sentence for people, "" if the answer had none. */
  detail = "";
  /**
   * What is wrong with which field, empty if that is not the error.
   *
   * @type {FieldError[]}
   */
  errors = [];
  /** Seconds to wait before another try, 0 if the API named none. */
  retryAfter = 0;
  /**
   * What the second factor is sent with, where one is due. So are the next three.
   *
   * @type {string | undefined}
   */
  challenge;
  /**
   * The second factors that the user has.
   *
   * @type {("totp" | "recovery_code" | "passkey")[] | undefined}
   */
  methods;
  /**
   * Seconds for which the challenge is good.
   *
   * @type {number | undefined}
   */
  expiresIn;
  /**
   * What a passkey is to answer (PublicKeyCredentialRequestOptionsJSON), if the user has one.
   *
   * @type {PublicKeyCredentialRequestOptionsJSON | undefined}
   */
  publicKey;
  /**
   * How strong an authentication the call wants, if the session's is too weak.
   *
   * @type {string | undefined}
   */
  acrValues;
  /**
   * How many seconds ago the user may have authenticated, where the call wants that again.
   *
   * @type {number | undefined}
   */
  maxAge;

  /** @param {Partial<ApiError>} problem */
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, problem);
  }
}

/** No usable answer came. */
export class NetworkError extends Error {
  name = /** @type {const} */ ("NetworkError");
}

/** The session is over, or another user's by now. */
export class SessionEnded extends Error {
  name = /** @type {const} */ ("SessionEnded");
}

/** Milliseconds that go on while the machine sleeps and do not go back when somebody sets its clock. */
class Clock {
  /** The wall clock's lead over the monotonic clock when the page was opened. */
  #wallLead = Date.now() - performance.now();
  /** How far the monotonic clock has fallen behind since, because it may stand still in sleep. 0 if it never has. */
  #slept = 0;

  now() {
    const ticks = performance.now();
    this.#slept = Math.max(this.#slept, Date.now() - ticks - this.#wallLead);
    return ticks + this.#slept;
  }

  /** @param {number} time by this clock @returns {number} the same by the wall clock, which all tabs share */
  toWall(time) {
    return time - this.now() + Date.now();
  }

  /** @param {number} time by the wall clock */
  fromWall(time) {
    return time - Date.now() + this.now();
  }
}

/** Sends requests. */
class Api {
  /** @type {URL | null} the API's root, with a slash at its end; null if nobody can tell where that is */
  #root;
  /** @type {(request: Request) => Promise<Response>} sends a request as it is, wherever it goes */
  fetch;
  /** Milliseconds to wait for an answer. */
  #timeout;
  /** @type {RequestCredentials} whether cookies go along */
  #credentials;
  #clock;
  /** The requests under way. Node forgets the signal of a request that nobody holds. */
  #underWay = new Set();
  /**
   * Is told of each answer when it was sent, in seconds by the API's clock, NaN if the answer does not say, and when
   * its request was, in milliseconds by this page's Clock.
   *
   * @type {(answeredAt: number, sentAt: number) => void}
   */
  onAnswer = () => {};

  /**
   * @param {URL | null} root
   * @param {(request: Request) => Promise<Response>} fetch
   * @param {number} timeout
   * @param {Clock} clock
   * @param {RequestCredentials} credentials
   */
  constructor(root, fetch, timeout, clock, credentials) {
    this.#root = root;
    // A browser's fetch works as a function only, not as a method.
    this.fetch = (request) => fetch(request);
    this.#timeout = timeout;
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** The API's root. Throws TypeError if it is relative, and there is no page. */
  get #base() {
    if (!this.#root) throw new TypeError("baseUrl must be absolute here");
    return this.#root;
  }

  /** Whether the access token may go there: below the root, with no encoded slash that a server might decode. */
  covers(url) {
    const { href, pathname } = new URL(url);
    return href.startsWith(this.#base.href) && !/%2f|%5c/i.test(pathname);
  }

  /** @param {object} [body] @param {CallOptions} [options] */
  jsonRequest(method, path, body, options) {
    return new Request(new URL(path, this.#base), {
      method,
      signal: options?.signal,
      body: body && JSON.stringify(body),
      headers: body && { "Content-Type": "application/json" },
      credentials: this.#credentials,
      redirect: "error",
      cache: "no-cache",
    });
  }

  /** Like `fetch`: a path is relative to the root. @param {RequestInfo | URL} input @param {RequestInit} [init] */
  request(input, init) {
    return new Request(input instanceof Request ? input : new URL(input, this.#base), init);
  }

  /**
   * Send a request and read its answer, both within the timeout. Throws what `read` throws as ApiError, the reason of
   * a caller who gave up, and NetworkError for all else.
   *
   * @template Result
   * @param {Request} request
   * @param {(response: Response, answeredAt: number, sent: Request) => Result | Promise<Result>} read
   * @param {(request: Request) => Promise<Response>} [fetch] what sends it
   * @returns {Promise<Result>}
   */
  async send(request, read, fetch = this.fetch) {
    const limit = new AbortController();
    const alarm = setTimeout(() => limit.abort(), this.#timeout);
    const sentAt = this.#clock.now();
    const held = { request, sent: new Request(request, { signal: AbortSignal.any([request.signal, limit.signal]) }) };
    this.#underWay.add(held);
    try {
      const response = await fetch(held.sent);
      const answeredAt = Date.parse(response.headers.get("Date") ?? "") / 1000;
      this.onAnswer(answeredAt, sentAt);
      return await read(response, answeredAt, held.sent);
    } catch (cause) {
      if (request.signal.aborted || cause instanceof ApiError) throw cause;
      throw new NetworkError("No usable answer", { cause });
    } finally {
      clearTimeout(alarm);
      this.#underWay.delete(held);
    }
  }
}

/**
 * The body of a good answer, null if it has none. Throws ApiError for any other, which can be read again.
 *
 * @param {Response} response
 */
async function readJson(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = (await response.clone().json().catch(() => {})) ?? {};
  const { expires_in: expiresIn, acr_values: acrValues, max_age: maxAge } = problem;
  const retryAfter = +(response.headers.get("Retry-After") ?? 0) || 0;
  throw new ApiError({ ...problem, expiresIn, acrValues, maxAge, status: response.status, retryAfter });
}

/**
 * Two entries of the browser's storage, which outlive the page. One has the refresh token, or one of two marks where a
 * cookie has the token, and is missing when nobody is logged in. The other tells of the key that the session is bound
 * to. All tabs share them, but for the modes "session" and "memory".
 */
class SessionStore {
  /** @type {Record<string, any>} a Storage, or an object that is gone with the page */
  #entries = {};

  /** @param {StorageMode} mode @param {string} name of the first entry */
  constructor(mode, name) {
    this.mode = mode;
    this.name = name;
    try {
      if (mode !== "memory") this.#entries = mode === "session" ? sessionStorage : localStorage;
      // Browsers that allow none throw here, or above.
      void this.isEmpty;
    } catch {
      this.#entries = {};
    }
  }

  get isEmpty() {
    return !this.#entries[this.name];
  }

  /** Whether the cookie's session is over but the API may not know. Never true where no cookie is used. */
  get isLogoutPending() {
    return this.#entries[this.name] === LOGOUT_IS_PENDING;
  }

  /** A request's body that tells the API whose session it is; empty if the cookie does. Null if nothing is stored. */
  get credential() {
    if (this.isEmpty) return null;
    return this.mode === "cookie" ? {} : { refresh_token: this.#entries[this.name] };
  }

  /** Whether the session, or its log-out, cannot go on without a key of this browser. */
  get isBound() {
    return !!this.#entries[`${this.name} key`];
  }

  set isBound(isBound) {
    this.#put(`${this.name} key`, isBound && "bound");
  }

  /** @param {Tokens} tokens */
  save(tokens) {
    this.#put(this.name, tokens.refresh_token ?? TOKEN_IS_IN_COOKIE);
  }

  /** Remember, if that takes a mark, that the API is to hear of a log-out. */
  markLogoutPending() {
    if (this.mode === "cookie") this.#put(this.name, LOGOUT_IS_PENDING);
  }

  clear() {
    this.#put(this.name, false);
  }

  #put(entry, value) {
    const entries = this.#entries;
    try {
      if (value) entries[entry] = value;
      else delete entries[entry];
    } catch {
      // It is full, most likely of what is not ours.
      const key = `${this.name} key`;
      this.#entries = { [this.name]: entries[this.name], [key]: entries[key], [entry]: value };
      delete entries[entry];
    }
  }
}

/** The tabs that share a session, this one among them. */
class Tabs {
  #name;
  #timeout;
  /** @type {BroadcastChannel | null} null if the session is this tab's alone, and once closed */
  #channel;
  /** @type {LockManager | null | undefined} none if the session is this tab's alone, or the browser has no Web Locks */
  #locks;

  /**
   * @param {string} name of lock and channel
   * @param {boolean} areShared whether other tabs have the same session
   * @param {number} timeout milliseconds to wait for the lock
   */
  constructor(name, areShared, timeout) {
    this.#name = name;
    this.#timeout = timeout;
    this.#channel = areShared ? new BroadcastChannel(name) : null;
    this.#locks = areShared ? navigator.locks : null;
  }

  /** @param {(message: any) => void} listener to messages of other tabs */
  listen(listener) {
    if (this.#channel) this.#channel.onmessage = ({ data }) => listener(data);
  }

  /** @param {any} message to the other tabs */
  post(message) {
    this.#channel?.postMessage(message);
  }

  /**
   * Run a task while no other tab runs one, and resolve as it does. Where there is no lock, or another tab does not
   * give it back in time, tasks may meet: the API gives two refreshes the same answer.
   *
   * @template Result
   * @param {() => Promise<Result>} task
   * @returns {Promise<Result>}
   */
  exclusively(task) {
    return new Promise((resolve) => {
      const run = async () => {
        const work = task();
        resolve(work);
        await work.catch(() => {});
        await new Promise((done) => setTimeout(done, LOCK_LINGER_MS));
      };
      if (this.#locks) this.#locks.request(this.#name, { signal: AbortSignal.timeout(this.#timeout) }, run).catch(run);
      else run();
    });
  }

  close() {
    this.#channel?.close();
    this.#channel = null;
  }
}

/** An access token, and what came with it. */
class TokenSet {
  /** @param {Tokens} tokens @param {number} expiresAt @param {number} apiExpiresAt */
  constructor(tokens, expiresAt, apiExpiresAt) {
    this.tokens = tokens;
    /** When the access token expires, in milliseconds by this page's Clock. Each answer of the API corrects it. */
    this.expiresAt = expiresAt;
    /** The same in seconds by the API's clock. NaN if its answers do not tell the time. */
    this.apiExpiresAt = apiExpiresAt;
  }

  /**
   * Read what another tab wrote by `toMessage`.
   *
   * @param {Tokens & {expires: number, ends: number, entered: boolean}} message
   * @param {Clock} clock
   */
  static fromMessage({ expires, ends, ...tokens }, clock) {
    return new TokenSet(tokens, clock.fromWall(expires), ends);
  }

  /**
   * Write this session for other tabs. Their pages may be older than this file: the members' names stay.
   *
   * @param {Clock} clock
   * @param {boolean} entered whether somebody has just logged in
   */
  toMessage(clock, entered) {
    return { ...this.tokens, expires: clock.toWall(this.expiresAt), ends: this.apiExpiresAt, entered };
  }

  /** Set the expiry right, by an answer of the API. The time its request was sent keeps on the safe side. */
  correctExpiry(answeredAt, sentAt) {
    const left = this.apiExpiresAt - answeredAt;
    if (left <= this.tokens.expires_in) this.expiresAt = sentAt + left * 1000;
  }
}

/** When to try again after a failure. */
class Retry {
  #clock;
  /** How many tries have failed in a row. */
  #failures = 0;
  /** @type {any} the ApiError or NetworkError that the last try failed with; null if it did not fail */
  #error = null;
  /** When to try again, by the Clock, if the last try failed. */
  #at = 0;

  /** @param {Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /** Seconds until the next try, null if the last one did not fail. */
  get secondsLeft() {
    return this.#error && (this.#at - this.#clock.now()) / 1000;
  }

  /** Wait for as long as the API asks, and for longer the more tries have failed. */
  after(error) {
    const pause = Math.max(error.retryAfter || 0, Math.min(LONGEST_PAUSE_S, 2 ** this.#failures));
    this.#at = this.#clock.now() + pause * (1000 + 500 * Math.random());
    this.#failures += 1;
    this.#error = error;
  }

  reset() {
    this.#failures = 0;
    this.#error = null;
  }

  /** Try at once, unless the API has named a time. */
  hasten() {
    if (!(this.#error?.retryAfter > 0)) this.reset();
  }

  /** Throws the last error while it is too early to bother the API again. */
  throwIfTooEarly() {
    if (this.#error?.retryAfter > 0 && this.secondsLeft > 0) throw this.#error;
  }
}

/**
 * Seconds before its end at which a token is refreshed: spread over two and a half minutes for a token of ten. Somebody
 * who has stolen a refresh token cannot tell when its owner will use it.
 * @param {number} lifetime in seconds
 */
function refreshMargin(lifetime) {
  return Math.min(REFRESH_MARGIN_S, lifetime / 4) + (lifetime / 4) * Math.random();
}

/** Wait for what others may share, for no longer than a request. */
function waitFor({ signal }, shared) {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    shared.then(resolve, reject);
  });
}

/** How often the module of the key has not come. Browsers go on refusing its URL until the page is reloaded. */
let misses = 0;

/** @returns {Promise<typeof import("./lychgate-dpop.js")>} */
function importKeys() {
  const get = () => import("./lychgate-dpop.js");
  // Bundlers rename it.
  const path = misses && /import\(.(.+?)["'`]/.exec(`${get}`)?.[1];
  return path ? import(/* @vite-ignore */ `${path}?${misses}`) : get();
}

/** Logs in, refreshes in time and logs out. */
class SessionKeeper {
  /** @type {TokenSet | null} null while nobody is logged in, and until an earlier page's session is taken up again */
  session = null;
  /** Rises with each change of the session. What was asked for at a lower number is out of date when it arrives. */
  #version = 0;
  /** Seconds before the end of the access token at which it is refreshed; drawn anew with each token, 0 without one. */
  #refreshMargin = 0;
  /** @type {Promise<void> | null} the refresh under way, for all who need one meanwhile; null if there is none */
  #refreshing = null;
  /**
   * The body of a log-out that the API has not confirmed to this page; null if there is none. The store's mark says the
   * same for a cookie, after a reload too.
   *
   * @type {object | null}
   */
  #pendingLogout = null;
  /** @type {Promise<boolean> | null} the log-out being sent, for all who wait for it; null if none is */
  #sendingLogout = null;
  /** Whether listeners know of a log-out that is pending, and are to hear when it no longer is. */
  #isLogoutAwaited = false;
  #isClosed = false;
  /** @type {any} for the next refresh or try; undefined before the first */
  #timer;
  /** @type {Set<(change: Change) => void>} */
  #listeners = new Set();
  #retry;
  #api;
  #store;
  #tabs;
  #clock;
  /** @type {"cookie" | "body"} how the API is to give the refresh token */
  #delivery;
  /** Whether sessions are to be bound. */
  #bind;

  /**
   * @param {Api} api
   * @param {SessionStore} store
   * @param {Tabs} tabs
   * @param {Clock} clock
   * @param {boolean} bind
   */
  constructor(api, store, tabs, clock, bind) {
    this.#api = api;
    this.#store = store;
    this.#tabs = tabs;
    this.#clock = clock;
    this.#delivery = store.mode === "cookie" ? "cookie" : "body";
    this.#bind = bind;
    this.#retry = new Retry(clock);
    api.onAnswer = (answeredAt, sentAt) => this.session?.correctExpiry(answeredAt, sentAt);
    tabs.listen((message) => this.#receive(message));
  }

  /** Whether there is a session, here or for a refresh to take up. Only the API knows whether it still holds. */
  get mayHaveSession() {
    return !this.#store.isEmpty && !this.#isLogoutPending;
  }

  /** Seconds for which the access token is good, 0 without one. */
  get secondsLeft() {
    return this.session ? (this.session.expiresAt - this.#clock.now()) / 1000 : 0;
  }

  /** @param {(change: Change) => void} listener @returns {() => void} to stop it */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {string} path of a POST that begins a session @param {CallOptions} [options] @returns {Promise<User>} */
  async enter(path, body, options) {
    // Sent later, a log-out would be the new session's.
    await this.#sendPendingLogout("before a log-in");
    return this.#tabs.exclusively(async () => {
      const asked = { ...body, token_delivery: this.#delivery };
      const session = await this.#requestSession(this.#api.jsonRequest("POST", path, asked, options), true);
      this.#pendingLogout = null;
      this.#adopt(session, "entered", true);
      return session.tokens.user;
    });
  }

  /** Take up an earlier page's session, if there is one. */
  async restore() {
    await this.#sendPendingLogout("page opened");
    if (!this.session && this.mayHaveSession) await this.refresh("page opened");
  }

  /**
   * Get a new access token. Throws SessionEnded if the session is over; after any other error it goes on.
   *
   * @param {string} why
   * @returns {Promise<void>}
   */
  refresh(why) {
    return (this.#refreshing ??= this.#refresh(why).finally(() => (this.#refreshing = null)));
  }

  /**
   * Take what answers a request in place of this session. Who wants a refresh meanwhile waits for that.
   *
   * @param {(delivery: "cookie" | "body") => Request} request
   */
  async replace(request, why) {
    await this.#refreshing?.catch(() => {});
    const replaced = this.#tabs.exclusively(async () => {
      const session = await this.#requestSession(request(this.#delivery));
      if (!this.session) throw new SessionEnded();
      this.#adopt(session, why, false);
    });
    const settled = (this.#refreshing = replaced.catch(() => {}));
    return replaced.finally(() => {
      if (this.#refreshing === settled) this.#refreshing = null;
    });
  }

  /** Log out at once. @returns {Promise<boolean>} whether the API has heard of it; if not, it is told later */
  logout() {
    this.#pendingLogout = this.#store.credential ?? this.#pendingLogout;
    if (this.#pendingLogout) this.#store.markLogoutPending();
    this.#endSession("logged out");
    return this.#sendPendingLogout("logged out");
  }

  /** Look whether anything is due: while the page was out of sight its timers may have stood still. */
  wake() {
    this.#retry.hasten();
    if (this.session && !this.mayHaveSession) this.#setSession(null, "elsewhere");
    else this.#schedule();
  }

  close() {
    this.#isClosed = true;
    this.#schedule();
  }

  get #isLogoutPending() {
    return !!this.#pendingLogout || this.#store.isLogoutPending;
  }

  async #refresh(why) {
    const version = this.#version;
    if (!this.mayHaveSession) throw new SessionEnded();
    this.#retry.throwIfTooEarly();
    try {
      await this.#tabs.exclusively(async () => {
        // Another tab was first, or the session has ended.
        if (this.#version !== version) return;
        this.#notify("refreshing", why);
        const request = this.#api.jsonRequest("POST", "auth/refresh", this.#store.credential ?? {});
        const session = await this.#requestSession(request);
        if (this.#version === version) this.#adopt(session, why, false);
      });
    } catch (error) {
      if (this.#version === version) {
        if (error.error !== "invalid_grant") {
          this.#tryLater(error);
          this.#notify("refresh-failed", why, error);
          throw error;
        }
        this.#endSession(error.why ?? "refused");
      }
    }
    if (!this.session) throw new SessionEnded();
  }

  /**
   * Send a request, with a proof of the key if the session is bound or is to be. A session begins without a key where there
   * can be none.
   *
   * @param {boolean} [begins] whether the request begins a session
   */
  async #fetch(request, begins) {
    const wantsProof = begins ? this.#bind : this.#store.isBound;
    const keys =
      wantsProof &&
      (await waitFor(request, importKeys()).catch((error) => {
        misses += 1;
        if (!begins) throw error;
      }));
    return keys ? keys.fetchProven(request, this.#api.fetch, this.#store, begins) : this.#api.fetch(request);
  }

  /** @param {Request} request @param {boolean} [begins] as above @returns {Promise<TokenSet>} */
  async #requestSession(request, begins) {
    const sentAt = this.#clock.now();
    const read = async (response, answeredAt, sent) => {
      // Not each answer has a refresh token: that of the session is then as it was.
      const tokens = { ...this.#store.credential, ...(await readJson(response)) };
      const isUsable = tokens.access_token && tokens.expires_in > 0 && tokens.user;
      if (!isUsable) throw new TypeError();
      if (begins) this.#store.isBound = sent.headers.has("DPoP");
      return new TokenSet(tokens, sentAt + tokens.expires_in * 1000, answeredAt + tokens.expires_in);
    };
    return this.#api.send(request, read, (request) => this.#fetch(request, begins));
  }

  /** @returns {Promise<boolean>} whether the API has heard of the log-out, if there was one */
  async #sendPendingLogout(why) {
    if (!this.#isLogoutPending) return true;
    return (this.#sendingLogout ??= this.#sendLogout(why).finally(() => (this.#sendingLogout = null)));
  }

  /** @returns {Promise<boolean>} */
  #sendLogout(why) {
    return this.#tabs.exclusively(async () => {
      // Another tab has sent it, or has logged in since: sent now, it would be the new session's.
      if (!this.#isLogoutPending) {
        if (this.#isLogoutAwaited) this.#tellLogoutSent("elsewhere");
        return true;
      }
      try {
        const request = this.#api.jsonRequest("POST", "auth/logout", this.#pendingLogout ?? {});
        await this.#api.send(request, readJson, (request) => this.#fetch(request));
      } catch (error) {
        this.#tryLater(error);
        if (!this.#isLogoutAwaited) this.#notify("logout-pending", why, error);
        this.#isLogoutAwaited = true;
        return false;
      }
      this.#pendingLogout = null;
      this.#store.clear();
      this.#tabs.post(null);
      // Who logs out hears by the promise that the API was told at once.
      if (this.#isLogoutAwaited || why !== "logged out") this.#tellLogoutSent(why);
      return true;
    });
  }

  #tellLogoutSent(why) {
    this.#isLogoutAwaited = false;
    this.#notify("logout-sent", why);
  }

  /** Take a session that the API has given, and share it with the other tabs. */
  #adopt(session, why, entered) {
    this.#store.save(session.tokens);
    this.#setSession(session, why);
    this.#tabs.post(session.toMessage(this.#clock, entered));
  }

  #endSession(why) {
    this.#setSession(null, why);
    this.#tabs.post(null);
  }

  /** Another tab has a new session, or none any more. */
  #receive(message) {
    if (!message) return this.#setSession(null, "elsewhere");
    if (message.entered) this.#pendingLogout = null;
    const session = TokenSet.fromMessage(message, this.#clock);
    // A log-out here has overtaken the message.
    if (this.#pendingLogout || session.apiExpiresAt < (this.session?.apiExpiresAt ?? 0)) return;
    // The store is empty if the browser allows none and each tab has its own.
    if (this.#store.isEmpty) this.#store.save(session.tokens);
    this.#setSession(session, "elsewhere");
  }

  /** @param {TokenSet | null} session */
  #setSession(session, why) {
    const previous = this.session;
    const isNews = session || previous || !this.#store.isEmpty;
    this.session = session;
    this.#refreshMargin = session ? refreshMargin(session.tokens.expires_in) : 0;
    this.#version += 1;
    this.#retry.reset();
    clearTimeout(this.#timer);
    if (session) this.#isLogoutAwaited = false;
    else if (!this.#store.isLogoutPending) this.#store.clear();
    if (session || this.#isLogoutAwaited) this.#schedule();
    if (!isNews) return;
    if (!session) this.#notify("logged-out", why);
    else this.#notify(session.tokens.user.id === previous?.tokens.user.id ? "refreshed" : "logged-in", why);
  }

  /** Do what is due, or set the timer for it. */
  #schedule() {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    if (this.#isLogoutAwaited && !this.#isLogoutPending) this.#tellLogoutSent("elsewhere");
    if (!this.#isLogoutPending && this.#store.isEmpty) return;
    const wait = this.#retry.secondsLeft ?? this.secondsLeft - this.#refreshMargin;
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#schedule(), Math.min(wait, LONGEST_PAUSE_S) * 1000);
      // No client keeps a process of Node.js running.
      this.#timer.unref?.();
    }
    // Whoever listens is told of a failure.
    else (this.#isLogoutPending ? this.#sendPendingLogout("on the clock") : this.refresh("on the clock")).catch(() => {});
  }

  #tryLater(error) {
    this.#retry.after(error);
    // What the API does not understand, it does not understand later. A proof it may.
    if (error.status !== 400 || error.error === "invalid_dpop_proof") this.#schedule();
  }

  /** @param {Error} [error] */
  #notify(type, why, error) {
    for (const listener of this.#listeners) queueMicrotask(() => listener({ type, why, error }));
  }
}

/** Holds a request for as long as a copy of it is held: the copy's signal follows the request's. */
const originals = new WeakMap();

/** The application's own calls. */
class Calls {
  #api;
  #keeper;
  #askPassword;
  /** @type {Promise<void> | null} the question for the password that is open, which all calls share */
  #asking = null;
  /** How often the API has taken the answer. */
  #confirmations = 0;

  /** @param {Api} api @param {SessionKeeper} keeper @param {ClientOptions["askPassword"]} askPassword */
  constructor(api, keeper, askPassword) {
    this.#api = api;
    this.#keeper = keeper;
    this.#askPassword = askPassword;
  }

  /** @param {object} [body] @param {JsonOptions} [options] @returns {Promise<any>} */
  async json(method, path, body, options) {
    const sender = options?.anonymous ? this.#api : this;
    return sender.send(this.#api.jsonRequest(method, path, body, options), readJson);
  }

  /**
   * Send a request, with the access token if it is for the API. Send it once more if the API refuses the token, and
   * once more after the user has shown who is there if it wants that.
   *
   * @template Result
   * @param {Request} request
   * @param {(response: Response) => Result | Promise<Result>} read
   * @returns {Promise<Result>}
   */
  async send(request, read) {
    if (!this.#api.covers(request.url)) return this.#api.fetch(request).then(read);
    if (!this.#keeper.mayHaveSession) return this.#api.send(request, read);
    const userId = this.#keeper.session?.tokens.user.id;
    if (this.#keeper.secondsLeft < CALL_MARGIN_S) await waitFor(request, this.#keeper.refresh("before a call"));
    const used = this.#keeper.session;
    const confirmations = this.#confirmations;
    const attempt = () =>
      this.#api.send(this.#authorize(request, userId), async (response) => {
        if (response.status !== 401) return { result: await read(response) };
        return { response, why: await readJson(response).catch((error) => error) };
      });
    let answer = await attempt();
    if (answer.why?.error === "invalid_token") {
      if (this.#keeper.session === used) await waitFor(request, this.#keeper.refresh("after a 401"));
      answer = await attempt();
    }
    if (answer.why?.error === "insufficient_user_authentication") {
      if (this.#confirmations === confirmations) await waitFor(request, this.#confirm(answer.why));
      if (this.#confirmations > confirmations) answer = await attempt();
    }
    return answer.response ? read(answer.response) : answer.result;
  }

  /** @param {CallOptions} [options] */
  changePassword(current, next, options) {
    const body = (delivery) => ({ current_password: current, new_password: next, token_delivery: delivery });
    return this.#replace("PUT", "auth/password", body, "password changed", options);
  }

  /** @param {Proof} proof @param {CallOptions} [options] */
  async reauthenticate(proof, options) {
    const body = () => (typeof proof === "string" ? { password: proof } : proof);
    await this.#replace("POST", "auth/reauthenticate", body, "password confirmed", options);
    this.#confirmations += 1;
  }

  /** Send a proof, and take the tokens of the answer. @param {(delivery: string) => object} body */
  async #replace(method, path, body, why, options) {
    const userId = this.#keeper.session?.tokens.user.id;
    const attempt = () =>
      this.#keeper.replace(
        (delivery) => this.#authorize(this.#api.jsonRequest(method, path, body(delivery), options), userId),
        why,
      );
    if (this.#keeper.secondsLeft < CALL_MARGIN_S) await this.#keeper.refresh("before a call");
    try {
      await attempt();
    } catch (error) {
      if (error.error !== "invalid_token") throw error;
      await this.#keeper.refresh("after a 401");
      await attempt();
    }
  }

  /** Add the access token, to a copy: the request may be needed again. A redirect does not take the token along. */
  #authorize(request, userId) {
    const { session } = this.#keeper;
    if (!session || (userId && session.tokens.user.id !== userId)) throw new SessionEnded();
    const copy = new Request(request.clone(), { redirect: "error", signal: request.signal });
    originals.set(copy, request);
    copy.headers.set("Authorization", `Bearer ${session.tokens.access_token}`);
    return copy;
  }

  /** Ask for the password, once for all calls that want it. @param {ApiError} why @returns {Promise<void>} */
  #confirm(why) {
    return (this.#asking ??= this.#ask(why).finally(() => (this.#asking = null)));
  }

  /** Ask once, and a second time if the answer was right and a second factor is due. @param {ApiError} why */
  async #ask(why) {
    const proof = await this.#askPassword?.(why);
    if (!proof) return;
    try {
      await this.reauthenticate(proof);
    } catch (error) {
      if (!error.challenge || why.challenge) throw error;
      await this.#ask(error);
    }
  }
}

/**
 * Makes the client of one API. docs/browser-client.md tells of each option and member.
 *
 * @param {ClientOptions} [options]
 * @returns {Client}
 */
export function createClient({
  baseUrl = "/api",
  storage = "cookie",
  fetch = globalThis.fetch,
  timeout = TIMEOUT_MS,
  askPassword,
  bind = true,
} = {}) {
  const root = `${baseUrl}`.replace(/\/*$/, "/");
  /** @type {any} */
  const page = globalThis.location;
  const base = page || URL.canParse(root) ? new URL(root, page) : null;
  // A server's storage and channels would be shared by all whom it serves.
  const mode = page ? storage : "memory";
  // Open pages may be older than this file, and share storage, lock and channel by this name: it stays.
  const name = `lychgate ${base}`;
  const usesCookie = mode === "cookie";
  const clock = new Clock();
  const api = new Api(base, fetch, timeout, clock, usesCookie ? "same-origin" : "omit");
  const store = new SessionStore(mode, name);
  const tabs = new Tabs(name, usesCookie || mode === "local", timeout);
  const keeper = new SessionKeeper(api, store, tabs, clock, bind);
  const calls = new Calls(api, keeper, askPassword);
  const closing = new AbortController();
  for (const event of ["online", "focus", "pageshow", "visibilitychange"]) {
    globalThis.addEventListener?.(event, () => keeper.wake(), { signal: closing.signal });
  }

  return {
    get user() {
      return keeper.session?.tokens.user ?? null;
    },

    get token() {
      const { session, secondsLeft } = keeper;
      return session && { accessToken: session.tokens.access_token, lifetime: session.tokens.expires_in, secondsLeft };
    },

    get session() {
      return keeper.session && { bound: store.isBound };
    },

    async restore() {
      await keeper.restore();
      return keeper.session?.tokens.user ?? null;
    },

    register: (username, password, options) => keeper.enter("auth/register", { username, password }, options),

    login: (username, password, options) => keeper.enter("auth/login", { username, password }, options),

    enter: (path, body, options) => keeper.enter(path, body, options),

    logout: () => keeper.logout(),

    async logoutEverywhere(options) {
      await calls.json("POST", "auth/logout-all", {}, options);
      return keeper.logout();
    },

    sessions: async (options) => (await calls.json("GET", "auth/sessions", undefined, options)).sessions,

    changePassword: (current, next, options) => calls.changePassword(current, next, options),

    reauthenticate: (password, options) => calls.reauthenticate(password, options),

    refresh: (why = "asked for") => keeper.refresh(why),

    json: (method, path, body, options) => calls.json(method, path, body, options),

    fetch: async (input, init) => calls.send(api.request(input, init), (response) => response),

    onChange: (listener) => keeper.onChange(listener),

    close() {
      keeper.close();
      closing.abort();
      tabs.close();
    },
  };
}
