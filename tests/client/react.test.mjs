// The hook and the components for React, over the little of React that they use. tests/browser/test_frameworks.py has the whole.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, test as declare } from "node:test";

const PATIENCE_MS = 60_000;
const JS = new URL("../../static-site/js/", import.meta.url);
/** Each component is rendered once, and a store is given to who uses it. */
const REACT = `
  export const createElement = (name, attributes) => ({ name, attributes });
  export const useEffect = (run) => run();
  export const useRef = (current) => ({ current });
  export const useState = (make) => [make()];
  export const useSyncExternalStore = (subscribe, snapshot) => ({ subscribe, snapshot });
`;
const moduleOf = (source) => `data:text/javascript,${encodeURIComponent(source)}`;
const source = await readFile(new URL("react.js", JS), "utf8");
const react = await import(moduleOf(source.replace('"react"', `"${moduleOf(REACT)}"`).replaceAll('"./', `"${JS}`)));
const { restored } = await import(new URL("elements/core/clients.js", JS));

const USER = { username: "kim" };
let rounds = 0;
let client;
let api;

const test = (name, run) => declare(name, { timeout: PATIENCE_MS }, run);

/** A client whose answers are the test's. */
class Client {
  user = null;
  listeners = new Set();
  /** What the next attempts to continue a session come to. */
  restores = [];

  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async restore() {
    const result = this.restores.shift();
    if (result instanceof Error) throw result;
    return result ?? null;
  }

  happens(change) {
    for (const listener of this.listeners) listener(change);
  }
}

beforeEach(() => {
  globalThis.document = { baseURI: "http://localhost/" };
  rounds += 1;
  api = `/api${rounds}`;
  client = new Client();
  react.shareClient(client, api);
});

afterEach(() => delete globalThis.document);

/** Use the hook, and tell of each time that it would be rendered anew. */
function use() {
  const { subscribe, snapshot } = react.useSession({ api });
  const used = { renders: 0, now: snapshot };
  let wake;
  used.rendered = new Promise((resolve) => (wake = resolve));
  used.leave = subscribe(() => {
    used.renders += 1;
    wake();
  });
  return used;
}

test("a hook hears of each change, and of none after it has left", async () => {
  const stays = use();
  const leaves = use();
  await Promise.all([stays.rendered, leaves.rendered]);
  assert.deepEqual(stays.now(), { user: null, isLoading: false, error: null, client });

  leaves.leave();
  client.user = USER;
  client.happens({ type: "logged-in", why: "" });
  assert.equal(stays.now().user, USER);
  assert.deepEqual([stays.renders, leaves.renders], [2, 1]);
});

test("a failed refresh keeps the user and is told, until one goes well", async () => {
  const used = use();
  await used.rendered;
  client.user = USER;
  const error = new Error("away");
  client.happens({ type: "refresh-failed", why: "", error });
  assert.deepEqual(used.now(), { user: USER, isLoading: false, error, client });
  client.happens({ type: "refreshed", why: "" });
  assert.deepEqual(used.now(), { user: USER, isLoading: false, error: null, client });
});

test("that trying again finds no session takes the error away", async () => {
  const error = new Error("away");
  client.restores = [error];
  const used = use();
  await used.rendered;
  assert.deepEqual(used.now(), { user: null, isLoading: false, error, client });

  await restored(client);
  assert.deepEqual(used.now(), { user: null, isLoading: false, error: null, client });
  assert.equal(used.renders, 2);
});

test("an element that begins with somebody who is logged in leaves the error of a refresh", async () => {
  client.user = USER;
  const used = use();
  const error = new Error("away");
  client.happens({ type: "refresh-failed", why: "", error });
  await restored(client);
  assert.equal(used.now().error, error);
});

for (const [prop, type] of Object.entries({
  onLoggedIn: "logged-in",
  onLoggedOut: "logged-out",
  onError: "error",
  onStepUp: "step-up",
})) {
  test(`${prop} hears of lychgate:${type} while the element is there, and is no attribute`, () => {
    const heard = [];
    const { attributes } = react.SignIn({ [prop]: (event) => heard.push(event) });
    assert.deepEqual(Object.keys(attributes), ["ref"]);
    const element = new EventTarget();
    const event = new Event(`lychgate:${type}`);
    attributes.ref(element);
    element.dispatchEvent(event);
    attributes.ref(null);
    element.dispatchEvent(new Event(event.type));
    assert.deepEqual(heard, [event]);
  });
}

test("a property is the attribute of its element", () => {
  const given = { api: "/api", className: "card", signIn: "/in/", forRole: "buyer", return: true, hidden: false };
  const { name, attributes } = react.Guard(given);
  delete attributes.ref;
  assert.equal(name, "lychgate-guard");
  assert.deepEqual(attributes, { api: "/api", class: "card", "sign-in": "/in/", "for-role": "buyer", return: "" });
});

for (const [component, name] of Object.entries({
  SignIn: "lychgate-sign-in",
  Account: "lychgate-account",
  User: "lychgate-user",
  Guard: "lychgate-guard",
  MailLink: "lychgate-mail-link",
})) {
  test(`${component} is <${name}>`, () => assert.equal(react[component]({}).name, name));
}
