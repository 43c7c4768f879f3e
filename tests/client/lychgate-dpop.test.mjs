// What the client proves of its key, to an API that looks at each proof, in a page with storage that can fail.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, test as declare } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { endTimeByHand, LIMIT_MS } from "./time_limit.mjs";

const PATIENCE_MS = 60_000;
// From its own address: it loads the module of its key from beside itself.
const { ApiError, createClient, NetworkError, SessionEnded } = await import("../../static-site/js/lychgate.js");
const { fetchProven } = await import("../../static-site/js/lychgate-dpop.js");
const ROOT = "http://127.0.0.1/api/";
const USER = { id: "u1", username: "kim", roles: ["user"], created_at: "2026-01-01T00:00:00Z", disabled: false };
const realCrypto = globalThis.crypto;
const realSetTimeout = globalThis.setTimeout;
globalThis.location = new URL("http://127.0.0.1/?a=1#top");
globalThis.navigator ??= {};

/** As much of IndexedDB as one database with one entry needs. Its faults are the test's. */
class Databases {
  entries = new Map();
  names = [];
  /** How many are open. */
  openNow = 0;
  /** Throws, or not, when the database is opened. */
  opening = () => {};
  /** Whether it never says that it is open, or that something is done. */
  isSilent = false;
  isIdle = false;
  /** What opening it ends with, and what is done in it, or put into it, if that is no success. */
  refusal;
  failure;
  fullness;

  open(name) {
    this.opening();
    this.names.push(name);
    const request = { result: this.#database(), error: this.refusal };
    if (this.isSilent) return request;
    queueMicrotask(() => {
      if (this.refusal) return request.onerror?.({ target: request });
      this.openNow += 1;
      if (!this.entries.size) request.onupgradeneeded();
      request.onsuccess();
    });
    return request;
  }

  #database() {
    const done = (result) => ({ result });
    let error = this.failure;
    const fail = (why) => void (error = why);
    const store = {
      get: (key) => done(this.entries.get(key)),
      put: (value, key) => done(this.fullness ? fail(this.fullness) : this.entries.set(key, value)),
      delete: (key) => done(this.failure ?? this.entries.delete(key)),
    };
    return {
      createObjectStore() {},
      close: () => void (this.openNow -= 1),
      transaction: () => {
        const transaction = { objectStore: () => store };
        queueMicrotask(() => {
          transaction.error = error;
          if (error) transaction.onabort?.({ target: transaction });
          else if (!this.isIdle) transaction.oncomplete?.();
        });
        return transaction;
      },
    };
  }
}

/** An API that lets everybody in, and refuses proofs if told to. Its clock is ahead of the machine's by `ahead` ms. */
class Api {
  seen = [];
  ahead = 0;
  refusals = 0;
  /** How many refreshes are refused because of the device, and whether log-outs fail. */
  misses = 0;
  isLogoutBroken = false;
  #issued = 0;

  fetch = async (request) => {
    request.signal.throwIfAborted();
    const proof = request.headers.get("DPoP");
    const seen = { method: request.method, path: request.url.slice(ROOT.length), proof: proof && (await read(proof)) };
    this.seen.push(seen);
    const now = Date.now() + this.ahead;
    const headers = { Date: new Date(now).toUTCString() };
    const isLate = seen.proof && Math.abs(seen.proof.claims.iat * 1000 - now) > 60_000;
    if (isLate || (proof && this.refusals-- > 0)) {
      return Response.json({ error: "invalid_dpop_proof", detail: "No." }, { status: 400, headers });
    }
    if (seen.path === "auth/refresh" && this.misses-- > 0) {
      return Response.json({ error: "not_on_device", detail: "No." }, { status: 400, headers });
    }
    if (seen.path === "auth/logout") return new Response(null, { status: this.isLogoutBroken ? 503 : 204, headers });
    this.#issued += 1;
    const { access_token, refresh_token } = { access_token: `a${this.#issued}`, refresh_token: `r${this.#issued}` };
    return Response.json({ access_token, refresh_token, expires_in: 600, user: USER }, { headers });
  };

