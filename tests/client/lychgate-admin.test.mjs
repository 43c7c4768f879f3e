// The calls of administrators: what they send, and what they make of the answers.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, test as declare } from "node:test";

import { Api, FACTORS, json, USER } from "./server.mjs";

const PATIENCE_MS = 60_000;
/** As a browser takes them: modules by themselves, whatever this Node makes of the ending ".js". */
const load = async (name) => {
  const source = await readFile(new URL(`../../static-site/js/${name}`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
};
const { ApiError, createClient, NetworkError } = await load("lychgate.js");
const admin = await load("lychgate-admin.js");
globalThis.location = new URL("http://127.0.0.1/");
globalThis.navigator ??= {};

const PASSWORD = "seven old oak boards";
const LINK = { link: "http://127.0.0.1/account.html#reset=t1", expires_in: 1800 };
const SHOWN = { user: USER, sessions: [], recent_events: [{ type: "registered" }], factors: FACTORS, suppressed: null };
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
});

async function signedIn(options) {
  const client = createClient({ baseUrl: `${api.origin}/api`, storage: "memory", ...options });
  clients.push(client);
  await client.login("kim", PASSWORD);
  api.seen.length = 0;
  return client;
}

const answer = (status, body) => (response) => (body ? json(response, status, body) : response.writeHead(status).end());
const sent = () => api.seen.map(({ method, path, body }) => [method, path, body && JSON.parse(body)]);

const CALLS = [
  ["listUsers", [], "GET", "admin/users", "", [200, { users: [USER], next_cursor: null }], { users: [USER], nextCursor: null }],
  ["listUsers", [{ username: "", cursor: null, limit: undefined }], "GET", "admin/users", "", [200, { users: [], next_cursor: null }], { users: [], nextCursor: null }],
  [
    "listUsers",
    [{ username: "k&m=é", cursor: "c/1+", limit: 25 }],
    "GET",
    "admin/users?username=k%26m%3D%C3%A9&cursor=c%2F1%2B&limit=25",
    "",
    [200, { users: [], next_cursor: "c2" }],
    { users: [], nextCursor: "c2" },
  ],
  ["createUser", [{ username: "lee" }], "POST", "admin/users", { username: "lee" }, [201, { user: USER, ...LINK }], { user: USER, link: LINK.link, expiresIn: 1800 }],
  [
    "createUser",
    [{ username: "lee", email: "lee@example.org", roles: ["editor"] }],
    "POST",
    "admin/users",
    { username: "lee", email: "lee@example.org", roles: ["editor"] },
    [201, { user: USER, ...LINK }],
    { user: USER, link: LINK.link, expiresIn: 1800 },
  ],
  [
    "getUser",
    ["u1"],
    "GET",
    "admin/users/u1",
    "",
    [200, SHOWN],
    { user: USER, sessions: [], recentEvents: [{ type: "registered" }], factors: FACTORS, suppressed: null },
  ],
  ["changeUser", ["u1", { roles: ["admin"] }], "PATCH", "admin/users/u1", { roles: ["admin"] }, [200, { user: USER }], USER],
  ["changeUser", ["u1", { disabled: false }], "PATCH", "admin/users/u1", { disabled: false }, [200, { user: USER }], USER],
  ["deleteUser", ["u1"], "DELETE", "admin/users/u1", "", [204], undefined],
  ["logOutUser", ["u1"], "POST", "admin/users/u1/logout-all", {}, [204], undefined],
  ["resetPasswordOf", ["u1"], "POST", "admin/users/u1/reset-password", {}, [200, LINK], { link: LINK.link, expiresIn: 1800 }],
  ["removeSecondFactorOf", ["u1"], "DELETE", "admin/users/u1/second-factor", "", [204], undefined],
];

for (const [name, given, method, path, body, [status, answered], result] of CALLS) {
  test(`${name}(${JSON.stringify(given).slice(1, -1)}) is a call of the session, and resolves to what is of use`, async () => {
    const client = await signedIn();
    api.next(path, answer(status, answered));
    assert.deepEqual(await admin[name](client, ...given), result);
    assert.deepEqual(sent(), [[method, path, body]]);
    assert.equal(api.seen[0].headers.authorization, "Bearer a1");
  });
}

const WITH_OPTIONS = CALLS.filter(([name], index) => CALLS.findIndex(([other]) => other === name) === index);

for (const [name, given] of WITH_OPTIONS) {
  test(`${name} can be cancelled, and fails without an answer`, async () => {
    const client = await signedIn();
    const all = name === "listUsers" ? [{}] : given;
    await assert.rejects(admin[name](client, ...all, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.deepEqual(api.seen, []);
    let isOffline = false;
    const fetch = (request) => (isOffline ? Promise.reject(new TypeError("no network")) : globalThis.fetch(request));
    const offline = await signedIn({ fetch });
    isOffline = true;
    await assert.rejects(admin[name](offline, ...given), NetworkError);
  });
}

test("an id is one part of the path, whatever is in it", async () => {
  const client = await signedIn();
  api.next("admin/users/..%2F..%2Fme%3F/logout-all", answer(204));
  // Encoded slashes go nowhere with the token: servers decode them.
  await admin.logOutUser(client, "../../me?").catch(() => {});
  assert.ok(sent().every(([, path]) => path.startsWith("admin/users/..%2F")));
});

test("who is no administrator learns it from the error", async () => {
  const client = await signedIn();
  api.next("admin/users", answer(403, { error: "insufficient_scope" }));
  await assert.rejects(admin.listUsers(client), (error) => error instanceof ApiError && error.error === "insufficient_scope");
});

test("a call that wants a fresh session asks for the password, and is repeated", async () => {
  const client = await signedIn({ askPassword: async () => PASSWORD });
  api.next("admin/users/u1", answer(401, { error: "insufficient_user_authentication" }));
  await admin.deleteUser(client, "u1");
  assert.deepEqual(api.seen.map(({ path }) => path), ["admin/users/u1", "auth/reauthenticate", "admin/users/u1"]);
});
