// The client against a real server that delays, drops and refuses on command.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, test as declare } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Api, json, USER } from "./server.mjs";
import { endTimeByHand, LIMIT_MS } from "./time_limit.mjs";

const PATIENCE_MS = 60_000;
const source = await readFile(new URL("../../static-site/js/lychgate.js", import.meta.url), "utf8");
// As a browser takes it: a module by itself, whatever this Node makes of the ending ".js".
const lychgate = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const { ApiError, createClient, NetworkError, SessionEnded } = lychgate;
// Where there is a location there is a page, and a navigator.
globalThis.location = new URL("http://127.0.0.1/");
globalThis.navigator ??= {};

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
  delete globalThis.sessionStorage;
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

/** Keep the next answer for a path until told to give it. */
function hold(path, answer = (_, send) => send()) {
  let give;
  const given = new Promise((resolve) => (give = resolve));
  api.next(path, async (response, send) => {
    await given;
    answer(response, send);
  });
  return give;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const refuse = (error, status = 401) => (response) => json(response, status, { error });
const drop = (response) => response.destroy();

test("logging in keeps the access token and adds it to calls", async () => {
  const client = await signedIn();
  assert.deepEqual(client.user, USER);
  assert.deepEqual(await client.json("GET", "me"), { path: "me", token: "a1", body: "", sessions: [] });
  assert.deepEqual(JSON.parse(api.seen[0].body), {
    username: "kim",
    password: "seven old oak boards",
    token_delivery: "body",
  });
});

test("a first visit sends nothing", async () => {
  assert.equal(await newClient().restore(), null);
  assert.deepEqual(api.seen, []);
});

for (const look of ["me", "/api/me", "./me", "../api/me", "/x/../api/me", "%2e%2e/api/me"]) {
  test(`the token goes to the API itself: ${look}`, async () => {
    const client = await signedIn();
    await client.fetch(look);
    assert.equal(api.seen.at(-1).headers.authorization, "Bearer a1");
  });
}

for (const look of ["/apix", "/apix/me", "/", "/API/me", "../me", "/api/../x", "/api/%2e%2e/x", "/api\\..\\..\\x", "/api/..%2fx", "/api"]) {
  test(`the token goes nowhere else on the API's origin: ${look}`, async () => {
    const client = await signedIn();
    const response = await client.fetch(look);
    await response.arrayBuffer();
    assert.equal(api.seen.length, 2);
    assert.equal(api.seen[1].headers.authorization, undefined);
  });
}

test("the token goes to no other origin, whatever it looks like", async () => {
  const seen = [];
  const client = await signedIn({
    fetch: (request) => {
      seen.push(request);
      return request.url.startsWith(api.origin) ? fetch(request) : Promise.resolve(new Response("{}"));
    },
  });
  const { port } = new URL(api.origin);
  const others = [
    "//evil.example/api/me",
    "https://evil.example/api/me",
    `http://127.0.0.1:${port}@evil.example/api/me`,
    `http://127.0.0.1.evil.example:${port}/api/me`,
    `http://localhost:${port}/api/me`,
    `https://127.0.0.1:${port}/api/me`,
    `http://127.0.0.1:${(Number(port) % 65000) + 1}/api/me`,
    "data:text/plain,api/me",
  ];
  for (const url of others) {
    // Node refuses an address with a name and password in it, as browsers do.
    await client.fetch(url).catch((error) => assert.ok(error instanceof TypeError));
    await client.fetch(new Request("http://evil.example/api/me")).catch(assert.ifError);
  }
  const carried = seen.filter((request) => request.headers.has("Authorization"));
  assert.deepEqual(carried, []);
  await client.fetch(new Request(`${api.origin}/api/me`, { method: "POST", body: "hello" }));
  assert.equal(api.seen.at(-1).headers.authorization, "Bearer a1");
  assert.equal(api.seen.at(-1).body, "hello");
});

test("a redirect does not take the token along", async () => {
  const client = await signedIn();
  api.next("me", (response) => response.writeHead(302, { Location: "/elsewhere" }).end());
  await assert.rejects(client.fetch("me"), NetworkError);
  assert.equal(api.count("/elsewhere"), 0);
});

for (const status of [302, 307, 308]) {
  test(`a redirect ${status} takes neither password nor refresh token along`, async () => {
    const redirect = (response) => response.writeHead(status, { Location: "/elsewhere" }).end();
    const client = newClient();
    for (const path of ["auth/login", "auth/register", "auth/refresh", "auth/password", "auth/logout"]) api.next(path, redirect);
    await assert.rejects(client.login("kim", "seven old oak boards"), NetworkError);
    await assert.rejects(client.register("kim", "seven old oak boards"), NetworkError);
    await client.login("kim", "seven old oak boards");
    await assert.rejects(client.refresh(), NetworkError);
    await assert.rejects(client.changePassword("a", "b"), NetworkError);
    assert.equal(await client.logout(), false);
    assert.equal(api.count("/elsewhere"), 0);
    assert.equal(api.count("auth/logout"), 1);
  });
}

test("a redirect takes no cookie along with a call without a token", async () => {
  const seen = [];
  const client = newClient({ fetch: (request) => (seen.push(request), fetch(request)) });
  api.next("me", (response) => response.writeHead(307, { Location: "/elsewhere" }).end());
  await assert.rejects(client.json("POST", "me", { any: 1 }), NetworkError);
  assert.deepEqual(seen.map(({ redirect }) => redirect), ["error"]);
  assert.equal(api.count("/elsewhere"), 0);
});

test("an expired token costs one refresh and one more try, body and all", async () => {
  const client = await signedIn();
  api.good.clear();
  const response = await client.fetch("notes", { method: "POST", body: "hello" });
  assert.deepEqual(await response.json(), { path: "notes", token: "a2", body: "hello", sessions: [] });
  assert.deepEqual(api.seen.slice(1).map(({ path }) => path), ["notes", "auth/refresh", "notes"]);
});

test("a token refused twice is not tried a third time", async () => {
  const client = await signedIn();
  api.next("me", refuse("invalid_token"));
  api.next("me", refuse("invalid_token"));
  assert.equal((await client.fetch("me")).status, 401);
  assert.equal(api.count("me"), 2);
  assert.equal(api.count("auth/refresh"), 1);
});

for (const [status, error] of [[401, "invalid_credentials"], [401, ""], [403, "insufficient_scope"], [404, "not_found"], [500, "x"]]) {
  test(`an answer ${status} ${error} is the caller's own affair`, async () => {
    const client = await signedIn();
    api.next("me", refuse(error, status));
    assert.equal((await client.fetch("me")).status, status);
    assert.equal(api.seen.length, 2);
    assert.deepEqual(client.user, USER);
  });
}

test("a wrong current password is an error and no end of the session", async () => {
  const client = await signedIn();
  api.next("auth/password", refuse("invalid_credentials"));
  await assert.rejects(client.changePassword("a", "b"), { name: "ApiError", error: "invalid_credentials", status: 401 });
  assert.deepEqual(client.changes, ["logged-in: entered"]);
  const body = { current_password: "a", new_password: "b", token_delivery: "body" };
  assert.deepEqual(JSON.parse(api.seen[1].body), body);
});

test("a new password comes with a new session, which every tab takes up", async () => {
  const client = await signedIn();
  api.next("auth/password", answerTokens("p1"));
  await client.changePassword("a", "b");
  assert.equal(client.token?.accessToken, "p1");
  assert.deepEqual(client.changes, ["logged-in: entered", "refreshed: password changed"]);
  api.good.add("p1");
  assert.equal((await client.json("GET", "me")).token, "p1");
  assert.equal(api.count("auth/refresh"), 0);
});

test("a change of the password with an expired token is made with the next one", async () => {
  const client = await signedIn();
  api.next("auth/password", refuse("invalid_token"));
  api.next("auth/password", answerTokens("p1"));
  await client.changePassword("a", "b");
  assert.equal(api.count("auth/refresh"), 1);
  assert.equal(client.token?.accessToken, "p1");
});

test("no refresh overtakes a change of the password", async () => {
  const client = await signedIn();
  const give = hold("auth/password", answerTokens("p1"));
  const change = client.changePassword("a", "b");
  await eventually(() => api.count("auth/password") === 1);
  const refreshed = client.refresh();
  give();
  await Promise.all([change, refreshed]);
  assert.equal(client.token?.accessToken, "p1");
  assert.equal(api.count("auth/refresh"), 0);
});

/** Answer a reauthentication: a new access token and no refresh token. */
const confirm = (token) => (response) => {
  api.good = new Set([token]);
  json(response, 200, { access_token: token, token_type: "Bearer", expires_in: 600, user: USER });
};
const STALE = "insufficient_user_authentication";

for (const storage of ["memory", "local", "session", "cookie"]) {
  test(`with storage "${storage}" a confirmed password comes with an access token and leaves the refresh token`, async () => {
    const kept = {};
    globalThis.localStorage = globalThis.sessionStorage = kept;
    if (storage === "cookie") api.next("auth/login", answerTokens("a1"));
    const client = await signedIn({ storage });
    const before = { ...kept };
    api.next("auth/reauthenticate", confirm("c1"));
    await client.reauthenticate("p");
    assert.deepEqual(JSON.parse(api.seen.at(-1).body), { password: "p" });
    assert.equal(api.seen.at(-1).headers.authorization, "Bearer a1");
    assert.equal(client.token?.accessToken, "c1");
    assert.deepEqual(client.changes, ["logged-in: entered", "refreshed: password confirmed"]);
    assert.deepEqual(kept, before);
    assert.equal((await client.json("GET", "me")).token, "c1");
    api.next("auth/refresh", answerTokens("a2"));
    await client.refresh();
    assert.deepEqual(JSON.parse(api.seen.at(-1).body), storage === "cookie" ? {} : { refresh_token: "r1" });
  });
}

test("other tabs take up the access token of a confirmed password", async () => {
  globalThis.localStorage = {};
  const client = await signedIn({ storage: "cookie" });
  const other = openChannel();
  try {
    api.next("auth/reauthenticate", confirm("c1"));
    await client.reauthenticate("p");
    await eventually(() => other.heard.some((message) => message?.access_token === "c1"));
    assert.ok(!other.heard.at(-1).entered);
  } finally {
    other.close();
  }
});

test("a wrong password at a confirmation is an error and no end of the session", async () => {
  const client = await signedIn();
  api.next("auth/reauthenticate", refuse("invalid_credentials"));
  await assert.rejects(client.reauthenticate("p"), { name: "ApiError", error: "invalid_credentials", status: 401 });
  assert.deepEqual(client.changes, ["logged-in: entered"]);
  assert.equal((await client.json("GET", "me")).token, "a1");
});

test("a confirmation with an expired token is made with the next one", async () => {
  const client = await signedIn();
  api.next("auth/reauthenticate", refuse("invalid_token"));
  api.next("auth/reauthenticate", confirm("c1"));
  await client.reauthenticate("p");
  assert.equal(api.count("auth/refresh"), 1);
  assert.equal(client.token?.accessToken, "c1");
});

test("a log-out while a password is confirmed is not undone by it", async () => {
  const client = await signedIn();
  const give = hold("auth/reauthenticate", confirm("c1"));
  const confirmed = client.reauthenticate("p");
  await eventually(() => api.count("auth/reauthenticate") === 1);
  const told = client.logout();
  give();
  await assert.rejects(confirmed, SessionEnded);
  await told;
  assert.equal(client.user, null);
});

test("a call that wants the password has it asked for once, and is made once more, body and all", async () => {
  let asked = 0;
  const client = await signedIn({ askPassword: async () => ((asked += 1), "p") });
  api.next("things", refuse(STALE));
  api.next("auth/reauthenticate", confirm("c1"));
  const answer = await client.json("POST", "things", { a: 1 });
  assert.deepEqual([answer.token, answer.body, asked], ["c1", '{"a":1}', 1]);
  assert.deepEqual(
    api.seen.slice(1).map(({ path }) => path),
    ["things", "auth/reauthenticate", "things"],
  );
});

test("a call that wants the password again right after it was given is not made a third time", async () => {
  let asked = 0;
  const client = await signedIn({ askPassword: async () => ((asked += 1), "p") });
  api.next("me", refuse(STALE));
  api.next("me", refuse(STALE));
  api.next("auth/reauthenticate", confirm("c1"));
  await assert.rejects(client.json("GET", "me"), { name: "ApiError", error: STALE });
  assert.equal(asked, 1);
  assert.equal(api.count("me"), 2);
});

for (const [which, options] of [["no way to ask", {}], ["nobody who answers", { askPassword: async () => null }]]) {
  test(`with ${which} a call that wants the password fails as the API said`, async () => {
    const client = await signedIn(options);
    const refusal = (response) => json(response, 401, { error: STALE, detail: "The password, please.", max_age: 900 });
    api.next("auth/logout-all", refusal);
    const error = { name: "ApiError", status: 401, error: STALE, detail: "The password, please." };
    await assert.rejects(client.logoutEverywhere(), error);
    api.next("me", refusal);
    const response = await client.fetch("me");
    assert.deepEqual([response.status, (await response.json()).max_age], [401, 900]);
    assert.equal(api.count("auth/reauthenticate"), 0);
    assert.deepEqual(client.user, USER);
  });
}

test("a wrong password is the answer to the call that wanted it", async () => {
  const client = await signedIn({ askPassword: async () => "wrong" });
  api.next("me", refuse(STALE));
  api.next("auth/reauthenticate", refuse("invalid_credentials"));
  await assert.rejects(client.json("GET", "me"), { name: "ApiError", error: "invalid_credentials" });
  assert.equal(api.count("me"), 1);
});

test("calls that want the password at once have it asked for once", async () => {
  let asked = 0;
  let answer;
  const typed = new Promise((resolve) => (answer = resolve));
  const client = await signedIn({ askPassword: () => ((asked += 1), typed) });
  const late = hold("c", refuse(STALE));
  for (const path of ["a", "b"]) api.next(path, refuse(STALE));
  api.next("auth/reauthenticate", confirm("c1"));
  const calls = ["a", "b", "c"].map((path) => client.json("GET", path));
  await eventually(() => api.seen.length === 4 && asked === 1);
  answer("p");
  assert.deepEqual((await Promise.all(calls.slice(0, 2))).map(({ token }) => token), ["c1", "c1"]);
  // One whose refusal comes late: it was sent before the password was given.
  late();
  assert.equal((await calls[2]).token, "c1");
  assert.equal(asked, 1);
});

test("one who gives up waiting for the password does not spoil it for the others", async () => {
  let answer;
  const typed = new Promise((resolve) => (answer = resolve));
  const client = await signedIn({ askPassword: () => typed });
  for (const path of ["a", "b"]) api.next(path, refuse(STALE));
  api.next("auth/reauthenticate", confirm("c1"));
  const impatient = new AbortController();
  const given = client.json("GET", "a", undefined, { signal: impatient.signal });
  const patient = client.json("GET", "b");
  await eventually(() => api.seen.length === 3);
  impatient.abort(new Error("no more"));
  await assert.rejects(given, { message: "no more" });
  answer("p");
  assert.equal((await patient).token, "c1");
});

/** The answer to a password that is right, where that is not enough. */
const SECOND = {
  error: "second_factor_required",
  detail: "Now prove that it is you in a second way.",
  challenge: "s1",
  methods: ["totp", "passkey"],
  expires_in: 300,
  publicKey: { challenge: "AQID", rpId: "localhost" },
};
const wantSecond = (response) => json(response, 403, SECOND);

for (const begin of ["login", "register", "enter"]) {
  test(`${begin}() that ends in a second factor is an error with all that the second step needs`, async () => {
    const client = newClient();
    const [path, given] = begin === "enter" ? ["auth/login/code/verify", { code: "1" }] : [`auth/${begin}`, "kim"];
    api.next(path, wantSecond);
    const { challenge, methods, publicKey } = SECOND;
    await assert.rejects(begin === "enter" ? client.enter(path, given) : client[begin](given, "p"), {
      ...{ name: "ApiError", status: 403, error: "second_factor_required", message: SECOND.detail },
      ...{ challenge, methods, publicKey, expiresIn: 300, maxAge: undefined, acrValues: undefined },
    });
    assert.equal(client.user, null);
    assert.deepEqual(client.changes, []);
  });
}

const PROOFS = [
  ["a password", "p", { password: "p" }],
  ["a password in an object", { password: "p" }, { password: "p" }],
  ["a password with a code", { password: "p", code: "123456" }, { password: "p", code: "123456" }],
  ["a passkey", { challenge: "c", credential: { id: "k" } }, { challenge: "c", credential: { id: "k" } }],
];

for (const [which, proof, body] of PROOFS) {
  test(`${which} confirms who the user is, as the answer to a question too`, async () => {
    let asked;
    const client = await signedIn({ askPassword: async (why) => ((asked = why), proof) });
    api.next("auth/reauthenticate", confirm("c1"));
    await client.reauthenticate(proof);
    assert.deepEqual(JSON.parse(api.seen.at(-1).body), body);
    api.next("me", (response) => json(response, 401, { error: STALE, max_age: 900, acr_values: "aal2" }));
    api.next("auth/reauthenticate", confirm("c2"));
    assert.equal((await client.json("GET", "me")).token, "c2");
    assert.deepEqual(JSON.parse(api.seen.at(-2).body), body);
    assert.ok(asked instanceof ApiError);
    assert.deepEqual([asked.error, asked.status, asked.maxAge, asked.acrValues], [STALE, 401, 900, "aal2"]);
  });
}

test("a password that is right and not enough is followed by the question for the second factor", async () => {
  const questions = [];
  const proofs = ["p", { password: "p", code: "123456" }];
  const client = await signedIn({ askPassword: async (why) => (questions.push(why), proofs.shift()) });
  api.next("things", refuse(STALE));
  api.next("auth/reauthenticate", wantSecond);
  api.next("auth/reauthenticate", confirm("c1"));
  const answer = await client.json("POST", "things", { a: 1 });
  assert.deepEqual([answer.token, answer.body], ["c1", '{"a":1}']);
  assert.deepEqual(questions.map(({ error }) => error), [STALE, "second_factor_required"]);
  assert.deepEqual([questions[1].challenge, questions[1].publicKey], [SECOND.challenge, SECOND.publicKey]);
  assert.deepEqual(
    api.seen.slice(1).map(({ path, body }) => [path, body]),
    [
      ["things", '{"a":1}'],
      ["auth/reauthenticate", '{"password":"p"}'],
      ["auth/reauthenticate", '{"password":"p","code":"123456"}'],
      ["things", '{"a":1}'],
    ],
  );
});

test("who does not want to give the second factor is asked for nothing more", async () => {
  const proofs = ["p", null];
  const client = await signedIn({ askPassword: async () => proofs.shift() });
  api.next("me", refuse(STALE));
  api.next("auth/reauthenticate", wantSecond);
  await assert.rejects(client.json("GET", "me"), { name: "ApiError", error: STALE });
  assert.equal(api.count("auth/reauthenticate"), 1);
  assert.deepEqual(client.user, USER);
});

test("a page that knows passwords only is asked twice, and not for ever", async () => {
  let asked = 0;
  const client = await signedIn({ askPassword: async () => ((asked += 1), "p") });
  api.next("me", refuse(STALE));
  for (let i = 0; i < 3; i += 1) api.next("auth/reauthenticate", wantSecond);
  await assert.rejects(client.json("GET", "me"), { name: "ApiError", error: "second_factor_required" });
  assert.deepEqual([asked, api.count("auth/reauthenticate"), api.count("me")], [2, 2, 1]);
});

test("a wrong code is the answer to the call that wanted it", async () => {
  const client = await signedIn({ askPassword: async () => ({ password: "p", code: "000000" }) });
  api.next("me", refuse(STALE));
  api.next("auth/reauthenticate", refuse("invalid_code"));
  await assert.rejects(client.json("GET", "me"), { name: "ApiError", error: "invalid_code" });
  assert.deepEqual([api.count("auth/reauthenticate"), api.count("me")], [1, 1]);
});

test("a dialog that confirms by itself has the call made once more, and nothing confirmed twice", async () => {
  const client = await signedIn({ askPassword: async () => client.reauthenticate("p").then(() => null) });
  api.next("me", refuse(STALE));
  api.next("auth/reauthenticate", confirm("c1"));
  assert.equal((await client.json("GET", "me")).token, "c1");
  assert.equal(api.count("auth/reauthenticate"), 1);
});

for (const body of ["null", "[]", "3", '"no"', "", "{", '{"error": null}']) {
  test(`an error whose body is ${body || "empty"} is an error of the API like any other`, async () => {
    const client = await signedIn();
    for (const status of [401, 403]) {
      api.next("me", (response) => response.writeHead(status, { "Content-Type": "application/json" }).end(body));
      await assert.rejects(client.json("GET", "me"), { name: "ApiError", status });
    }
  });
}

test("calls that need a refresh at once share it", async () => {
  const client = await signedIn();
  api.good.clear();
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.json("GET", "me")));
  assert.equal(api.count("auth/refresh"), 1);
  assert.deepEqual(new Set(answers.map(({ token }) => token)), new Set(["a2"]));
});