  /** The paths that were asked for, those with a proof marked. */
  get paths() {
    return this.seen.map(({ path, proof }) => (proof ? `${path} proven` : path));
  }

  keys() {
    return new Set(this.seen.filter(({ proof }) => proof).map(({ proof }) => JSON.stringify(proof.header.jwk)));
  }
}

/** Take a proof apart, if its own key has signed it. */
async function read(proof) {
  const [header, claims, signature] = proof.split(".");
  const { jwk, ...others } = JSON.parse(Buffer.from(header, "base64url"));
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await realCrypto.subtle.importKey("jwk", jwk, algorithm, true, ["verify"]);
  const signed = new TextEncoder().encode(`${header}.${claims}`);
  assert.ok(await realCrypto.subtle.verify(algorithm, key, Buffer.from(signature, "base64url"), signed));
  return { header: { jwk, ...others }, claims: JSON.parse(Buffer.from(claims, "base64url")) };
}

/** Let pauses of one or two seconds be short, and return them as they come. */
function hastenPauses() {
  const pauses = [];
  globalThis.setTimeout = (run, ms, ...more) => {
    if (ms !== 1000 && ms !== 2000) return realSetTimeout(run, ms, ...more);
    pauses.push(ms);
    return realSetTimeout(run, 0);
  };
  return pauses;
}

/** Let the browser's cryptography be another one. @param {Partial<SubtleCrypto>} others */
function replaceCrypto(others) {
  const subtle = {};
  for (const name of ["generateKey", "exportKey", "sign"]) subtle[name] = (...given) => realCrypto.subtle[name](...given);
  const value = { randomUUID: () => realCrypto.randomUUID(), subtle: { ...subtle, ...others } };
  Object.defineProperty(globalThis, "crypto", { value, configurable: true });
}

function restoreCrypto() {
  Object.defineProperty(globalThis, "crypto", { value: realCrypto, configurable: true });
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

let api;
let clients;

const test = (name, run) => declare(name, { timeout: 3 * PATIENCE_MS }, run);

beforeEach(() => {
  api = new Api();
  clients = [];
  globalThis.localStorage = {};
  globalThis.sessionStorage = {};
  globalThis.indexedDB = new Databases();
});

afterEach(() => {
  for (const client of clients) client.close();
  restoreCrypto();
  globalThis.setTimeout = realSetTimeout;
  for (const name of ["localStorage", "sessionStorage", "indexedDB"]) delete globalThis[name];
});

function newClient(options) {
  const client = createClient({ storage: "local", fetch: api.fetch, ...options });
  client.changes = [];
  client.onChange(({ type, why }) => client.changes.push(`${type}: ${why}`));
  clients.push(client);
  return client;
}

async function signedIn(options) {
  const client = newClient(options);
  await client.login("kim", "seven old oak boards");
  return client;
}

async function eventually(holds) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "it never came true");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const storage of ["cookie", "local", "session", "memory"]) {
  test(`in the mode ${storage} each request of a session proves the same key`, async () => {
    const client = newClient({ storage });
    assert.equal(client.session, null);
    await client.login("kim", "seven old oak boards");
    assert.deepEqual(client.session, { bound: true });
    await client.refresh();
    await client.changePassword("seven old oak boards", "eight old oak boards");
    await client.logout();
    assert.equal(client.session, null);
    assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven", "auth/password proven", "auth/logout proven"]);
    assert.equal(api.keys().size, 1);
    assert.equal(new Set(api.seen.map(({ proof }) => proof.claims.jti)).size, 4);
    for (const { method, path, proof } of api.seen) {
      const { header, claims } = proof;
      assert.deepEqual([header.typ, header.alg], ["dpop+jwt", "ES256"]);
      assert.deepEqual(Object.keys(header.jwk).sort(), ["crv", "kty", "x", "y"]);
      assert.deepEqual(Object.keys(claims).sort(), ["htm", "htu", "iat", "jti"]);
      assert.deepEqual([claims.htm, claims.htu], [method, ROOT + path]);
      assert.ok(Number.isInteger(claims.iat));
    }
    if (storage === "memory") assert.deepEqual(globalThis.indexedDB.names, []);
    else assert.deepEqual(new Set(globalThis.indexedDB.names), new Set([`lychgate ${ROOT}`]));
  });
}

