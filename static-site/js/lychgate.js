/**
 * Keeps a session alive and adds its access token to calls of the API: docs/browser-client.md
 *
 * @typedef {{id: string, username: string, roles: string[], created_at: string, disabled: boolean}} User
 * @typedef {{signal?: AbortSignal}} Options
 * @typedef {(username: string, password: string, options?: Options) => Promise<User>} Enter
 */

const TIMEOUT_MS = 10_000;
/** Left of a token when it is renewed, in some tabs twice as much. */
const MARGIN_S = 30;
const LONGEST_PAUSE_S = 30;
/** So that the next tab hears the news before it gets the lock. */
const LINGER_MS = 50;

export class ApiError extends Error {
  name = "ApiError";
  status = 0;
  error = "";
  detail = "";
  errors = [];
  retryAfter = 0;

  constructor(problem) {
    super(problem.detail);
    Object.assign(this, problem);
  }
}

export class NetworkError extends Error {
  name = "NetworkError";
}

export class SessionEnded extends Error {
  name = "SessionEnded";
}

export function createClient({
  baseUrl = /** @type {string | URL} */ ("/api"),
  storage = /** @type {"cookie" | "session" | "local" | "memory"} */ ("cookie"),
  fetch = globalThis.fetch,
  timeout = TIMEOUT_MS,
} = {}) {
  const base = new URL(`${baseUrl}`.replace(/\/*$/, "/"), globalThis.location?.href);
  const name = `lychgate ${base}`;
  const inCookie = storage === "cookie";
  const shared = inCookie || storage === "local";
  const channel = shared ? new BroadcastChannel(name) : null;
  const locks = shared && globalThis.navigator?.locks;
  /** Has the refresh token; with the cookie "in", or "out" until the API has heard of a log-out. */
  const memo = openStorage(storage);
  const listeners = new Set();
  const closing = new AbortController();
  let session = null;
  let era = 0;
  let refreshing = null;
  let owed = null;
  let failures = 0;
  let lastError = null;
  let retryAt = 0;
  let timer;
  let apiSeconds = NaN;
  let asleep = 0;
  const wallOrigin = Date.now() - performance.now();

  const owes = () => owed || memo[name] === "out";
  const mayHaveSession = () => memo[name] && !owes();
  const tell = (type, why, error) => listeners.forEach((listener) => queueMicrotask(() => listener({ type, why, error })));

  /** Milliseconds, those asleep included, whatever the wall clock is set to. */
  function clock() {
    const ticks = performance.now();
    asleep = Math.max(asleep, Date.now() - ticks - wallOrigin);
    return ticks + asleep;
  }

  const secondsLeft = () => (session ? (session.expires - clock()) / 1000 : 0);

  async function exchange(request, read) {
    const limit = new AbortController();
    const alarm = setTimeout(() => limit.abort(), timeout);
    const sent = clock();
    try {
      const response = await fetch(new Request(request, { signal: AbortSignal.any([request.signal, limit.signal]) }));
      apiSeconds = Date.parse(response.headers.get("Date") ?? "") / 1000;
      const left = session?.ends - apiSeconds;
      if (left <= session?.expires_in) session.expires = sent + left * 1000;
      return await read(response);
    } catch (cause) {
      if (request.signal.aborted || cause instanceof ApiError) throw cause;
      throw new NetworkError("No usable answer", { cause });
    } finally {
      clearTimeout(alarm);
    }
  }

  const build = (method, path, body, options) =>
    new Request(new URL(path, base), {
      method,
      signal: options?.signal,
      body: body && JSON.stringify(body),
      headers: body && { "Content-Type": "application/json" },
      credentials: inCookie ? "same-origin" : "omit",
    });

  const post = (path, body, options) => exchange(build("POST", path, body, options), parse);

  /** Without a lock, the API gives two refreshes the same answer. */
  function exclusively(task) {
    return new Promise((resolve) => {
      const run = () => {
        const work = task();
        resolve(work);
        return work.catch(() => {}).then(() => new Promise((done) => setTimeout(done, LINGER_MS)));
      };
      if (locks) locks.request(name, { signal: AbortSignal.timeout(timeout) }, run).catch(run);
      else run();
    });
  }

  function become(next, why) {
    const type = next ? (next.user.id === session?.user.id ? "refreshed" : "signed-in") : "signed-out";
    const isNews = next || session || memo[name];
    session = next;
    era += 1;
    failures = 0;
    lastError = null;
    clearTimeout(timer);
    if (next) tick();
    else if (memo[name] !== "out") delete memo[name];
    if (isNews) tell(type, why);
  }

  async function obtain(path, body, why, entered, options) {
    const then = era;
    const sent = clock();
    const answer = await post(path, body, options);
    if (!(answer.access_token && answer.expires_in > 0 && answer.user)) throw new NetworkError("No usable answer");
    if (entered) owed = null;
    else if (era !== then) return;
    memo[name] = answer.refresh_token ?? "in";
    become({ ...answer, expires: sent + answer.expires_in * 1000, ends: apiSeconds + answer.expires_in }, why);
    channel?.postMessage({ ...session, expires: session.expires - clock() + Date.now(), entered });
    return answer.user;
  }

  function end(why) {
    become(null, why);
    channel?.postMessage(null);
  }

  function tryLater(error) {
    const pause = Math.max(error.retryAfter || 0, Math.min(LONGEST_PAUSE_S, 2 ** failures));
    retryAt = clock() + pause * (1000 + 500 * Math.random());
    failures += 1;
    lastError = error;
    tick();
  }

  function tick() {
    clearTimeout(timer);
    if (!owes() && !memo[name]) return;
    const margin = Math.min(MARGIN_S, session?.expires_in / 4) * (1 + Math.random());
    const wait = failures ? (retryAt - clock()) / 1000 : secondsLeft() - margin;
    if (wait > 0) timer = setTimeout(tick, Math.min(wait, LONGEST_PAUSE_S) * 1000);
    else (owes() ? settle() : refresh("on the clock")).catch(() => {});
  }

  function wake() {
    if (!lastError?.retryAfter) failures = 0;
    if (session && !mayHaveSession()) become(null, "elsewhere");
    else tick();
  }

  /** Shared by all who ask meanwhile. */
  function refresh(why = "asked for") {
    refreshing ??= renew(why).finally(() => (refreshing = null));
    return refreshing;
  }

  async function renew(why) {
    const then = era;
    if (!mayHaveSession()) throw new SessionEnded();
    if (lastError?.retryAfter && clock() < retryAt) throw lastError;
    try {
      await exclusively(async () => {
        // Another tab was first, or the session has ended.
        if (era !== then) return;
        tell("refreshing", why);
        await obtain("auth/refresh", inCookie ? {} : { refresh_token: memo[name] }, why);
      });
    } catch (error) {
      if (era === then && error.error === "invalid_grant") end("refused");
      if (era === then) {
        tryLater(error);
        tell("refresh-failed", why, error);
        throw error;
      }
    }
    if (!session) throw new SessionEnded();
  }

  /** Resolves to whether the API knows of a log-out. */
  async function settle() {
    if (!owes()) return true;
    return exclusively(async () => {
      try {
        await post("auth/logout", inCookie ? {} : { refresh_token: owed });
      } catch (error) {
        tryLater(error);
        return false;
      }
      owed = null;
      delete memo[name];
      channel?.postMessage(null);
      return true;
    });
  }

  async function enter(path, username, password, options) {
    // Sent later, a log-out would be the new session's.
    await settle();
    const body = { username, password, token_delivery: inCookie ? "cookie" : "body" };
    return exclusively(() => obtain(path, body, "entered", true, options));
  }

  async function call(request, read) {
    const { origin, pathname } = new URL(request.url);
    const covered = origin === base.origin && pathname.startsWith(base.pathname) && !/%2f|%5c/i.test(pathname);
    if (!covered) return fetch(request).then(read);
    if (!mayHaveSession()) return exchange(request, read);
    const { signal } = request;
    const owner = session?.user.id;
    const renewed = (why) =>
      new Promise((resolve, reject) => {
        signal.onabort = () => reject(signal.reason);
        refresh(why).then(resolve, reject);
      });
    const bearing = () => {
      if (!session || (owner && session.user.id !== owner)) throw new SessionEnded();
      const copy = new Request(request.clone(), { redirect: "error" });
      copy.headers.set("Authorization", `Bearer ${session.access_token}`);
      return copy;
    };
    if (secondsLeft() < MARGIN_S / 6) await renewed("before a call");
    const used = session;
    const answer = await exchange(bearing(), async (response) => {
      const isRefused = response.status === 401 && (await problemOf(response))?.error === "invalid_token";
      return !isRefused && [await read(response)];
    });
    if (answer) return answer[0];
    if (session === used) await renewed("after a 401");
    return exchange(bearing(), read);
  }

  const json = (method, path, body, options) => call(build(method, path, body, options), parse);

  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data?.entered) owed = null;
      if (!data) become(null, "elsewhere");
      // Neither what a log-out has overtaken nor stale news.
      else if (!owed && !(data.ends < session?.ends)) {
        memo[name] ||= data.refresh_token ?? "in";
        become({ ...data, expires: data.expires - Date.now() + clock() }, "elsewhere");
      }
    };
  }
  for (const event of ["online", "focus", "pageshow", "visibilitychange"]) globalThis.addEventListener?.(event, wake, closing);

  return {
    /** @returns {User | null} */
    get user() {
      return session?.user ?? null;
    },

    get token() {
      return session && { accessToken: session.access_token, lifetime: session.expires_in, secondsLeft: secondsLeft() };
    },

    /** Takes up an earlier page's session. @returns {Promise<User | null>} */
    async restore() {
      await settle();
      if (!session && mayHaveSession()) await refresh("page opened");
      return this.user;
    },

    /** @type {Enter} */
    register: (...entry) => enter("auth/register", ...entry),

    /** @type {Enter} */
    login: (...entry) => enter("auth/login", ...entry),

    logout() {
      owed = memo[name] ?? owed;
      if (inCookie && owed) memo[name] = "out";
      end("signed out");
      return settle();
    },

    async logoutEverywhere(options) {
      await json("POST", "auth/logout-all", {}, options);
      return this.logout();
    },

    sessions: async (options) => (await json("GET", "auth/sessions", undefined, options)).sessions,

    changePassword: (current, next, options) =>
      json("PUT", "auth/password", { current_password: current, new_password: next }, options),

    refresh,
    json,

    /** @type {typeof globalThis.fetch} */
    fetch: async (input, init) =>
      call(new Request(input instanceof Request ? input : new URL(input, base), init), (response) => response),

    /** @param {(change: {type: string, why: string, error?: Error}) => void} listener */
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    close() {
      clearTimeout(timer);
      closing.abort();
      channel?.close();
    },
  };
}

async function parse(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw new ApiError({ ...(await problemOf(response)), status: response.status, retryAfter });
}

const problemOf = (response) => response.clone().json().catch(() => null);

function openStorage(storage) {
  try {
    if (storage === "session") return sessionStorage;
    if (storage !== "memory") return localStorage;
  } catch {
    // Blocked.
  }
  return {};
}
