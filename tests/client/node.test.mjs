// The client where there is no page: imported and used by Node.js itself, as when a framework renders on a server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { afterEach, beforeEach, test as declare } from "node:test";

import { Api, json } from "./server.mjs";

const PATIENCE_MS = 60_000;
const CLIENT = new URL("../../static-site/js/lychgate.js", import.meta.url);
/** As a browser takes it: a module by itself, whatever this Node makes of the ending ".js". */
const PRELUDE = `
  import assert from "node:assert/strict";
  import { readFile } from "node:fs/promises";
  const api = process.argv[1];
  const source = await readFile(new URL("${CLIENT}"), "utf8");
  const before = [Reflect.ownKeys(globalThis), process.getActiveResourcesInfo()];
  const lychgate = await import("data:text/javascript," + encodeURIComponent(source));
  const { createClient, SessionEnded } = lychgate;
`;

let api;

const test = (name, run) => declare(name, { timeout: 2 * PATIENCE_MS }, run);

beforeEach(async () => {
  api = await new Api().start();
});

afterEach(() => api.stop());

/** Run a module in a process of its own, which has to end by itself. */
async function run(program, { flags = [] } = {}) {
  const node = spawn(process.execPath, [...flags, "--input-type=module", "--eval", PRELUDE + program, `${api.origin}/api`]);
  let said = "";
  for (const stream of [node.stdout, node.stderr]) stream.on("data", (text) => (said += text));
  const alarm = setTimeout(() => node.kill("SIGKILL"), PATIENCE_MS);
  const ended = await new Promise((resolve) => node.on("close", (code, signal) => resolve({ code, signal })));
  clearTimeout(alarm);
  assert.deepEqual(ended, { code: 0, signal: null }, `It did not end by itself, and well: ${said}`);
  assert.equal(said, "");
}

test("importing the client does nothing else", async () => {
  await run(`
    assert.deepEqual([Reflect.ownKeys(globalThis), process.getActiveResourcesInfo()], before);
  `);
});

test("importing what goes with the client does nothing else, and there are no passkeys in Node", async () => {
  await run(`
    const parts = {};
    for (const name of ["lychgate-mail.js", "lychgate-factors.js", "lychgate-admin.js", "qr.js"]) {
      const text = await readFile(new URL(name, "${CLIENT}"), "utf8");
      const now = [Reflect.ownKeys(globalThis), process.getActiveResourcesInfo()];
      Object.assign(parts, await import("data:text/javascript," + encodeURIComponent(text)));
      assert.deepEqual([Reflect.ownKeys(globalThis), process.getActiveResourcesInfo()], now);
    }
    assert.equal(parts.passkeysWork(), false);
    assert.equal(await parts.autofillWorks(), false);
    const client = createClient({ baseUrl: api });
    assert.equal(await parts.offerPasskeys(client), null);
    assert.equal(await parts.upgradeToPasskey(client), null);
    await parts.signalPasskeys(client);
    await assert.rejects(parts.answerWithPasskey({}), { name: "PasskeyError", reason: "unsupported" });
  `);
  assert.deepEqual(api.seen, []);
});

for (const options of ["", "{ storage: 'local' }", "{ storage: 'session' }", "{ baseUrl: api }", "{ baseUrl: new URL(api) }"]) {
  test(`a client in Node holds no process: createClient(${options})`, async () => {
    await run(`
      const resources = process.getActiveResourcesInfo();
      const client = createClient(${options});
      assert.equal(client.user, null);
      assert.equal(client.token, null);
      assert.equal(await client.restore(), null);
      assert.equal(await client.logout(), true);
      await assert.rejects(client.refresh(), SessionEnded);
      client.onChange(assert.fail)();
      assert.deepEqual(process.getActiveResourcesInfo(), resources);
    `);
    assert.deepEqual(api.seen, []);
  });
}

test("a client in Node keeps nothing where the next user of the server would find it", async () => {
  await run(`
    globalThis.localStorage = {};
    globalThis.sessionStorage = {};
    for (const storage of ["cookie", "local", "session"]) {
      await createClient({ baseUrl: api, storage }).login("kim", "seven old oak boards");
      assert.equal(createClient({ baseUrl: api, storage }).user, null);
      assert.equal(await createClient({ baseUrl: api, storage }).restore(), null);
    }
    assert.deepEqual([localStorage, sessionStorage], [{}, {}]);
  `);
  // No cookie, which Node would lose.
  assert.deepEqual(api.seen.map(({ body }) => JSON.parse(body).token_delivery), ["body", "body", "body"]);
});

test("a relative baseUrl in Node is an error of each call, which says what to do", async () => {
  await run(`
    const client = createClient();
    const calls = [
      () => client.json("GET", "me"),
      () => client.fetch("me"),
      () => client.login("kim", "seven old oak boards"),
      () => client.register("kim", "seven old oak boards"),
      () => client.sessions(),
      () => client.logoutEverywhere(),
    ];
    for (const call of calls) {
      await assert.rejects(call(), { name: "TypeError", message: /baseUrl must be absolute/ });
    }
  `);
});

test("calls without a session work in Node with an absolute baseUrl", async () => {
  await run(`
    assert.equal((await createClient({ baseUrl: api }).fetch("health")).status, 401);
  `);
  assert.deepEqual(api.seen.map(({ path }) => path), ["health"]);
});

for (const last of ["client.close();", ""]) {
  test(`a session in Node ${last ? "ends with close()" : "that nobody closes"}: the process ends by itself`, async () => {
    await run(`
      const client = createClient({ storage: "memory", baseUrl: api });
      const user = await client.login("kim", "seven old oak boards");
      assert.equal(user.username, "kim");
      assert.equal((await client.json("GET", "me")).token, "a1");
      await client.refresh();
      assert.equal((await client.json("POST", "notes", { text: "hello" })).token, "a2");
      ${last}
    `);
    assert.deepEqual(api.seen.map(({ path }) => path), ["auth/login", "me", "auth/refresh", "notes"]);
  });
}

test("a try that is due after a failure holds no process", async () => {
  for (const path of ["auth/refresh", "auth/logout"]) {
    const wait = { "Retry-After": "3600" };
    api.next(path, (response) => json(response, 503, { error: "service_unavailable" }, wait));
  }
  await run(`
    const client = createClient({ storage: "memory", baseUrl: api });
    await client.login("kim", "seven old oak boards");
    await assert.rejects(client.refresh(), { status: 503 });
    assert.equal(await client.logout(), false);
  `);
});