test("a proof leaves out the query and the fragment of its request", async () => {
  await newClient().enter("auth/register/confirm?from=mail#top", { token: "t" });
  assert.equal(api.seen[0].proof.claims.htu, `${ROOT}auth/register/confirm`);
});

test("no script can read the key", async () => {
  await signedIn();
  const [{ privateKey }] = globalThis.indexedDB.entries.values();
  assert.equal(privateKey.extractable, false);
  await assert.rejects(realCrypto.subtle.exportKey("jwk", privateKey));
});

test("the next page goes on with the key", async () => {
  await signedIn();
  const next = newClient();
  await next.restore();
  assert.deepEqual(next.session, { bound: true });
  assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven"]);
  assert.equal(api.keys().size, 1);
});

test("a log-in over a session uses its key, and one after a log-out another", async () => {
  const client = await signedIn();
  await client.login("lee", "seven old oak boards");
  assert.equal(api.keys().size, 1);
  await client.logout();
  assert.equal(globalThis.indexedDB.entries.size, 0);
  await client.login("kim", "seven old oak boards");
  assert.equal(api.keys().size, 2);
});

test("a client that keeps nothing has another key after a log-out", async () => {
  const client = await signedIn({ storage: "memory" });
  await client.login("lee", "seven old oak boards");
  assert.equal(api.keys().size, 1);
  await client.logout();
  await client.login("kim", "seven old oak boards");
  assert.equal(api.keys().size, 2);
});

test("a session leaves two entries in the storage, and none once it is over", async () => {
  const client = await signedIn();
  const name = `lychgate ${ROOT}`;
  assert.deepEqual(globalThis.localStorage, { [name]: "r1", [`${name} key`]: "bound" });
  await client.logout();
  assert.deepEqual(globalThis.localStorage, {});
  assert.equal(globalThis.indexedDB.openNow, 0);
});

test("a log-out that the API does not take keeps the key", async () => {
  const client = await signedIn();
  api.isLogoutBroken = true;
  assert.equal(await client.logout(), false);
  assert.equal(globalThis.indexedDB.entries.size, 1);
  api.isLogoutBroken = false;
  await eventually(() => client.changes.at(-1).startsWith("logout-sent"));
  assert.deepEqual(api.paths.slice(-2), ["auth/logout proven", "auth/logout proven"]);
  assert.equal(globalThis.indexedDB.entries.size, 0);
});

test("a log-out whose key cannot be deleted is over", async () => {
  const databases = globalThis.indexedDB;
  const send = async (request) => {
    const response = await api.fetch(request);
    if (request.url.endsWith("logout")) databases.failure = new Error("no");
    return response;
  };
  const client = await signedIn({ fetch: send });
  assert.equal(await client.logout(), true);
  assert.equal(databases.entries.size, 1);
});

test("a log-out that could not be sent keeps the key until it was", async () => {
  let isOffline = false;
  const send = (request) => (isOffline ? Promise.reject(new TypeError("offline")) : api.fetch(request));
  const client = await signedIn({ storage: "cookie", fetch: send });
  isOffline = true;
  assert.equal(await client.logout(), false);
  assert.equal(globalThis.indexedDB.entries.size, 1);
  isOffline = false;
  const next = newClient({ storage: "cookie" });
  await next.restore();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/logout proven"]);
  assert.equal(globalThis.indexedDB.entries.size, 0);
});