test("a call whose token was replaced meanwhile tries again without a refresh", async () => {
  const client = await signedIn();
  const give = hold("me", refuse("invalid_token"));
  const call = client.json("GET", "me");
  await eventually(() => api.count("me") === 1);
  await client.refresh();
  give();
  assert.equal((await call).token, "a2");
  assert.equal(api.count("auth/refresh"), 1);
});

test("a call begun by one user is not repeated as another", async () => {
  const client = await signedIn();
  const give = hold("me", refuse("invalid_token"));
  const call = client.json("GET", "me");
  await eventually(() => api.count("me") === 1);
  api.user = { ...USER, id: "u2" };
  await client.login("lee", "nine new willow boards");
  give();
  await assert.rejects(call, SessionEnded);
  assert.equal(api.count("me"), 1);
});

test("the clock refreshes before the token expires", async () => {
  api.lifetime = 2;
  const client = await signedIn();
  api.lifetime = 600;
  await eventually(() => api.count("auth/refresh") === 1);
  await eventually(() => client.changes.includes("refreshed: on the clock"));
  assert.ok(client.token.secondsLeft > 590);
});

test("the API's own clock has the last word on how long a token is good", async () => {
  const client = await signedIn();
  assert.ok(client.token.secondsLeft > 590);
  const late = new Date(Date.now() + 500_000).toUTCString();
  api.next("me", (response) => json(response, 200, {}, { Date: late }));
  await client.json("GET", "me");
  assert.ok(client.token.secondsLeft < 110);
  api.next("me", (response) => json(response, 200, {}, { Date: new Date().toUTCString() }));
  await client.json("GET", "me");
  assert.ok(client.token.secondsLeft > 590);
});

