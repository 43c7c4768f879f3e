/**
 * The client of the API and the only owner of the tokens. The access token lives in a private field of this module
 * and nowhere else; the refresh token is in an HttpOnly cookie, out of reach of any script. Knows nothing of the
 * page: who wants to show something listens.
 */

import { ApiError, LychgateError, NetworkError, SessionEnded } from "./errors.js";
import { createHint } from "./hint.js";
import { exchange, postJson } from "./http.js";
import { mask, peek } from "./jwt.js";
import { Lifetime, now } from "./lifetime.js";
import { Listeners } from "./listeners.js";
import { createLock } from "./lock.js";

export { ApiError, LychgateError, NetworkError, SessionEnded };

/** How long before its expiry the clock renews an access token; half the lifetime for a very short one. */
const RENEW_BEFORE_S = 30;
/** With less than this left, a call renews the token first instead of racing against the expiry. */
const CALL_MARGIN_S = 5;
/** First and longest pause between attempts after a refresh that got no good answer. */
const RETRY_FIRST_S = 5;
const RETRY_LONGEST_S = 60;
/** All tabs of the origin share the refresh cookie, so the calls that change it wait for each other. */
const LOCK = "lychgate.session";

/**
 * @typedef {{id: string, username: string, roles: string[], created_at: string, disabled: boolean}} User
 * @typedef {{header: Record<string, any>, claims: Record<string, any>, expiresAt: Date, lifetime: number}} TokenInfo
 * @typedef {{type: "signed-in" | "refreshed" | "refresh-failed" | "signed-out", why: string, error?: Error}} Change
 * @typedef {import("./http.js").Call} Call
 */

/**
 * @param {object} [options]
 * @param {string | URL} [options.baseUrl] where the API is
 * @param {typeof fetch} [options.fetch]
 * @param {import("./hint.js").Hint} [options.hint]
 * @param {LockManager | undefined} [options.locks]
 */
export function createClient({
  baseUrl = "/api",
  fetch = globalThis.fetch.bind(globalThis),
  hint = createHint(),
  locks = globalThis.navigator?.locks,
} = {}) {
  const base = new URL(`${String(baseUrl).replace(/\/+$/, "")}/`, globalThis.location?.href);
  return new Client(base, fetch, hint, createLock(LOCK, locks));
}

class Client {
  #base;
  #wire;
  #hint;
  #exclusively;
  /** @type {string | null} null while signed out, and after a reload until the first refresh */
  #accessToken = null;
  /** @type {User | null} null whenever the access token is */
  #user = null;
  /** @type {Lifetime | null} of the access token */
  #lifetime = null;
  /** @type {Promise<void> | null} the refresh under way, shared by all who need one */
  #refreshing = null;
  /** Counts the sessions ended here, so that an answer that comes too late is not taken for a new one. */
  #generation = 0;
  /** Refreshes in a row without a good answer. */
  #failures = 0;
  /** The next refresh on the clock. */
  #timer;
  #changes = new Listeners();
  #calls = new Listeners();