test("a log-out in one tab leaves the key to the sessions of other tabs in the mode session", async () => {
  const first = await signedIn({ storage: "session" });
  globalThis.sessionStorage = {};
  const second = await signedIn({ storage: "session" });
  await first.logout();
  await second.refresh();
  assert.deepEqual(second.session, { bound: true });
});

for (const storage of ["cookie", "local"]) {
  test(`a log-out in the mode ${storage} leaves the key to sessions of the mode session, and theirs leaves its own`, async () => {
    const tab = await signedIn({ storage: "session" });
    const others = await signedIn({ storage });
    assert.equal(api.keys().size, 2);
    await others.logout();
    await tab.refresh();
    assert.deepEqual(tab.session, { bound: true });
    await others.login("kim", "seven old oak boards");
    await tab.logout();
    await others.refresh();
    assert.deepEqual(others.session, { bound: true });
    assert.equal(api.paths.filter((path) => path === "auth/refresh proven").length, 2);
  });
}

test("clients that keep nothing have a key each", async () => {
  await signedIn({ storage: "memory" });
  await signedIn({ storage: "memory" });
  assert.equal(api.keys().size, 2);
});

const without = {
  "the option to bind": { options: { bind: false } },
  WebCrypto: { prepare: () => Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true }) },
  IndexedDB: { prepare: () => delete globalThis.indexedDB },
  storage: { prepare: () => delete globalThis.localStorage },
  "room in the storage": { prepare: () => (globalThis.localStorage = new Proxy({}, { set: () => false })) },
  "a database that opens": { prepare: () => (globalThis.indexedDB.opening = () => { throw new Error("no"); }) },
  "a database that answers": { prepare: () => (globalThis.indexedDB.isSilent = true) },
  "a database that does what it is to": { prepare: () => (globalThis.indexedDB.isIdle = true) },
  "a database that can be opened": { prepare: () => (globalThis.indexedDB.refusal = new Error("no")) },
  "a database that can be read": { prepare: () => (globalThis.indexedDB.failure = new Error("no")) },
  "a key that can be made": { prepare: () => replaceCrypto({ generateKey: () => Promise.reject(new Error("no")) }) },
  "a key that can be told": { prepare: () => replaceCrypto({ exportKey: () => Promise.reject(new Error("no")) }) },
  "a key that signs": { prepare: () => replaceCrypto({ sign: () => Promise.reject(new Error("no")) }) },
  "a database that takes keys": { prepare: () => (globalThis.indexedDB.fullness = new Error("full")) },
};
for (const [what, { options, prepare }] of Object.entries(without)) {
  test(`without ${what} a session is plain`, async () => {
    prepare?.();
    const client = await signedIn(options);
    assert.deepEqual(client.session, { bound: false });
    await client.refresh();
    await client.logout();
    assert.deepEqual(api.paths, ["auth/login", "auth/refresh", "auth/logout"]);
  });
}

test("a plain session that takes the place of a bound one needs no key", async () => {
  await signedIn();
  const client = await signedIn({ bind: false });
  globalThis.indexedDB.entries.clear();
  await client.refresh();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/login", "auth/refresh"]);
});

test("the next page proves the key of a bound session that took the place of a plain one and whose tokens got lost", async () => {
  await signedIn({ storage: "cookie", bind: false });
  // With the head of the answer came the cookie.
  const cut = async (request) => {
    const { status, headers } = await api.fetch(request);
    return new Response(new ReadableStream({ start: (body) => body.error(new TypeError("cut")) }), { status, headers });
  };
  const client = newClient({ storage: "cookie", fetch: cut });
  await assert.rejects(client.login("kim", "seven old oak boards"), NetworkError);
  client.close();
  await newClient({ storage: "cookie" }).restore();
  assert.deepEqual(api.paths, ["auth/login", "auth/login proven", "auth/refresh proven"]);
});