test("invalid_grant ends the session", async () => {
  const client = await signedIn();
  api.next("auth/refresh", refuse("invalid_grant"));
  await assert.rejects(client.refresh(), SessionEnded);
  assert.equal(client.user, null);
  assert.deepEqual(client.changes.slice(-1), ["logged-out: refused"]);
});

for (const [name, fault] of Object.entries({
  "a dropped connection": drop,
  "429": refuse("too_many_attempts", 429),
  "500": refuse("internal_error", 500),
  "503": refuse("service_unavailable", 503),
  "403": refuse("origin_rejected", 403),
  "401 without a code": refuse(""),
  "a page of HTML": (response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Hello</h1>"),
  "an error page of HTML": (response) => response.writeHead(502).end("<h1>Sorry</h1>"),
  "somebody else's JSON": (response) => json(response, 200, { hello: "world" }),
  "a token without its lifetime": (response) => json(response, 200, { access_token: "a9", user: USER }),
  "half an answer": (response) => response.writeHead(200, { "Content-Length": 100 }).write("{", () => response.destroy()),
})) {
  test(`${name} ends no session, and the refresh is tried again`, async () => {
    const client = await signedIn();
    api.next("auth/refresh", fault);
    await assert.rejects(client.refresh());
    assert.deepEqual(client.user, USER);
    await eventually(() => client.token.accessToken === "a2");
    assert.ok(client.changes.some((change) => change.startsWith("refresh-failed")));
    assert.equal(client.changes.some((change) => change.startsWith("logged-out")), false);
  });
}

test("a refresh that the API does not understand ends no session, and is not tried again by itself", async () => {
  const client = await signedIn();
  api.next("auth/refresh", refuse("invalid_request", 400));
  await assert.rejects(client.refresh(), { name: "ApiError", status: 400 });
  assert.deepEqual(client.changes.slice(1), ["refreshing: asked for", "refresh-failed: asked for"]);
  assert.deepEqual(client.user, USER);
  // The third try of another client is due later than this one's second would be.
  const other = await signedIn();
  for (let tries = 0; tries < 2; tries += 1) api.next("auth/refresh", refuse("internal_error", 500));
  await assert.rejects(other.refresh());
  await eventually(() => other.changes.includes("refreshed: on the clock"));
  assert.equal(client.changes.length, 3);
});

test("a service that names a time is left alone until then", async () => {
  const client = await signedIn();
  api.next("auth/refresh", (response) => json(response, 503, { error: "service_unavailable" }, { "Retry-After": "300" }));
  await assert.rejects(client.refresh(), { name: "ApiError", status: 503, retryAfter: 300 });
  await assert.rejects(client.refresh(), { name: "ApiError", status: 503 });
  api.good.clear();
  await assert.rejects(client.fetch("me"), { status: 503 });
  assert.equal(api.count("auth/refresh"), 1);
});

test("an answer that takes too long is a NetworkError", async (context) => {
  const endTime = endTimeByHand(context);
  const client = await signedIn({ timeout: LIMIT_MS });
  const give = hold("me");
  const isLate = (error) => error instanceof NetworkError && error.cause.name === "AbortError";
  const call = assert.rejects(client.json("GET", "me"), isLate);
  await eventually(() => api.count("me") === 1);
  endTime();
  await call;
  give();
});

// Node follows a Request's signal for as long as somebody holds the Request.
for (const repeated of [false, true]) {
  const which = repeated ? "a call's second try" : "a call";
  test(`${which} is given up in time, whatever garbage is collected meanwhile`, async (context) => {
    const endTime = endTimeByHand(context);
    const client = await signedIn({ timeout: LIMIT_MS });
    if (repeated) api.next("me", refuse("invalid_token"));
    api.next("me", () => {});
    const call = assert.rejects(client.json("GET", "me"), NetworkError);
    await eventually(() => api.count("me") === (repeated ? 2 : 1));
    collectGarbage();
    endTime();
    await call;
  });

  test(`${which} can be given up, whatever garbage is collected meanwhile`, async () => {
    const client = await signedIn();
    if (repeated) api.next("me", refuse("invalid_token"));
    api.next("me", () => {});
    const stop = new AbortController();
    const call = assert.rejects(client.json("GET", "me", undefined, { signal: stop.signal }), { name: "AbortError" });
    await eventually(() => api.count("me") === (repeated ? 2 : 1));
    collectGarbage();
    stop.abort();
    await call;
  });
}

test("a bound session is not refreshed without its proof where the module of keys does not load", async () => {
  // This suite's client is nowhere: there is no file beside it.
  const name = `lychgate ${api.origin}/api/`;
  globalThis.localStorage = { [name]: "r0", [`${name} key`]: "bound" };
  const client = newClient({ storage: "local" });
  await assert.rejects(client.restore(), NetworkError);
  assert.deepEqual(api.seen, []);
  assert.equal(globalThis.localStorage[name], "r0");
});

test("an error of the API says what it was", async () => {
  const client = newClient();
  const problem = { error: "validation_failed", detail: "Not so.", errors: [{ field: "password", message: "Longer." }] };
  api.next("auth/register", (response) => json(response, 422, problem));
  await assert.rejects(client.register("kim", "x"), (error) => {
    assert.ok(error instanceof ApiError);
    const { status, error: code, detail, errors, message, retryAfter } = error;
    assert.deepEqual({ status, error: code, detail, errors, message, retryAfter }, { status: 422, ...problem, message: "Not so.", retryAfter: 0 });
    return true;
  });
  assert.equal(client.user, null);
});

test("each call can be given up", async () => {
  const client = newClient();
  const stop = new AbortController();
  const give = hold("auth/login");
  const login = client.login("kim", "x", { signal: stop.signal });
  stop.abort();
  await assert.rejects(login, { name: "AbortError" });
  assert.equal(client.user, null);
  give();
});

for (const [path, call] of Object.entries({
  "auth/refresh": (client) => client.refresh(),
  "auth/logout": (client) => client.logout(),
})) {
  test(`a client that is closed while it waits for ${path} does not try again`, async (context) => {
    const client = await signedIn();
    const give = hold(path, drop);
    const called = call(client).catch(() => {});
    await eventually(() => api.count(path) === 1);
    client.close();
    const timer = context.mock.method(globalThis, "setTimeout");
    give();
    await called;
    // A shorter one gives the lock back.
    assert.deepEqual(timer.mock.calls.map(({ arguments: [, delay] }) => delay).filter((delay) => delay > 100), []);
    assert.equal(api.count(path), 1);
  });
}

test("one who gives up waiting for a refresh does not spoil it for the others", async () => {
  const client = await signedIn();
  api.good.clear();
  const give = hold("auth/refresh");
  const stop = new AbortController();
  const impatient = client.fetch("me", { signal: stop.signal });
  const patient = client.json("GET", "me");
  await eventually(() => api.count("auth/refresh") === 1);
  stop.abort();
  await assert.rejects(impatient, { name: "AbortError" });
  give();
  assert.equal((await patient).token, "a2");
});

test("logging out tells the API, and nothing is sent any more", async () => {
  const client = await signedIn();
  assert.equal(await client.logout(), true);
  assert.deepEqual(JSON.parse(api.seen.at(-1).body), { refresh_token: "r1" });
  assert.equal(client.user, null);
  assert.equal(client.token, null);
  await assert.rejects(client.refresh(), SessionEnded);
  assert.equal((await client.fetch("me")).status, 401);
  assert.equal(api.seen.at(-1).headers.authorization, undefined);
});

test("logging out works offline, and the API is told when it is back", async () => {
  const client = await signedIn();
  api.next("auth/logout", drop);
  assert.equal(await client.logout(), false);
  assert.equal(client.user, null);
  await eventually(() => api.count("auth/logout") === 2);
  assert.deepEqual(JSON.parse(api.seen.at(-1).body), { refresh_token: "r1" });
  assert.equal(api.count("auth/refresh"), 0);
});

test("a log-out that the API has not heard of goes before the next log-in", async () => {
  const client = await signedIn();
  api.next("auth/logout", drop);
  await client.logout();
  await client.login("kim", "seven old oak boards");
  assert.deepEqual(api.seen.map(({ path }) => path), ["auth/login", "auth/logout", "auth/logout", "auth/login"]);
  assert.deepEqual(client.user, USER);
});

test("a log-in waits for the log-out under way", async () => {
  const client = await signedIn();
  const give = hold("auth/logout");
  const logout = client.logout();
  const login = client.login("kim", "seven old oak boards");
  await eventually(() => api.count("auth/logout") === 1);
  give();
  assert.equal(await logout, true);
  await login;
  assert.deepEqual(api.seen.map(({ path }) => path), ["auth/login", "auth/logout", "auth/login"]);
  await client.refresh();
  assert.deepEqual(client.user, USER);
});

test("logging out overtakes a refresh under way", async () => {
  const client = await signedIn();
  const give = hold("auth/refresh");
  const refresh = assert.rejects(client.refresh(), SessionEnded);
  await eventually(() => api.count("auth/refresh") === 1);
  const logout = client.logout();
  assert.equal(client.user, null);
  give();
  await refresh;
  await logout;
  assert.equal(client.user, null);
  assert.deepEqual(client.changes.slice(-1), ["logged-out: logged out"]);
});

test("logging out everywhere ends every session, this one too", async () => {
  const client = await signedIn();
  await client.logoutEverywhere();
  assert.deepEqual(api.seen.slice(1).map(({ method, path }) => `${method} ${path}`), ["POST auth/logout-all", "POST auth/logout"]);
  assert.equal(client.user, null);
});

for (const storage of ["local", "session"]) {
  test(`with storage "${storage}" the next page goes on, and only the refresh token is kept`, async () => {
    const kept = (globalThis[`${storage}Storage`] = {});
    const first = await signedIn({ storage });
    assert.deepEqual(Object.values(kept), ["r1"]);
    first.close();
    const second = newClient({ storage });
    assert.deepEqual(await second.restore(), USER);
    assert.deepEqual(Object.values(kept), ["r2"]);
    await second.logout();
    assert.deepEqual(kept, {});
  });
}

const refusal = () => {
  throw new DOMException("No.", "QuotaExceededError");
};
/** A storage that takes nothing more, of what is not ours: nobody is to read all of that. */
const full = (entries = {}) => new Proxy(entries, { set: refusal, ownKeys: refusal });
const useless = { "is full": full, "is null": () => null, "cannot be read": () => new Proxy({}, { get: refusal }) };

for (const storage of ["cookie", "local", "session"]) {
  for (const [what, make] of Object.entries(useless)) {
    test(`where the storage ${what} a session of the mode "${storage}" lasts as long as the page`, async () => {
      globalThis.localStorage = globalThis.sessionStorage = make();
      if (storage === "cookie") for (const path of ["auth/login", "auth/refresh"]) api.next(path, answerTokens("a1"));
      const client = await signedIn({ storage });
      await client.refresh();
      assert.deepEqual(client.user, USER);
      assert.equal(await client.logout(), true);
      assert.equal(client.user, null);
      assert.deepEqual(api.seen.map(({ path }) => path), ["auth/login", "auth/refresh", "auth/logout"]);
      assert.equal(await newClient({ storage }).restore(), null);
    });
  }
}

test("a refresh token that a full storage cannot replace is taken out of it: used again, it would look stolen", async () => {
  const kept = (globalThis.localStorage = {});
  const client = await signedIn({ storage: "local" });
  globalThis.localStorage = full(kept);
  const next = newClient({ storage: "local" });
  await next.restore();
  assert.deepEqual(next.user, USER);
  assert.deepEqual(kept, {});
  assert.equal(await newClient({ storage: "local" }).restore(), null);
  client.close();
});

test("with storage \"memory\" nothing is kept", async () => {
  globalThis.localStorage = {};
  globalThis.sessionStorage = {};
  await signedIn();
  assert.deepEqual([globalThis.localStorage, globalThis.sessionStorage], [{}, {}]);
});

test("the cookie's own mark is no secret, and a log-out that the API has not heard of outlives the page", async () => {
  const kept = (globalThis.localStorage = {});
  const first = newClient({ storage: "cookie" });
  api.next("auth/login", (response) => json(response, 200, { access_token: "a", expires_in: 600, user: USER }));
  await first.login("kim", "x");
  assert.deepEqual(Object.values(kept), ["in"]);
  assert.equal(JSON.parse(api.seen[0].body).token_delivery, "cookie");
  api.next("auth/logout", drop);
  await first.logout();
  assert.deepEqual(Object.values(kept), ["out"]);
  first.close();
  const second = newClient({ storage: "cookie" });
  assert.equal(await second.restore(), null);
  assert.deepEqual(api.seen.map(({ path }) => path), ["auth/login", "auth/logout", "auth/logout"]);
  assert.deepEqual(kept, {});
});

test("when a token is refreshed is drawn from a quarter of its life: a thief cannot know the moment", async (context) => {
  context.mock.method(performance, "now", () => 1000);
  context.mock.method(Date, "now", () => 1_800_000_000_000);
  const answer = { access_token: "a", expires_in: 40, user: USER };
  const seconds = [];
  for (const drawn of [0, 0.5, 0.9]) {
    const random = context.mock.method(Math, "random", () => drawn);
    const timer = context.mock.method(globalThis, "setTimeout", () => 0);
    await signedIn({ fetch: async () => Response.json(answer) });
    const delays = timer.mock.calls.map(({ arguments: [, delay] }) => delay / 1000);
    // The others are a request's time limit of 10 s, and what is over within a second.
    seconds.push(...delays.filter((delay) => delay > 1 && delay !== 10));
    timer.mock.restore();
    random.mock.restore();
  }
  assert.deepEqual(seconds, [30, 25, 21]);
});

// Pages with an earlier version of this file may be open, or may have been: what they store and say is understood.
const entryName = () => `lychgate ${api.origin}/api/`;
const answerTokens = (token) => (response) => json(response, 200, { access_token: token, expires_in: 600, user: USER });

/** What another page of the same origin says and hears. */
function openChannel() {
  const channel = new BroadcastChannel(entryName());
  const heard = [];
  channel.onmessage = ({ data }) => heard.push(data);
  return { heard, tell: (message) => channel.postMessage(message), close: () => channel.close() };
}

const toldByAnotherTab = (changes) => ({
  access_token: "b1",
  token_type: "Bearer",
  expires_in: 600,
  user: USER,
  expires: Date.now() + 500_000,
  ends: Date.now() / 1000 + 500,
  ...changes,
});

test("a session that an earlier version has stored is taken up", async () => {
  globalThis.localStorage = { [entryName()]: "in" };
  api.next("auth/refresh", answerTokens("a1"));
  assert.deepEqual(await newClient({ storage: "cookie" }).restore(), USER);
  assert.deepEqual(globalThis.localStorage, { [entryName()]: "in" });
});

test("a log-out that an earlier version has stored is sent", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  assert.equal(await newClient({ storage: "cookie" }).restore(), null);
  assert.deepEqual(api.seen.map(({ path }) => path), ["auth/logout"]);
  assert.deepEqual(globalThis.localStorage, {});
});

