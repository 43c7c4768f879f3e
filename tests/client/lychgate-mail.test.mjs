// The calls of mails: what they send, with and without a session, and the sessions that they begin.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, test as declare } from "node:test";

import { Api, json, USER } from "./server.mjs";

const PATIENCE_MS = 60_000;
/** As a browser takes them: modules by themselves, whatever this Node makes of the ending ".js". */
const load = async (name) => {
  const source = await readFile(new URL(`../../static-site/js/${name}`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
};
const { ApiError, createClient, NetworkError } = await load("lychgate.js");
const mail = await load("lychgate-mail.js");
globalThis.location = new URL("http://127.0.0.1/");
globalThis.navigator ??= {};

const PASSWORD = "seven old oak boards";
let api;
let clients;

/** A test that never ends would hide its name. */
const test = (name, run) => declare(name, { timeout: 3 * PATIENCE_MS }, run);

beforeEach(async () => {
  api = await new Api().start();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await api.stop();
  delete globalThis.localStorage;
});

function newClient(options) {
  const client = createClient({ baseUrl: `${api.origin}/api`, storage: "memory", ...options });
  client.changes = [];
  client.onChange(({ type, why }) => client.changes.push(`${type}: ${why}`));
  clients.push(client);
  return client;
}

async function signedIn(options) {
  const client = newClient(options);
  await client.login("kim", PASSWORD);
  api.seen.length = 0;
  return client;
}

const answer = (status, body) => (response) => (body ? json(response, status, body) : response.writeHead(status).end());
const sent = () => api.seen.map(({ method, path, body }) => [method, path, body && JSON.parse(body)]);

const OF_MAILED_SECRETS = [
  ["requestRegistration", ["kim@example.org", PASSWORD], "auth/register", { email: "kim@example.org", password: PASSWORD }, [202, { expires_in: 3600 }], 3600],
  ["confirmEmail", ["t1"], "auth/email/confirm", { token: "t1" }, [204], undefined],
  ["forgotPassword", ["kim"], "auth/password/forgot", { username: "kim" }, [202, {}], undefined],
  ["resetPassword", ["t1", PASSWORD], "auth/password/reset", { token: "t1", new_password: PASSWORD }, [204], undefined],
  ["requestLoginCode", ["kim"], "auth/login/code", { username: "kim" }, [202, { challenge: "c1", expires_in: 600 }], { challenge: "c1", expiresIn: 600 }],
];

for (const [name, given, path, body, [status, answered], result] of OF_MAILED_SECRETS) {
  test(`${name} sends what it is given, and resolves to what is of use`, async () => {
    api.next(path, answer(status, answered));
    assert.deepEqual(await mail[name](newClient(), ...given), result);
    assert.deepEqual(sent(), [["POST", path, body]]);
  });

  test(`${name} leaves the session alone, also one that has ended`, async () => {
    globalThis.localStorage = {};
    await signedIn({ storage: "local" });
    localStorage[`lychgate ${api.origin}/api/`] = "r0";
    const later = newClient({ storage: "local" });
    api.next(path, answer(status, answered));
    await mail[name](later, ...given);
    assert.deepEqual(sent(), [["POST", path, body]]);
    assert.equal(api.seen[0].headers.authorization, undefined);
    assert.deepEqual(later.changes, []);
  });
}

const OF_A_SESSION = [
  ["changeEmail", ["kim@example.org"], "PUT", "auth/email", { email: "kim@example.org" }, [202, {}]],
  ["removeEmail", [], "DELETE", "auth/email", "", [204]],
  ["resendEmail", [], "POST", "auth/email/resend", {}, [202, {}]],
];

for (const [name, given, method, path, body, [status, answered]] of OF_A_SESSION) {
  test(`${name} is a call of the session`, async () => {
    const client = await signedIn();
    api.next(path, answer(status, answered));
    assert.equal(await mail[name](client, ...given), undefined);
    assert.deepEqual(sent(), [[method, path, body]]);
    assert.equal(api.seen[0].headers.authorization, "Bearer a1");
  });
}

test("a call that wants a fresh session asks for the password, and is repeated", async () => {
  const client = await signedIn({ askPassword: async () => PASSWORD });
  api.next("auth/email", answer(401, { error: "insufficient_user_authentication" }));
  api.next("auth/reauthenticate", answer(200, { access_token: "a1", expires_in: 600, user: USER }));
  await mail.changeEmail(client, "kim@example.org");
  assert.deepEqual(api.seen.map(({ path }) => path), ["auth/email", "auth/reauthenticate", "auth/email"]);
});

const BEGINNERS = [
  ["registerWithEmail", ["kim", PASSWORD, "kim@example.org"], "auth/register", { username: "kim", password: PASSWORD, email: "kim@example.org" }],
  ["confirmRegistration", ["t1"], "auth/register/confirm", { token: "t1" }],
  ["verifyLoginCode", ["c1", " 123 456\n"], "auth/login/code/verify", { challenge: "c1", code: "123456" }],
];
const TOKENS = { access_token: "a9", token_type: "Bearer", expires_in: 600, refresh_token: "r9", user: USER };

for (const [name, given, path, body] of BEGINNERS) {
  test(`${name} begins a session as a log-in does`, async () => {
    api.next(path, answer(200, TOKENS));
    const client = newClient();
    assert.deepEqual(await mail[name](client, ...given), USER);
    assert.deepEqual(sent(), [["POST", path, { ...body, token_delivery: "body" }]]);
    assert.deepEqual(client.user, USER);
    assert.equal(client.token.accessToken, "a9");
    assert.deepEqual(client.changes, ["logged-in: entered"]);
  });

  test(`other tabs hear of the session that ${name} begins`, async () => {
    globalThis.localStorage = {};
    const [here, there] = [newClient({ storage: "local" }), newClient({ storage: "local" })];
    api.next(path, answer(200, TOKENS));
    await mail[name](here, ...given);
    const deadline = performance.now() + PATIENCE_MS;
    while (!there.user) {
      assert.ok(performance.now() < deadline, "it never came true");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(there.changes, ["logged-in: elsewhere"]);
  });

  test(`a cookie is asked for where the client has one, by ${name}`, async () => {
    globalThis.localStorage = {};
    const seen = [];
    const fetch = async (request) => {
      seen.push([request.credentials, (await request.json()).token_delivery]);
      return Response.json({ ...TOKENS, refresh_token: undefined });
    };
    await mail[name](newClient({ storage: "cookie", fetch }), ...given);
    assert.deepEqual(seen, [["same-origin", "cookie"]]);
  });

  test(`nobody is logged in if ${name} fails`, async () => {
    api.next(path, answer(410, { error: "link_expired", detail: "Used." }));
    const client = newClient();
    await assert.rejects(mail[name](client, ...given), (error) => error instanceof ApiError && error.error === "link_expired");
    assert.equal(client.user, null);
    assert.deepEqual(client.changes, []);
  });
}

for (const [what, password] of [["the password that is chosen at the confirmation", PASSWORD], ["that there is none", null]]) {
  test(`confirmRegistration says ${what}, and can be cancelled`, async () => {
    api.next("auth/register/confirm", answer(201, TOKENS));
    assert.deepEqual(await mail.confirmRegistration(newClient(), "t1", { password }), USER);
    assert.deepEqual(sent(), [["POST", "auth/register/confirm", { token: "t1", password, token_delivery: "body" }]]);
    const cancelled = mail.confirmRegistration(newClient(), "t1", { password, signal: AbortSignal.abort() });
    await assert.rejects(cancelled, { name: "AbortError" });
    assert.equal(api.seen.length, 1);
  });
}

for (const [name, given] of [...OF_MAILED_SECRETS, ...OF_A_SESSION, ...BEGINNERS]) {
  test(`${name} can be cancelled, and fails without an answer`, async () => {
    const client = await signedIn();
    await assert.rejects(mail[name](client, ...given, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.deepEqual(api.seen, []);
    const offline = newClient({ fetch: () => Promise.reject(new TypeError("no network")) });
    await assert.rejects(mail[name](offline, ...given), NetworkError);
  });
}

test("who is told to wait learns for how long", async () => {
  api.next("auth/password/forgot", (response) => json(response, 429, { error: "too_many_attempts" }, { "Retry-After": "42" }));
  await assert.rejects(mail.forgotPassword(newClient(), "kim"), { status: 429, retryAfter: 42 });
});