test("a log-in that fails leaves the session bound that there is", async () => {
  const client = await signedIn();
  const refused = newClient({ bind: false, fetch: async () => Response.json({ error: "invalid_credentials" }, { status: 401 }) });
  await assert.rejects(refused.login("lee", "wrong"), ApiError);
  await client.refresh();
  assert.deepEqual(client.session, { bound: true });
});

for (const seconds of [-55, 55]) {
  test(`the proofs of a machine that is wrong by ${seconds} seconds are in order`, async () => {
    // The API takes them as they are. Corrected in between, one could be older than the one before it.
    api.ahead = seconds * 1000;
    const client = await signedIn();
    await client.refresh();
    await client.refresh();
    const made = api.seen.map(({ proof }) => proof.claims.iat);
    assert.equal(made.length, 3);
    assert.deepEqual(made, made.toSorted());
    assert.ok(made[2] - made[0] < 50);
  });
}

for (const minutes of [-3, 3]) {
  test(`a machine whose clock is wrong by ${minutes} minutes begins a bound session`, async () => {
    // What the clock was wrong by until now is forgotten.
    await signedIn();
    api.ahead = minutes * 60_000;
    const client = await signedIn();
    assert.deepEqual(client.session, { bound: true });
    await client.refresh();
    assert.deepEqual(api.paths.slice(-3), ["auth/login proven", "auth/login proven", "auth/refresh proven"]);
  });
}

test("a proof that is refused for another reason does not make a right clock wrong", async () => {
  await signedIn();
  api.ahead = -30_000;
  const client = await signedIn();
  api.refusals = 1;
  await client.refresh();
  const made = api.seen.slice(-3).map(({ proof }) => proof.claims.iat);
  assert.deepEqual(made, made.toSorted());
});

for (const hours of [-5, 5]) {
  test(`a machine whose clock is wrong by ${hours} hours learns the time by the first answer`, async () => {
    api.ahead = hours * 3_600_000;
    const client = await signedIn();
    await client.refresh();
    assert.deepEqual(api.paths.slice(-2), ["auth/login proven", "auth/refresh proven"]);
    const late = api.seen.map(({ proof }) => Math.abs(proof.claims.iat - (Date.now() + api.ahead) / 1000) > 60);
    assert.deepEqual(late.slice(-2), [false, false]);
    assert.equal(new Set(api.seen.map(({ proof }) => proof.claims.jti)).size, api.seen.length);
  });
}

test("a proof that is refused twice lets the log-in begin a plain session", async () => {
  api.refusals = 2;
  const client = await signedIn();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/login proven", "auth/login"]);
  assert.deepEqual(client.session, { bound: false });
  await client.refresh();
  assert.equal(api.paths.at(-1), "auth/refresh");
});

test("a proof that is refused twice does not end a session: it is refreshed later", async () => {
  const client = await signedIn();
  api.refusals = 2;
  await assert.rejects(client.refresh(), { error: "invalid_dpop_proof" });
  assert.deepEqual(client.user, USER);
  await eventually(() => client.changes.at(-1).startsWith("refreshed"));
  assert.equal(api.seen.length, 4);
});

test("a refresh that comes while the browser binds the session to its device is sent again, and nobody is told", async () => {
  const client = await signedIn();
  api.misses = 2;
  const pauses = hastenPauses();
  await client.refresh();
  assert.deepEqual(pauses, [2000, 1000]);
  assert.deepEqual(api.paths, ["auth/login proven", ...Array(3).fill("auth/refresh proven")]);
  assert.equal(new Set(api.seen.map(({ proof }) => proof.claims.jti)).size, 4);
  assert.deepEqual(client.changes, ["logged-in: entered", "refreshing: asked for", "refreshed: asked for"]);
});