test("tabs with different versions tell each other of sessions", async () => {
  globalThis.localStorage = {};
  const client = newClient({ storage: "cookie" });
  const other = openChannel();
  try {
    other.tell(toldByAnotherTab({ entered: true }));
    await eventually(() => client.user);
    assert.equal(client.token.accessToken, "b1");
    assert.ok(client.token.secondsLeft > 400 && client.token.secondsLeft <= 500);
    api.next("auth/refresh", answerTokens("a2"));
    await client.refresh();
    await eventually(() => other.heard.length === 1);
    const { expires, ends, entered, ...tokens } = other.heard[0];
    assert.deepEqual(tokens, { access_token: "a2", expires_in: 600, user: USER });
    assert.ok(!entered);
    assert.ok(Math.abs(expires - Date.now() - 600_000) < 60_000);
    assert.ok(Math.abs(ends - Date.now() / 1000 - 600) < 60);
    other.tell(null);
    await eventually(() => client.user === null);
    assert.deepEqual(client.changes, [
      "logged-in: elsewhere",
      "refreshing: asked for",
      "refreshed: asked for",
      "logged-out: elsewhere",
    ]);
  } finally {
    other.close();
  }
});

const toldOfLogout = (client) => client.changes.filter((change) => change.startsWith("logout-"));

