// Second factors and passkeys: what the calls send, what they make of a browser, and the sessions that they begin.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, test as declare } from "node:test";

import { ASSERTION, ATTESTATION, Browser, credentialOf, oldCredentialOf } from "./browser.mjs";
import { Api, CODES, FACTORS, json, PASSKEY, USER } from "./server.mjs";

const PATIENCE_MS = 60_000;
/** As a browser takes them: modules by themselves, whatever this Node makes of the ending ".js". */
const load = async (name) => {
  const source = await readFile(new URL(`../../static-site/js/${name}`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
};
const { ApiError, createClient, NetworkError } = await load("lychgate.js");
const factors = await load("lychgate-factors.js");
const { PasskeyError } = factors;

const PASSWORD = "seven old oak boards";
const OPTIONS = "auth/login/passkey/options";
let api;
let browser;
let clients;
let stop;

/** A test that never ends would hide its name. */
const test = (name, run) => declare(name, { timeout: 3 * PATIENCE_MS }, run);

beforeEach(async () => {
  api = await new Api().start();
  browser = new Browser().open();
  clients = [];
  stop = new AbortController();
});

afterEach(async () => {
  // No offer stays for the next test.
  stop.abort();
  for (const client of clients) client.close();
  await api.stop();
  browser.close();
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

async function eventually(holds) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "it never came true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The ceremony that the browser runs, as soon as it runs the nth. */
async function ceremony(nth) {
  await eventually(() => browser.asked.length >= nth);
  return browser.asked[nth - 1];
}

const answer = (status, body) => (response) => (body ? json(response, status, body) : response.writeHead(status).end());
const refuse = (error, status = 401) => answer(status, { error });
const drop = (response) => response.destroy();
const sent = () => api.seen.map(({ method, path, body }) => [method, path, body && JSON.parse(body)]);
const paths = () => api.seen.map(({ path }) => path);

const OF_A_SESSION = [
  ["getFactors", [], "GET", "auth/factors", "", FACTORS],
  ["beginTotp", [], "POST", "auth/totp", {}, { secret: "GEZDGNBV", uri: "otpauth://totp/kim?secret=GEZDGNBV", pending: "p1", expiresIn: 600 }],
  ["confirmTotp", ["p1", " 123 456\n"], "POST", "auth/totp/confirm", { pending: "p1", code: "123456" }, CODES],
  ["removeTotp", [], "DELETE", "auth/totp", "", undefined],
  ["replaceRecoveryCodes", [], "POST", "auth/recovery-codes", {}, CODES],
  ["renamePasskey", ["AQIDBA", "Phone"], "PATCH", "auth/passkeys/AQIDBA", { label: "Phone" }, { ...PASSKEY, label: "Phone" }],
  ["removePasskey", ["AQIDBA"], "DELETE", "auth/passkeys/AQIDBA", "", undefined],
];

for (const [name, given, method, path, body, result] of OF_A_SESSION) {
  test(`${name} is a call of the session, and resolves to what is of use`, async () => {
    const client = await signedIn();
    assert.deepEqual(await factors[name](client, ...given), result);
    assert.deepEqual(sent()[0], [method, path, body]);
    assert.equal(api.seen[0].headers.authorization, "Bearer a1");
  });

  test(`${name} asks who the user is where the session is not fresh, and is made once more`, async () => {
    const client = await signedIn({ askPassword: async () => PASSWORD });
    api.next(path, refuse("insufficient_user_authentication"));
    assert.deepEqual(await factors[name](client, ...given), result);
    assert.deepEqual(paths().slice(0, 3), [path, "auth/reauthenticate", path]);
  });

  test(`${name} can be cancelled, fails without an answer, and as the API says`, async () => {
    const client = await signedIn();
    await assert.rejects(factors[name](client, ...given, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.deepEqual(api.seen, []);
    api.next(path, refuse("conflict", 409));
    await assert.rejects(factors[name](client, ...given), { name: "ApiError", error: "conflict" });
    assert.equal(api.seen.length, 1);
    const offline = newClient({ fetch: () => Promise.reject(new TypeError("no network")) });
    await assert.rejects(factors[name](offline, ...given), NetworkError);
  });
}

test("a passkey's id is one segment of a path, whatever it is", async () => {
  const client = await signedIn();
  await factors.removePasskey(client, "a?b#c");
  assert.equal(paths()[0], "auth/passkeys/a%3Fb%23c");
});

for (const [name, given] of [["confirmTotp", ["p1", "123456"]], ["removeTotp", []]]) {
  test(`what the client says of the user is renewed after ${name}`, async () => {
    const client = await signedIn();
    api.user = { ...USER, second_factor: true };
    await factors[name](client, ...given);
    await eventually(() => client.user.second_factor);
    api.user = USER;
  });

  test(`${name} is done even if nothing can be renewed`, async () => {
    const client = await signedIn();
    api.next("auth/refresh", drop);
    await factors[name](client, ...given);
    await eventually(() => client.changes.some((change) => change.startsWith("refresh-failed")));
    assert.deepEqual(client.user, USER);
  });
}

const SECOND_FACTORS = [
  ["a code", { code: " 123 456\n" }, { code: "123456" }],
  ["a recovery code", { recoveryCode: "aaaa-bbbb" }, { recovery_code: "aaaa-bbbb" }],
  ["a passkey", { credential: ASSERTION }, { credential: ASSERTION }],
];

for (const [which, given, body] of SECOND_FACTORS) {
  test(`${which} is the second step of a log-in, and begins a session in every tab`, async () => {
    globalThis.localStorage = {};
    const [here, there] = [newClient({ storage: "local" }), newClient({ storage: "local" })];
    assert.deepEqual(await factors.loginWithSecondFactor(here, "s1", given), USER);
    assert.deepEqual(sent(), [["POST", "auth/login/second-factor", { challenge: "s1", ...body, token_delivery: "body" }]]);
    assert.deepEqual(here.changes, ["logged-in: entered"]);
    await eventually(() => there.user);
  });

  test(`${which} that is refused logs nobody in`, async () => {
    for (const error of ["invalid_code", "invalid_challenge"]) {
      api.next("auth/login/second-factor", refuse(error));
      const client = newClient();
      await assert.rejects(factors.loginWithSecondFactor(client, "s1", given), { name: "ApiError", error });
      assert.deepEqual([client.user, client.changes], [null, []]);
    }
    const cancelled = { signal: AbortSignal.abort() };
    await assert.rejects(factors.loginWithSecondFactor(newClient(), "s1", given, cancelled), { name: "AbortError" });
  });
}

const ADDRESSES = [
  ["http://localhost:8000/", true],
  ["https://auth.example.org/", true],
  ["https://10.example.org/", true],
  ["http://127.0.0.1:8000/", false],
  ["http://[::1]:8000/", false],
];

for (const [address, works] of ADDRESSES) {
  test(`passkeys ${works ? "work" : "do not work"} at ${address}`, async () => {
    browser.open(address);
    assert.equal(factors.passkeysWork(), works);
    assert.equal(await factors.autofillWorks(), works);
    if (works) return;
    await assert.rejects(factors.loginWithPasskey(newClient()), { name: "PasskeyError", reason: "address" });
    assert.equal(await factors.offerPasskeys(newClient()), null);
    assert.deepEqual(browser.asked, []);
  });
}

test("passkeys do not work where the browser has none, or the page came in the open", async () => {
  globalThis.isSecureContext = false;
  assert.equal(factors.passkeysWork(), false);
  globalThis.isSecureContext = true;
  delete globalThis.PublicKeyCredential;
  assert.equal(factors.passkeysWork(), false);
  assert.equal(await factors.autofillWorks(), false);
  await assert.rejects(factors.loginWithPasskey(newClient()), { name: "PasskeyError", reason: "unsupported" });
});

test("a browser that offers no passkeys, or cannot say, has no autofill", async () => {
  const { PublicKeyCredential } = browser;
  for (const way of [async () => false, () => Promise.reject(new Error("no")), undefined]) {
    PublicKeyCredential.isConditionalMediationAvailable = way;
    assert.equal(await factors.autofillWorks(), false);
    assert.equal(await factors.offerPasskeys(newClient()), null);
  }
  assert.deepEqual(api.seen, []);
});

test("a button logs in with a passkey, and tells the browser which ones there are", async () => {
  const client = newClient();
  const entered = factors.loginWithPasskey(client);
  const asked = await ceremony(1);
  assert.deepEqual([asked.method, asked.mediation, asked.publicKey], ["get", undefined, { ...api.publicKey, parsed: "request" }]);
  asked.answer();
  assert.deepEqual(await entered, USER);
  assert.deepEqual(sent().slice(0, 2), [
    ["POST", OPTIONS, {}],
    ["POST", "auth/login/passkey", { challenge: "c1", credential: ASSERTION, token_delivery: "body" }],
  ]);
  assert.deepEqual(client.changes, ["logged-in: entered"]);
  await eventually(() => browser.signals.length === 2);
  const account = { rpId: "localhost", userId: "dTE" };
  assert.deepEqual(browser.signals, [
    ["all", { ...account, allAcceptedCredentialIds: ["AQIDBA"] }],
    ["user", { ...account, name: "kim", displayName: "kim" }],
  ]);
});

test("options for a passkey are asked for without a session", async () => {
  const client = await signedIn();
  const proof = factors.proveWithPasskey(client);
  (await ceremony(1)).answer();
  assert.deepEqual(await proof, { challenge: "c1", credential: ASSERTION });
  assert.equal(api.seen[0].headers.authorization, undefined);
});

test("who is there can be shown again with a passkey, with a password, and with a password and a code", async () => {
  const client = await signedIn();
  const shown = factors.reauthenticate(client, { passkey: true });
  (await ceremony(1)).answer();
  await shown;
  await factors.reauthenticate(client, { password: PASSWORD });
  await factors.reauthenticate(client, { password: PASSWORD, code: "123 456" });
  assert.deepEqual(
    sent().filter(([, path]) => path === "auth/reauthenticate").map(([, , body]) => body),
    [{ challenge: "c1", credential: ASSERTION }, { password: PASSWORD }, { password: PASSWORD, code: "123456" }],
  );
});

test("a call that wants a fresh session takes a passkey for an answer", async () => {
  const client = await signedIn({ askPassword: () => factors.proveWithPasskey(client) });
  api.next("auth/recovery-codes", refuse("insufficient_user_authentication"));
  const codes = factors.replaceRecoveryCodes(client);
  (await ceremony(1)).answer();
  assert.deepEqual(await codes, CODES);
});

test("a passkey answers the challenge of a second step", async () => {
  const publicKey = { challenge: "AQID", rpId: "localhost", allowCredentials: [{ type: "public-key", id: "AQIDBA" }] };
  const credential = factors.answerWithPasskey(publicKey);
  const asked = await ceremony(1);
  assert.deepEqual(asked.publicKey, { ...publicKey, parsed: "request" });
  asked.answer();
  assert.deepEqual(await credential, ASSERTION);
});

const REASONS = [
  ["NotAllowedError", "cancelled"],
  ["AbortError", "cancelled"],
  ["InvalidStateError", "exists"],
  ["NotSupportedError", "unsupported"],
  ["ConstraintError", "unsupported"],
  ["SecurityError", "address"],
  ["UnknownError", "failed"],
  ["OperationError", "failed"],
];

for (const [error, reason] of REASONS) {
  test(`${error} of the browser means "${reason}", at a log-in and for a new passkey`, async () => {
    const client = newClient();
    const entered = factors.loginWithPasskey(client);
    (await ceremony(1)).fail(error);
    await assert.rejects(entered, (caught) => {
      assert.ok(caught instanceof PasskeyError);
      assert.deepEqual([caught.name, caught.reason, caught.cause.name], ["PasskeyError", reason, error]);
      return true;
    });
    assert.equal(api.count("auth/login/passkey"), 0);
    const member = await signedIn();
    const added = factors.addPasskey(member);
    (await ceremony(2)).fail(error);
    await assert.rejects(added, { name: "PasskeyError", reason });
    assert.equal(api.count("auth/passkeys"), 0);
    assert.deepEqual(browser.signals, []);
  });
}

test("options that are none, and a browser that gives nothing, are failures", async () => {
  const { PublicKeyCredential } = browser;
  PublicKeyCredential.parseRequestOptionsFromJSON = () => {
    throw new TypeError("no challenge");
  };
  await assert.rejects(factors.answerWithPasskey({}), { name: "PasskeyError", reason: "failed" });
  PublicKeyCredential.parseRequestOptionsFromJSON = (publicKey) => publicKey;
  const nothing = factors.answerWithPasskey({ challenge: "AQID" });
  (await ceremony(1)).answer(null);
  await assert.rejects(nothing, { name: "PasskeyError", reason: "failed" });
});

test("a ceremony that its caller gives up ends, and is no failure of a passkey", async () => {
  for (const begin of ["loginWithPasskey", "proveWithPasskey"]) {
    const nth = browser.asked.length + 1;
    const given = factors[begin](newClient(), { signal: AbortSignal.any([stop.signal]) });
    const asked = await ceremony(nth);
    stop.abort(new Error("no more"));
    await assert.rejects(given, { message: "no more" });
    assert.ok(asked.isOver);
    stop = new AbortController();
  }
});

for (const [which, credential, expected] of [["get", oldCredentialOf("get"), ASSERTION], ["create", oldCredentialOf("create"), ATTESTATION]]) {
  for (const toJSON of [undefined, () => { throw new TypeError("Illegal invocation"); }]) {
    test(`a browser that knows no JSON ${which}s a passkey all the same${toJSON ? ", and so does a password manager" : ""}`, async () => {
      delete browser.PublicKeyCredential.parseRequestOptionsFromJSON;
      delete browser.PublicKeyCredential.parseCreationOptionsFromJSON;
      const client = await signedIn();
      const done = which === "get" ? factors.proveWithPasskey(client) : factors.addPasskey(client);
      const { answer: give, publicKey } = await ceremony(1);
      const { user, excludeCredentials } = publicKey;
      assert.deepEqual([...publicKey.challenge], which === "get" ? [251, 255, 0, 1] : [251, 255, 0, 2]);
      assert.equal(publicKey.timeout, 300_000);
      if (which === "create") {
        assert.deepEqual([[...user.id], user.name, publicKey.rp.id], [[117, 49], "kim", "localhost"]);
        assert.deepEqual([[...excludeCredentials[0].id], excludeCredentials[0].transports], [[1, 2, 3, 4], ["internal"]]);
      }
      give({ ...credential, toJSON });
      await done;
      const posted = which === "get" ? (await done).credential : sent().at(-1)[2].credential;
      assert.deepEqual(JSON.parse(JSON.stringify(posted)), expected);
    });
  }
}

test("the passkeys that will do are named to a browser that knows no JSON, and a roaming one has no user", async () => {
  delete browser.PublicKeyCredential.parseRequestOptionsFromJSON;
  const given = factors.answerWithPasskey({ challenge: "AQID", allowCredentials: [{ type: "public-key", id: "-_8" }] });
  const asked = await ceremony(1);
  assert.deepEqual([...asked.publicKey.allowCredentials[0].id], [251, 255]);
  const credential = { ...oldCredentialOf("get"), authenticatorAttachment: null };
  credential.response.userHandle = null;
  asked.answer(credential);
  const { response } = JSON.parse(JSON.stringify(await given));
  assert.deepEqual(Object.keys(response), ["clientDataJSON", "authenticatorData", "signature"]);
  assert.ok(!("authenticatorAttachment" in JSON.parse(JSON.stringify(await given))));
});

test("a passkey is added under a label", async () => {
  const client = await signedIn();
  const added = factors.addPasskey(client, "Laptop");
  const asked = await ceremony(1);
  assert.deepEqual([asked.method, asked.mediation, asked.publicKey.parsed], ["create", undefined, "creation"]);
  asked.answer();
  assert.deepEqual(await added, PASSKEY);
  assert.deepEqual(sent(), [
    ["POST", "auth/passkeys/options", {}],
    ["POST", "auth/passkeys", { challenge: "k1", credential: ATTESTATION, label: "Laptop" }],
  ]);
});

const AFTER_CREATION = [
  ["invalid_challenge", refuse("invalid_challenge"), true],
  ["validation_failed", refuse("validation_failed", 422), true],
  ["conflict", refuse("conflict", 409), false],
  ["service_unavailable", refuse("service_unavailable", 503), false],
  ["no answer", drop, false],
];

for (const [which, fault, isUnknown] of AFTER_CREATION) {
  test(`a passkey that the API does not take, by ${which}, is ${isUnknown ? "one" : "not"} for the browser to forget`, async () => {
    const client = await signedIn();
    api.next("auth/passkeys", fault);
    const added = factors.addPasskey(client);
    (await ceremony(1)).answer();
    await assert.rejects(added, which === "no answer" ? NetworkError : ApiError);
    assert.deepEqual(browser.signals, isUnknown ? [["unknown", { rpId: "localhost", credentialId: "AQIDBA" }]] : []);
  });
}

test("a passkey that no account has is one for the browser to forget, and any other refusal is not", async () => {
  for (const [body, signals] of [
    [{ error: "invalid_code" }, []],
    [{ error: "invalid_challenge" }, []],
    [{ error: "invalid_code", unknown_credential: true }, [["unknown", { rpId: "localhost", credentialId: "AQIDBA" }]]],
  ]) {
    const nth = browser.asked.length + 1;
    api.next("auth/login/passkey", answer(401, body));
    const client = newClient();
    const entered = factors.loginWithPasskey(client);
    (await ceremony(nth)).answer();
    await assert.rejects(entered, { name: "ApiError", error: body.error });
    assert.equal(client.user, null);
    assert.deepEqual(browser.signals, signals);
  }
});

for (const [name, given] of [["removePasskey", ["AQIDBA"]], ["renamePasskey", ["AQIDBA", "Phone"]]]) {
  test(`the browser hears of the passkeys that are left after ${name}`, async () => {
    const client = await signedIn();
    await factors[name](client, ...given);
    await eventually(() => browser.signals.length === 2);
    assert.deepEqual(browser.signals[0][1].allAcceptedCredentialIds, ["AQIDBA"]);
  });
}

test("nothing is asked of the API for a browser that does not listen, nor without a session", async () => {
  delete browser.PublicKeyCredential.signalAllAcceptedCredentials;
  await factors.signalPasskeys(await signedIn());
  assert.deepEqual(api.seen, []);
  browser = new Browser().open();
  await factors.signalPasskeys(newClient());
  assert.deepEqual([api.seen, browser.signals], [[], []]);
});

test("signals that fail are nobody's trouble", async () => {
  const client = await signedIn();
  for (const path of [OPTIONS, "auth/factors"]) {
    api.next(path, drop);
    await factors.signalPasskeys(client);
    assert.deepEqual(browser.signals, []);
  }
  browser.PublicKeyCredential.signalAllAcceptedCredentials = () => Promise.reject(new DOMException("no", "SecurityError"));
  delete browser.PublicKeyCredential.signalCurrentUserDetails;
  await factors.signalPasskeys(client);
  api.next("auth/passkeys", refuse("validation_failed", 422));
  browser.PublicKeyCredential.signalUnknownCredential = () => {
    throw new TypeError("no");
  };
  const added = factors.addPasskey(client);
  (await ceremony(1)).answer();
  await assert.rejects(added, { error: "validation_failed" });
});

test("a list of passkeys that may lack a new one is not told to the browser", async () => {
  const client = await signedIn();
  api.next("auth/factors", async (_, send) => {
    const added = factors.addPasskey(client);
    (await ceremony(1)).answer();
    await added;
    send();
  });
  await factors.signalPasskeys(client);
  assert.deepEqual(browser.signals, []);
  await factors.signalPasskeys(client);
  assert.equal(browser.signals.length, 2);
});

/** Begin an offer that ends with the test. */
function offer(client = newClient(), options = {}) {
  const failures = [];
  const offered = factors.offerPasskeys(client, { signal: stop.signal, onFailure: (error) => failures.push(error), ...options });
  offered.catch(() => {});
  return { client, offered, failures };
}

test("a passkey that is offered where a username is typed logs in", async () => {
  const { client, offered } = offer();
  const asked = await ceremony(1);
  assert.deepEqual([asked.method, asked.mediation, asked.publicKey.challenge], ["get", "conditional", "-_8AAQ"]);
  asked.answer();
  assert.deepEqual(await offered, USER);
  assert.deepEqual(sent()[1], ["POST", "auth/login/passkey", { challenge: "c1", credential: ASSERTION, token_delivery: "body" }]);
  assert.deepEqual(client.changes, ["logged-in: entered"]);
});

test("an offer is renewed before its challenge ends, again and again, and answers the challenge of its own", async () => {
  api.publicKey = { ...api.publicKey, timeout: 40 };
  const { offered } = offer();
  await ceremony(3);
  api.publicKey = { ...api.publicKey, timeout: 300_000 };
  await eventually(() => browser.asked.at(-1).publicKey.timeout === 300_000);
  assert.ok(browser.asked.slice(0, -1).every(({ isOver }) => isOver));
  browser.asked.at(-1).answer();
  assert.deepEqual(await offered, USER);
  const challenge = `c${api.count(OPTIONS)}`;
  assert.equal(JSON.parse(api.seen.find(({ path }) => path === "auth/login/passkey").body).challenge, challenge);
});

test("an offer is renewed at three quarters of its challenge's life, also of one that does not say how long", async () => {
  const lives = [];
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = (task, life, ...rest) => (lives.push(life), real(task, life, ...rest));
  try {
    for (const timeout of [300_000, 240_000, undefined]) {
      api.publicKey = { ...api.publicKey, timeout };
      const nth = browser.asked.length + 1;
      offer();
      await ceremony(nth);
      stop.abort();
      await eventually(() => browser.ongoing.length === 0);
      stop = new AbortController();
    }
  } finally {
    globalThis.setTimeout = real;
  }
  assert.deepEqual(lives.filter((life) => life > 100_000), [225_000, 180_000, 225_000]);
});

test("a page that nobody sees offers nothing, renews nothing, and makes up for it as soon as it is seen", async () => {
  browser.hide(true);
  offer();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([api.seen, browser.asked], [[], []]);
  api.publicKey = { ...api.publicKey, timeout: 20 };
  browser.hide(false);
  await ceremony(1);
  browser.hide(true);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.ok(browser.asked.length <= 2);
  const before = browser.asked.length;
  api.publicKey = { ...api.publicKey, timeout: 300_000 };
  browser.hide(false);
  await ceremony(before + 1);
  await eventually(() => browser.ongoing.length === 1);
});

test("an offer whose time is over after a sleep is renewed when the page is looked at", async () => {
  const { now } = Date;
  offer();
  await ceremony(1);
  browser.happens("focus");
  try {
    Date.now = () => now() + 226_000;
    browser.happens("focus");
    await ceremony(2);
  } finally {
    Date.now = now;
  }
  assert.deepEqual(browser.asked.map(({ isOver }) => isOver), [true, false]);
});

test("a page that is left offers nothing, so that the browser can keep it, and offers again on the way back", async () => {
  offer();
  await ceremony(1);
  browser.happens("pagehide");
  await eventually(() => browser.ongoing.length === 0);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([browser.asked.length, api.count(OPTIONS)], [1, 1]);
  browser.happens("pageshow");
  await ceremony(2);
});

test("an offer makes way for a button, and comes back when that has failed", async () => {
  const { client } = offer();
  await ceremony(1);
  const entered = factors.loginWithPasskey(client);
  const asked = await ceremony(2);
  assert.deepEqual(browser.asked.map(({ mediation, isOver }) => [mediation, isOver]), [["conditional", true], [undefined, false]]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(browser.asked.length, 2);
  asked.fail("NotAllowedError");
  await assert.rejects(entered, { reason: "cancelled" });
  assert.equal((await ceremony(3)).mediation, "conditional");
});

test("an offer stays away until the last of several prompts is over", async () => {
  const { client } = offer();
  await ceremony(1);
  const first = factors.loginWithPasskey(client);
  const asked = await ceremony(2);
  await assert.rejects(factors.answerWithPasskey({ challenge: "AQID" }), { reason: "failed" });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(browser.asked.length, 3);
  asked.fail("NotAllowedError");
  await assert.rejects(first);
  await ceremony(4);
});

test("an offer that was about to be made is not made over a button's prompt", async () => {
  let give;
  api.next(OPTIONS, async (_, send) => {
    await new Promise((resolve) => (give = resolve));
    send();
  });
  const { client } = offer();
  await eventually(() => give);
  const entered = factors.loginWithPasskey(client);
  const asked = await ceremony(1);
  give();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(browser.asked.map(({ mediation }) => mediation), [undefined]);
  asked.answer();
  assert.deepEqual(await entered, USER);
});

test("a log-in by the button ends the offer", async () => {
  const { client, offered } = offer();
  await ceremony(1);
  const entered = factors.loginWithPasskey(client);
  (await ceremony(2)).answer();
  await entered;
  assert.equal(await offered, null);
  assert.equal(browser.asked.length, 2);
});

test("a log-in with a password ends the offer, and so does one in another tab", async () => {
  globalThis.localStorage = {};
  for (const isElsewhere of [false, true]) {
    const nth = browser.asked.length + 1;
    const { client, offered } = offer(newClient({ storage: "local" }));
    await ceremony(nth);
    await (isElsewhere ? newClient({ storage: "local" }) : client).login("kim", PASSWORD);
    assert.equal(await offered, null);
    await eventually(() => browser.ongoing.length === 0);
    await client.logout();
    for (const client of clients) client.close();
  }
});

test("nobody who is logged in is offered anything", async () => {
  assert.equal(await factors.offerPasskeys(await signedIn()), null);
  assert.deepEqual([api.seen, browser.asked], [[], []]);
});

test("a passkey that is refused is told, and offered again", async () => {
  api.next("auth/login/passkey", refuse("invalid_code"));
  const { client, offered, failures } = offer();
  (await ceremony(1)).answer();
  await eventually(() => failures.length === 1);
  assert.deepEqual([failures[0].error, client.user], ["invalid_code", null]);
  browser.happens("focus");
  (await ceremony(2)).answer();
  assert.deepEqual(await offered, USER);
});

test("an offer that the user has closed is made again, and that is no failure to be told", async () => {
  const { failures } = offer();
  (await ceremony(1)).fail("NotAllowedError");
  await ceremony(2);
  assert.deepEqual(failures, []);
});

test("an offer without a network is told, and made as soon as there is one", async () => {
  api.next(OPTIONS, drop);
  const { failures } = offer();
  await eventually(() => failures.length === 1);
  assert.ok(failures[0] instanceof NetworkError);
  browser.happens("online");
  await ceremony(1);
});

test("an offer that fails at once each time is made more and more seldom", async () => {
  const PAUSES = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000];
  const pauses = [];
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = (task, pause, ...rest) => {
    if (!PAUSES.includes(pause)) return real(task, pause, ...rest);
    pauses.push(pause);
    return real(task, 0, ...rest);
  };
  try {
    offer();
    for (const nth of PAUSES.keys()) (await ceremony(nth + 1)).fail("UnknownError");
    await eventually(() => pauses.length === PAUSES.length);
  } finally {
    globalThis.setTimeout = real;
  }
  assert.deepEqual(pauses, PAUSES);
});

for (const [error, reason] of [["SecurityError", "address"], ["NotSupportedError", "unsupported"]]) {
  test(`an offer that can never be made ends with an error that says so: ${reason}`, async () => {
    const { offered, failures } = offer();
    (await ceremony(1)).fail(error);
    await assert.rejects(offered, { name: "PasskeyError", reason });
    assert.deepEqual([failures, browser.asked.length], [[], 1]);
  });
}

test("an offer ends when its caller says so, at whatever it is", async () => {
  await assert.rejects(factors.offerPasskeys(newClient(), { signal: AbortSignal.abort() }), { name: "AbortError" });
  const { offered } = offer();
  await ceremony(1);
  stop.abort(new Error("no more"));
  await assert.rejects(offered, { message: "no more" });
  await eventually(() => browser.ongoing.length === 0);
  stop = new AbortController();
  browser.hide(true);
  const waiting = offer().offered;
  stop.abort(new Error("no more"));
  await assert.rejects(waiting, { message: "no more" });
});

test("a later offer takes the place of the one before", async () => {
  const first = offer();
  await ceremony(1);
  const second = offer();
  assert.equal(await first.offered, null);
  (await ceremony(2)).answer();
  assert.deepEqual(await second.offered, USER);
  assert.equal(first.client.user, null);
});

test("an offer works without options", async () => {
  const client = newClient();
  const offered = factors.offerPasskeys(client);
  api.next("auth/login/passkey", refuse("invalid_code"));
  (await ceremony(1)).answer();
  await eventually(() => api.count("auth/login/passkey") === 1);
  await eventually(() => browser.ongoing.length === 0);
  browser.happens("focus");
  (await ceremony(2)).answer();
  assert.deepEqual(await offered, USER);
});

/** Log in with an access token that says when it was issued and when the user has authenticated. */
async function signedInAt(claims, options) {
  const payload = Buffer.from(JSON.stringify({ sub: "é?>", ...claims })).toString("base64url");
  const token = `e30.${payload}.sig`;
  api.good = new Set([token]);
  api.next("auth/login", answer(200, { access_token: token, expires_in: 600, refresh_token: "r1", user: USER }));
  const client = newClient(options);
  const login = client.login("kim", PASSWORD);
  await login;
  api.good = new Set([token]);
  api.seen.length = 0;
  return client;
}
const JUST_NOW = { iat: 1000, auth_time: 1000 };

test("a user who has just logged in gets a passkey without a question, where the browser does that", async () => {
  const client = await signedInAt(JUST_NOW);
  const upgraded = factors.upgradeToPasskey(client);
  const asked = await ceremony(1);
  assert.deepEqual([asked.method, asked.mediation], ["create", "conditional"]);
  asked.answer();
  assert.deepEqual(await upgraded, PASSKEY);
  assert.deepEqual(sent()[1], ["POST", "auth/passkeys", { challenge: "k1", credential: ATTESTATION }]);
});

test("nobody is asked for a password so that a passkey can be made without a question", async () => {
  const askPassword = () => assert.fail("asked");
  for (const claims of [{ iat: 2000, auth_time: 1000 }, { iat: 1000 }]) {
    assert.equal(await factors.upgradeToPasskey(await signedInAt(claims, { askPassword })), null);
  }
  assert.equal(await factors.upgradeToPasskey(await signedIn({ askPassword })), null);
  assert.equal(await factors.upgradeToPasskey(newClient({ askPassword })), null);
  assert.deepEqual([api.seen, browser.asked], [[], []]);
});

test("where the browser makes no passkeys without a question, the API is not asked", async () => {
  const client = await signedInAt(JUST_NOW);
  const ways = [async () => ({ conditionalCreate: false }), async () => ({}), () => Promise.reject(new Error("no")), undefined];
  for (const way of ways) {
    browser.PublicKeyCredential.getClientCapabilities = way;
    assert.equal(await factors.upgradeToPasskey(client), null);
  }
  browser.open("http://127.0.0.1/");
  assert.equal(await factors.upgradeToPasskey(client), null);
  assert.deepEqual([api.seen, browser.asked], [[], []]);
});

test("a passkey without a question that comes to nothing is nobody's trouble", async () => {
  const client = await signedInAt(JUST_NOW);
  const refusal = factors.upgradeToPasskey(client);
  (await ceremony(1)).fail("NotAllowedError");
  assert.equal(await refusal, null);
  api.next("auth/passkeys", refuse("conflict", 409));
  const conflict = factors.upgradeToPasskey(client);
  (await ceremony(2)).answer();
  assert.equal(await conflict, null);
  api.next("auth/passkeys/options", drop);
  assert.equal(await factors.upgradeToPasskey(client), null);
  assert.equal(await factors.upgradeToPasskey(client, { signal: AbortSignal.abort() }), null);
});

const LATER = [
  ["a new passkey", (client) => factors.addPasskey(client), "create"],
  ["a proof", (client) => factors.proveWithPasskey(client), "get"],
];

for (const [which, begin, method] of LATER) {
  test(`a passkey that a browser is slow to make without a question makes way for ${which}`, async () => {
    const client = await signedInAt(JUST_NOW);
    const upgraded = factors.upgradeToPasskey(client);
    await ceremony(1);
    const done = begin(client);
    const asked = await ceremony(2);
    assert.deepEqual([asked.method, asked.mediation, browser.asked[0].isOver], [method, undefined, true]);
    assert.equal(await upgraded, null);
    asked.answer();
    await done;
  });
}

test("a passkey without a question is not made over a prompt", async () => {
  const client = await signedInAt(JUST_NOW);
  const proof = factors.proveWithPasskey(client);
  const asked = await ceremony(1);
  assert.equal(await factors.upgradeToPasskey(client), null);
  assert.equal(browser.asked.length, 1);
  asked.answer();
  await proof;
});

test("a passkey without a question ends with the session, with a removal, with its time and with its caller", async () => {
  const ends = [
    (client) => client.logout(),
    (client) => factors.removePasskey(client, "AQIDBA"),
    () => stop.abort(),
    () => {},
  ];
  for (const [index, end] of ends.entries()) {
    const client = await signedInAt(JUST_NOW);
    if (index === 3) {
      const { publicKey } = (await client.json("POST", "auth/passkeys/options", {}));
      api.next("auth/passkeys/options", answer(200, { challenge: "k1", publicKey: { ...publicKey, timeout: 20 } }));
      stop = new AbortController();
    }
    const upgraded = factors.upgradeToPasskey(client, { signal: stop.signal });
    await ceremony(index + 1);
    await end(client);
    assert.equal(await upgraded, null);
    assert.equal(browser.ongoing.length, 0);
  }
});

test("an offer after a log-out finds the browser free", async () => {
  const client = await signedInAt(JUST_NOW);
  const upgraded = factors.upgradeToPasskey(client);
  await ceremony(1);
  client.logout();
  const { failures } = offer(client);
  assert.equal((await ceremony(2)).mediation, "conditional");
  assert.deepEqual([await upgraded, failures], [null, []]);
});

test("a passkey that the browser has made is added, whatever is asked for meanwhile", async () => {
  const client = await signedInAt(JUST_NOW);
  let give;
  api.next("auth/passkeys", async (_, send) => {
    await new Promise((resolve) => (give = resolve));
    send();
  });
  const upgraded = factors.upgradeToPasskey(client);
  (await ceremony(1)).answer();
  await eventually(() => give);
  const proof = factors.proveWithPasskey(client);
  (await ceremony(2)).answer();
  await proof;
  await factors.signalPasskeys(client);
  assert.deepEqual(browser.signals, []);
  give();
  assert.deepEqual(await upgraded, PASSKEY);
});

test("a credential as new browsers hand it out is posted as it says of itself", async () => {
  const given = factors.answerWithPasskey({ challenge: "AQID" });
  (await ceremony(1)).answer(credentialOf("get"));
  assert.equal(await given, ASSERTION);
});