test("a session that has lost its device is over after three refreshes", async () => {
  const client = await signedIn();
  api.misses = Infinity;
  hastenPauses();
  await assert.rejects(client.refresh(), SessionEnded);
  await eventually(() => client.changes.at(-1) === "logged-out: key lost");
  assert.deepEqual(client.changes.slice(1), ["refreshing: asked for", "logged-out: key lost"]);
  assert.deepEqual(api.paths, ["auth/login proven", ...Array(3).fill("auth/refresh proven")]);
  assert.deepEqual(globalThis.localStorage, {});
  await client.login("kim", "seven old oak boards");
  assert.deepEqual(client.session, { bound: true });
});

test("an error that is no JSON is the error that it is", async () => {
  const client = newClient({ fetch: async () => new Response("<html>", { status: 400 }) });
  await assert.rejects(client.login("kim", "x"), (error) => error instanceof ApiError && error.status === 400);
});

test("a session whose key the browser has dropped is over, and the API is not asked", async () => {
  const client = await signedIn();
  globalThis.indexedDB.entries.clear();
  await assert.rejects(client.refresh(), SessionEnded);
  await eventually(() => client.changes.at(-1) === "logged-out: key lost");
  assert.equal(client.user, null);
  assert.deepEqual(globalThis.localStorage, {});
  assert.deepEqual(api.paths, ["auth/login proven"]);
  const next = newClient();
  assert.equal(await next.restore(), null);
  assert.equal(api.seen.length, 1);
  await client.login("kim", "seven old oak boards");
  assert.deepEqual(client.session, { bound: true });
});

test("a page that opens after its key was dropped says so, and the API is not asked", async () => {
  await signedIn();
  globalThis.indexedDB.entries.clear();
  const next = newClient();
  await assert.rejects(next.restore(), SessionEnded);
  await eventually(() => next.changes.at(-1) === "logged-out: key lost");
  assert.equal(next.session, null);
  assert.deepEqual(api.paths, ["auth/login proven"]);
});

test("a log-out whose key the browser has dropped is sent without a proof", async () => {
  const client = await signedIn();
  globalThis.indexedDB.entries.clear();
  assert.equal(await client.logout(), true);
  assert.deepEqual(api.paths, ["auth/login proven", "auth/logout"]);
});

test("a session goes on whose key cannot be read for a moment", async () => {
  const client = await signedIn();
  globalThis.indexedDB.opening = () => { throw new Error("no"); };
  await assert.rejects(client.refresh(), NetworkError);
  assert.deepEqual(client.user, USER);
  globalThis.indexedDB.opening = () => {};
  await client.refresh();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven"]);
});

test("a refresh waits for a key that cannot be read yet for as long as for an answer", async (context) => {
  const endTime = endTimeByHand(context);
  const client = await signedIn({ timeout: LIMIT_MS });
  globalThis.indexedDB.isSilent = true;
  globalThis.indexedDB.names.length = 0;
  const isLate = (error) => error instanceof NetworkError && error.cause.name === "AbortError";
  const refresh = assert.rejects(client.refresh(), isLate);
  await eventually(() => globalThis.indexedDB.names.length === 1);
  endTime();
  await refresh;
  assert.deepEqual(client.user, USER);
  globalThis.indexedDB.isSilent = false;
  await client.refresh();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven"]);
});

test("a request that was given up before the key was asked for does not wait for it", async () => {
  const place = { mode: "local", name: `lychgate ${ROOT}`, isBound: true };
  globalThis.indexedDB.isSilent = true;
  const request = new Request(`${ROOT}auth/refresh`, { method: "POST", signal: AbortSignal.abort() });
  await assert.rejects(fetchProven(request, api.fetch, place), { name: "AbortError" });
});

for (const fault of ["refusal", "failure"]) {
  test(`a refresh says what is wrong with the database: ${fault}`, async () => {
    const client = await signedIn();
    const cause = new Error("no");
    globalThis.indexedDB[fault] = cause;
    await assert.rejects(client.refresh(), (error) => error instanceof NetworkError && error.cause === cause);
    assert.equal(globalThis.indexedDB.openNow, 0);
  });
}