test("a log-out that the API hears of at once is told by its promise alone", async () => {
  const client = await signedIn();
  assert.equal(await client.logout(), true);
  assert.equal(await client.restore(), null);
  assert.deepEqual(client.changes, ["logged-in: entered", "logged-out: logged out"]);
});

for (const storage of ["memory", "local", "session", "cookie"]) {
  test(`with storage "${storage}" a log-out that is delivered later is told once as pending and once as sent`, async () => {
    globalThis.localStorage = {};
    globalThis.sessionStorage = {};
    if (storage === "cookie") api.next("auth/login", answerTokens("a1"));
    const client = await signedIn({ storage });
    const errors = [];
    client.onChange(({ error }) => error && errors.push(error.name));
    for (const fault of [drop, refuse("service_unavailable", 503)]) api.next("auth/logout", fault);
    assert.equal(await client.logout(), false);
    await eventually(() => toldOfLogout(client).length === 2);
    assert.equal(api.count("auth/logout"), 3);
    assert.deepEqual(client.changes.slice(1), [
      "logged-out: logged out",
      "logout-pending: logged out",
      "logout-sent: on the clock",
    ]);
    assert.deepEqual(errors, ["NetworkError"]);
  });
}

test("a page that opens with a log-out pending is told that it was sent", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  const client = newClient({ storage: "cookie" });
  assert.equal(await client.restore(), null);
  assert.deepEqual(client.changes, ["logout-sent: page opened"]);
});

