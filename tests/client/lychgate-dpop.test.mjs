// What the client proves of its key, to an API that looks at each proof, in a page with storage that can fail.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test as declare } from "node:test";

const PATIENCE_MS = 20_000;
// From its own address: it loads the module of its key from beside itself.
const { ApiError, createClient, NetworkError, SessionEnded } = await import("../../static-site/js/lychgate.js");
const ROOT = "http://127.0.0.1/api/";
const USER = { id: "u1", username: "kim", roles: ["user"], created_at: "2026-01-01T00:00:00Z", disabled: false };
const realCrypto = globalThis.crypto;
globalThis.location = new URL("http://127.0.0.1/?a=1#top");
globalThis.navigator ??= {};

/** As much of IndexedDB as one database with one entry needs. Its faults are the test's. */
class Databases {
  entries = new Map();
  names = [];
  /** Throws, or not, when the database is opened, and when something is put into it. */
  opening = () => {};
  putting = () => {};

  open(name) {
    this.opening();
    this.names.push(name);
    const request = { result: this.#database() };
    queueMicrotask(() => {
      if (!this.entries.size) request.onupgradeneeded();
      request.onsuccess();
    });
    return request;
  }

  #database() {
    const done = (result) => ({ result });
    const store = {
      get: (key) => done(this.entries.get(key)),
      put: (value, key) => done(this.putting() ?? this.entries.set(key, value)),
      delete: (key) => done(this.entries.delete(key)),
    };
    return {
      createObjectStore() {},
      close() {},
      transaction() {
        const transaction = { objectStore: () => store };
        queueMicrotask(() => transaction.oncomplete?.());
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
  #issued = 0;

  fetch = async (request) => {
    const proof = request.headers.get("DPoP");
    const seen = { method: request.method, path: request.url.slice(ROOT.length), proof: proof && (await read(proof)) };
    this.seen.push(seen);
    const now = Date.now() + this.ahead;
    const headers = { Date: new Date(now).toUTCString() };
    const isLate = seen.proof && Math.abs(seen.proof.claims.iat * 1000 - now) > 60_000;
    if (isLate || (proof && this.refusals-- > 0)) {
      return Response.json({ error: "invalid_dpop_proof", detail: "No." }, { status: 400, headers });
    }
    if (seen.path === "auth/logout") return new Response(null, { status: 204, headers });
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
  Object.defineProperty(globalThis, "crypto", { value: realCrypto, configurable: true });
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

test("a proof leaves out the query of its request", async () => {
  await newClient().enter("auth/register/confirm?from=mail", { token: "t" });
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
  "a database that takes keys": { prepare: () => (globalThis.indexedDB.putting = () => { throw new Error("no"); }) },
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