test("a session goes on whose key cannot sign for a moment", async () => {
  const client = await signedIn();
  replaceCrypto({ sign: () => Promise.reject(new DOMException("Not now.", "OperationError")) });
  await assert.rejects(client.refresh(), NetworkError);
  assert.deepEqual(client.user, USER);
  restoreCrypto();
  await client.refresh();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven"]);
});

const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const unusable = {
  "is no object": () => "key",
  "has no members": () => ({}),
  "has no private part": ({ jwk }) => ({ jwk }),
  "has a private part of another kind": ({ jwk }) => ({ jwk, privateKey: {} }),
  "has no public part": ({ privateKey }) => ({ privateKey }),
  "has an empty public part": ({ privateKey }) => ({ privateKey, jwk: {} }),
  "may not sign": async ({ jwk }) => ({
    jwk,
    privateKey: await realCrypto.subtle.importKey("jwk", jwk, algorithm, true, ["verify"]),
  }),
  "is of another algorithm": async ({ jwk }) => ({
    jwk,
    privateKey: await realCrypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
  }),
};
for (const [what, spoil] of Object.entries(unusable)) {
  const spoilKey = async () => {
    const { entries } = globalThis.indexedDB;
    for (const [name, key] of entries) entries.set(name, await spoil(key));
  };

  test(`a stored key that ${what} is replaced at a log-in`, async () => {
    const client = await signedIn();
    await spoilKey();
    await client.login("kim", "seven old oak boards");
    assert.deepEqual(client.session, { bound: true });
    await client.refresh();
    assert.deepEqual(api.paths, ["auth/login proven", "auth/login proven", "auth/refresh proven"]);
    assert.equal(api.keys().size, 2);
  });

  test(`a stored key that ${what} is lost to a session`, async () => {
    const client = await signedIn();
    await spoilKey();
    await assert.rejects(client.refresh(), SessionEnded);
    await eventually(() => client.changes.at(-1) === "logged-out: key lost");
    assert.deepEqual(api.paths, ["auth/login proven"]);
  });

  test(`a log-out whose stored key ${what} is sent without a proof`, async () => {
    const client = await signedIn();
    await spoilKey();
    assert.equal(await client.logout(), true);
    assert.deepEqual(api.paths, ["auth/login proven", "auth/logout"]);
  });
}

test("a session stays bound whose tokens the storage has no room for", async () => {
  // What the marks of the key need is there.
  const set = (entries, name, value) => name !== `lychgate ${ROOT}` && Reflect.set(entries, name, value);
  globalThis.localStorage = new Proxy({}, { set });
  const client = await signedIn();
  assert.deepEqual(client.session, { bound: true });
  await client.refresh();
  assert.deepEqual(api.paths, ["auth/login proven", "auth/refresh proven"]);
});

// Node follows a Request's signal for as long as somebody holds the Request.
for (const refusals of [0, 1]) {
  test(`a refresh is given up in time after ${refusals} refused proofs, whatever garbage is collected`, async (context) => {
    let asked = 0;
    const server = createServer((request, response) => {
      const say = (status, body) => response.writeHead(status).end(JSON.stringify(body));
      if (request.url.endsWith("login")) return say(200, { access_token: "a", refresh_token: "r", expires_in: 600, user: USER });
      asked += 1;
      if (asked <= refusals) say(400, { error: "invalid_dpop_proof" });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const baseUrl = `http://127.0.0.1:${server.address().port}/api`;
    const endTime = endTimeByHand(context);
    const client = await signedIn({ baseUrl, fetch, storage: "memory", timeout: LIMIT_MS });
    const refresh = assert.rejects(client.refresh(), NetworkError);
    await eventually(() => asked > refusals);
    collectGarbage();
    endTime();
    await refresh;
    client.close();
    server.closeAllConnections();
    server.close();
  });
}