test("a page that opens offline with a log-out pending is told so, and then that it was sent", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  const client = newClient({ storage: "cookie" });
  api.next("auth/logout", drop);
  assert.equal(await client.restore(), null);
  await eventually(() => client.changes.length === 2);
  assert.deepEqual(client.changes, ["logout-pending: page opened", "logout-sent: on the clock"]);
  assert.deepEqual(globalThis.localStorage, {});
});

test("every tab that waits for a log-out to be sent is told when another has sent it", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  const [waiting, sending, unaware] = [1, 2, 3].map(() => newClient({ storage: "cookie" }));
  const patient = { "Retry-After": "300" };
  api.next("auth/logout", (response) => json(response, 503, { error: "service_unavailable" }, patient));
  await waiting.restore();
  assert.deepEqual(waiting.changes, ["logout-pending: page opened"]);
  await sending.restore();
  await eventually(() => waiting.changes.length === 2);
  assert.deepEqual(waiting.changes.slice(1), ["logout-sent: elsewhere"]);
  assert.deepEqual(sending.changes, ["logout-sent: page opened"]);
  assert.deepEqual(unaware.changes, []);
  assert.equal(api.count("auth/logout"), 2);
});

test("a tab that waits for a log-out to be sent goes on when another tab says that it has logged out too", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  const client = newClient({ storage: "cookie" });
  const other = openChannel();
  try {
    for (let tries = 0; tries < 2; tries += 1) api.next("auth/logout", drop);
    await client.restore();
    other.tell(null);
    await eventually(() => toldOfLogout(client).length === 2);
    assert.deepEqual(toldOfLogout(client), ["logout-pending: page opened", "logout-sent: on the clock"]);
  } finally {
    other.close();
  }
});