  constructor(base, fetch, hint, exclusively) {
    this.#base = base;
    this.#hint = hint;
    this.#exclusively = exclusively;
    this.#wire = { fetch, report: (call) => this.#calls.tell(call) };
    hint.watch((present) => {
      if (!present) this.#end("elsewhere");
      else if (!this.#accessToken) this.restore("signed in elsewhere").catch(() => {});
    });
  }

  /** Who is signed in, null if nobody is or if it is not known yet. */
  get user() {
    return this.#user;
  }

  /** @returns {TokenInfo | null} the access token's contents, decoded and not verified, to be shown */
  tokenInfo() {
    const contents = this.#accessToken && peek(this.#accessToken);
    if (!contents) return null;
    return { ...contents, lifetime: this.#lifetime.seconds, expiresAt: new Date(Date.now() + this.secondsLeft() * 1000) };
  }

  /** Seconds the access token is good for, by this machine's clocks; 0 without one. */
  secondsLeft() {
    return this.#lifetime?.left() ?? 0;
  }

  /** @param {string} username @param {string} password @returns {Promise<User>} */
  register(username, password) {
    return this.#enter("auth/register", "sign up", username, password);
  }

  /** @param {string} username @param {string} password @returns {Promise<User>} */
  login(username, password) {
    return this.#enter("auth/login", "log in", username, password);
  }

  /**
   * End the session, here and at the API. If this throws, nobody knows that it has ended, and it goes on.
   *
   * @throws {ApiError | NetworkError}
   */
  logout() {
    return this.#exclusively(async () => {
      await postJson(this.#wire, this.#url("auth/logout"), {}, { credential: "refresh cookie", note: "sign out" });
      this.#end("sign out");
    });
  }

  /**
   * Get a new access token. Calls made meanwhile share the one refresh.
   *
   * @param {string} [why] for the listeners
   * @throws {SessionEnded} if the API says that the session is over, and for nothing else
   * @throws {ApiError | NetworkError} if there was no good answer: the session goes on, and so do the attempts
   */
  refresh(why = "asked for") {
    this.#refreshing ??= this.#refresh(why).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Take up the session of an earlier page, if there seems to be one. Resolves to whether somebody is signed in. */
  async restore(why = "page opened") {
    if (!this.#accessToken && this.#hint.read()) await this.refresh(why);
    return this.#user !== null;
  }

  /** For the moments when the clock may have been asleep: the tab comes back, the network comes back. */
  async refreshIfDue(why = "tab is back") {
    if (this.#accessToken && !this.#hint.read()) this.#end("elsewhere");
    if (this.#accessToken && this.secondsLeft() <= this.#renewBefore()) await this.refresh(why);
  }

  /**
   * `fetch` with the access token added, for URLs below the API's own and for no others. Resolves to the response
   * whatever its status.
   *
   * @param {string | URL} path relative to the API: "me", or "/api/me" from the root
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   * @throws {NetworkError | SessionEnded | ApiError} the last if the token had to be renewed and could not be
   */
  async fetch(path, init = {}) {
    const url = this.#url(path);
    if (!this.#covers(url)) return (await exchange(this.#wire, url, init)).response;
    const owner = this.#user?.id;
    if (this.#hasSession() && this.secondsLeft() < CALL_MARGIN_S) {
      await this.refresh("before a call").catch((error) => {
        if (error instanceof SessionEnded || this.secondsLeft() === 0) throw error;
      });
    }
    const sent = this.#accessTokenOf(owner);
    const { response, problem } = await this.#call(url, init, sent);
    const refused = problem?.status === 401 && problem.error === "invalid_token";
    if (!refused || !this.#hasSession()) return response;
    // Another call may have renewed it while this one was on its way.
    if (this.#accessToken === sent) await this.refresh("after a 401");
    return (await this.#call(url, init, this.#accessTokenOf(owner), "once more")).response;
  }

  /** @param {(change: Change) => void} listener @returns {() => void} to stop listening */
  onChange(listener) {
    return this.#changes.add(listener);
  }

  /** @param {(call: Call) => void} listener @returns {() => void} to stop listening */
  onCall(listener) {
    return this.#calls.add(listener);
  }

  #enter(path, note, username, password) {
    return this.#exclusively(async () => {
      const body = { username, password, token_delivery: "cookie" };
      const sentAt = now();
      const answer = await postJson(this.#wire, this.#url(path), body, { credential: "username, password", note });
      this.#adopt(answer, sentAt);
      this.#changes.tell({ type: "signed-in", why: note });
      return this.#user;
    });
  }

  async #refresh(why) {
    const generation = this.#generation;
    const stillOurs = () => {
      if (generation !== this.#generation) throw new SessionEnded();
    };
    try {
      await this.#exclusively(async () => {
        stillOurs();
        const sentAt = now();
        const about = { credential: "refresh cookie", note: why };
        const answer = await postJson(this.#wire, this.#url("auth/refresh"), {}, about);
        stillOurs();
        const isNew = this.#user === null;
        this.#adopt(answer, sentAt);
        this.#changes.tell({ type: isNew ? "signed-in" : "refreshed", why });
      });
    } catch (error) {
      if (error instanceof SessionEnded || generation !== this.#generation) throw new SessionEnded({ cause: error });
      if (error instanceof ApiError && error.status === 401 && error.error === "invalid_grant") {
        this.#end("refused");
        throw new SessionEnded({ cause: error });
      }
      if (this.#hasSession()) this.#tryAgainLater(error.retryAfter ?? 0);
      this.#changes.tell({ type: "refresh-failed", why, error });
      throw error;
    }
  }

  #adopt(answer, sentAt) {
    const { access_token: accessToken, token_type: type, expires_in: lifetime, user } = answer ?? {};
    const usable = typeof accessToken === "string" && /^bearer$/i.test(type) && Number(lifetime) > 0 && user?.id;
    if (!usable) throw new NetworkError("unreadable");
    this.#accessToken = accessToken;
    this.#user = Object.freeze(user);
    this.#lifetime = new Lifetime(Number(lifetime), sentAt);
    this.#failures = 0;
    this.#hint.write(true);
    this.#renewIn(this.secondsLeft() - this.#renewBefore(), "on the clock");
  }

  #end(why) {
    const hadSession = this.#accessToken !== null || this.#hint.read() || why === "elsewhere";
    clearTimeout(this.#timer);
    this.#generation += 1;
    this.#accessToken = null;
    this.#user = null;
    this.#lifetime = null;
    this.#failures = 0;
    this.#hint.write(false);
    if (hadSession) this.#changes.tell({ type: "signed-out", why });
  }

  #renewIn(seconds, why) {
    clearTimeout(this.#timer);
    // The listeners hear of a failure.
    this.#timer = setTimeout(() => this.refresh(why).catch(() => {}), Math.max(1, seconds) * 1000);
  }

  #tryAgainLater(atLeast) {
    const pause = Math.min(RETRY_LONGEST_S, RETRY_FIRST_S * 2 ** this.#failures);
    this.#failures += 1;
    // Spread out, so that a service that comes back is not met by every page at once.
    this.#renewIn(Math.max(pause, atLeast) * (1 + Math.random() / 4), "next attempt");
  }

  #renewBefore() {
    return Math.min(RENEW_BEFORE_S, this.#lifetime.seconds / 2);
  }

  #call(url, init, accessToken, note) {
    const headers = new Headers(init.headers);
    if (!headers.has("Accept")) headers.set("Accept", "application/json");
    if (accessToken) headers.set("Authorization", `Bearer ${accessToken}`);
    const credential = accessToken ? `Bearer ${mask(accessToken)}` : "";
    return exchange(this.#wire, url, { ...init, headers }, { credential, note });
  }

  /** The access token for a call begun by this user: a refresh may have found that another tab signed in another. */
  #accessTokenOf(owner) {
    if (owner !== undefined && this.#user?.id !== owner) throw new SessionEnded();
    return this.#accessToken;
  }

  #hasSession() {
    return this.#accessToken !== null || this.#hint.read();
  }

  #url(path) {
    return new URL(path, this.#base);
  }

  #covers(url) {
    return url.origin === this.#base.origin && url.pathname.startsWith(this.#base.pathname);
  }
}