test("a tab that waits is told that another has sent the log-out though its storage shows that late", async () => {
  const kept = (globalThis.localStorage = { [entryName()]: "out" });
  let turn = Promise.resolve();
  const locks = { request: (_name, _options, run) => turn.then(run) };
  const navigator = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  const other = openChannel();
  try {
    const client = newClient({ storage: "cookie" });
    api.next("auth/logout", drop);
    await client.restore();
    let waiting = false;
    let giveLock;
    turn = { then: (run) => ((waiting = true), new Promise((resolve) => (giveLock = resolve)).then(run)) };
    other.tell(null);
    await eventually(() => waiting);
    delete kept[entryName()];
    giveLock();
    await eventually(() => toldOfLogout(client).length === 2);
    assert.deepEqual(toldOfLogout(client), ["logout-pending: page opened", "logout-sent: elsewhere"]);
    assert.equal(api.count("auth/logout"), 1);
  } finally {
    other.close();
    Object.defineProperty(globalThis, "navigator", navigator);
  }
});

test("a log-in takes the place of a log-out that is pending", async () => {
  globalThis.localStorage = { [entryName()]: "out" };
  const client = newClient({ storage: "cookie" });
  for (let tries = 0; tries < 2; tries += 1) api.next("auth/logout", drop);
  await client.restore();
  api.next("auth/login", answerTokens("a1"));
  await client.login("kim", "seven old oak boards");
  assert.deepEqual(client.changes.slice(0, 2), ["logout-pending: page opened", "logged-in: entered"]);
  api.next("auth/refresh", answerTokens("a2"));
  await client.refresh();
  assert.deepEqual(toldOfLogout(client), ["logout-pending: page opened"]);
});

test("a log-out that waits for its turn is not sent once another tab has logged in", async () => {
  const kept = (globalThis.localStorage = {});
  let waiting = 0;
  let giveLock;
  const lock = new Promise((resolve) => (giveLock = resolve));
  const locks = { request: (_name, _options, run) => ((waiting += 1), lock.then(run)) };
  const navigator = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  const other = openChannel();
  try {
    kept[entryName()] = "in";
    const client = newClient({ storage: "cookie" });
    const logout = client.logout();
    assert.equal(waiting, 1);
    kept[entryName()] = "in";
    other.tell(toldByAnotherTab({ entered: true }));
    await eventually(() => client.user);
    giveLock();
    assert.equal(await logout, true);
    assert.deepEqual(api.seen, []);
    assert.deepEqual(client.user, USER);
  } finally {
    other.close();
    Object.defineProperty(globalThis, "navigator", navigator);
  }
});
