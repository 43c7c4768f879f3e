/**
 * An API that is in the page: it answers below `api/NAME/` as Lychgate does, and keeps nothing. No request of it leaves the
 * browser, so the gallery works offline. What its name says is what the client finds.
 */

const ROOT = new URL("api/", location.href);
const USER = {
  id: "alice",
  username: "alice",
  roles: ["user"],
  created_at: "2026-03-01T08:00:00Z",
  disabled: false,
  email: "alice@example.org",
  email_verified: true,
  second_factor: false,
};
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1";
const SESSION = { created_at: ago(60), last_used_at: ago(60), expires_at: ago(-14 * 24 * 60), ip: "203.0.113.7", bound: true };
const SESSIONS = [
  { ...SESSION, id: "this", user_agent: FIREFOX, current: true },
  { ...SESSION, id: "phone", user_agent: SAFARI, ip: "198.51.100.20", current: false, bound: false },
];
const EVENTS = [
  { type: "login_succeeded", at: ago(60), ip: "203.0.113.7", user_agent: FIREFOX },
  { type: "login_failed", at: ago(90), ip: "198.51.100.99", user_agent: SAFARI, count: 3 },
  { type: "password_changed", at: ago(3000), ip: "203.0.113.7", user_agent: FIREFOX },
  { type: "registered", at: "2026-03-01T08:00:00Z", ip: "203.0.113.7", user_agent: FIREFOX },
];
const PASSKEY = { id: "phone", label: "Phone", created_at: ago(5000), last_used_at: ago(600), backed_up: true };
const CODES = Array.from({ length: 10 }, (_, number) => `GATE${number}-LATCH-OAK${number}`);
const WITH_SESSION = ["loading", "failed", "logged-in", "two-factors", "mailless"];
const SECOND_STEP = { challenge: "challenge", methods: ["totp", "recovery_code"], expires_in: 300 };

/** @param {number} minutes */
function ago(minutes) {
  return new Date(Date.now() - minutes * 60_000).toISOString().replace(/\.\d+Z/, "Z");
}

/** @param {string} name */
function userOf(name) {
  if (name === "two-factors") return { ...USER, second_factor: true };
  return name === "mailless" ? { ...USER, email: null, email_verified: false } : USER;
}

/** @param {string} name */
function tokens(name) {
  return { access_token: "eyJ.in.the-page", token_type: "Bearer", expires_in: 600, refresh_expires_in: 1209600, user: userOf(name) };
}

/** @param {string} name */
function options(name) {
  const byAddress = name === "by-address";
  return {
    registration: name === "closed" ? "closed" : "open",
    identifier: byAddress ? "email" : "username",
    email: { mailless: "off", "by-address": "required" }[name] ?? "optional",
    password: { min_length: 15, max_length: 256 },
    methods: name === "mailless" ? ["password"] : ["password", "email_code"],
    second_factors: ["totp", "recovery_code"],
    dpop: true,
  };
}

/** @param {string} name */
function factors(name) {
  const has = name === "two-factors";
  return { password: true, totp: has ? { added_at: ago(5000) } : null, recovery_codes_left: has ? 9 : 0, passkeys: has ? [PASSKEY] : [] };
}

/** @param {number} status @param {string} error @param {string} detail @param {object} [more] */
function problem(status, error, detail, more = {}) {
  return [status, { type: "about:blank", title: error, status, error, detail, ...more }];
}

/** By method and path: what is answered, from the API's name and the body. @type {Record<string, (name: string, body: any) => any[]>} */
const ROUTES = {
  "POST auth/refresh": (name) =>
    WITH_SESSION.includes(name) ? [200, tokens(name)] : problem(401, "invalid_grant", "The session has ended."),
  "GET auth/options": (name) => [200, options(name)],
  "POST auth/login": (name, { username, password }) => logIn(name, username, password),
  "POST auth/login/second-factor": (name, { code }) =>
    code === "000000" ? problem(401, "invalid_code", "The code is wrong.") : [200, tokens(name)],
  "POST auth/login/code": () => [202, { challenge: "challenge", expires_in: 600 }],
  "POST auth/login/code/verify": (name) => [200, tokens(name)],
  "POST auth/register": (name) => (name === "by-address" ? [202, { expires_in: 3600 }] : [201, tokens(name)]),
  "POST auth/register/confirm": (name) => [201, tokens(name)],
  "POST auth/password/forgot": () => [202, {}],
  "POST auth/email/confirm": (name) =>
    name === "expired" ? problem(410, "link_expired", "The link is no longer good.") : [204],
  "GET me": (name) => [200, { user: userOf(name) }],
  "GET dashboard": (name) => [200, { user: userOf(name), active_sessions: 2, recent_events: EVENTS }],
  "GET auth/sessions": () => [200, { sessions: SESSIONS }],
  "GET auth/factors": (name) => [200, factors(name)],
  "POST auth/reauthenticate": (name, { password }) => (password === "wrong" ? refused() : [200, tokens(name)]),
  "PUT auth/password": (name, { current_password: password }) => (password === "wrong" ? refused() : [200, tokens(name)]),
  "PUT auth/email": () => [202, {}],
  "POST auth/email/resend": () => [202, {}],
  "POST auth/totp": () => [
    200,
    {
      secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
      uri: "otpauth://totp/Lychgate:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Lychgate",
      pending: "pending",
      expires_in: 600,
    },
  ],
  "POST auth/totp/confirm": () => [200, { recovery_codes: CODES }],
  "POST auth/recovery-codes": () => [200, { recovery_codes: CODES }],
};

function refused() {
  return problem(401, "invalid_credentials", "The username or the password is wrong.");
}

/** @param {string} name @param {string} username @param {string} password */
function logIn(name, username, password) {
  if (password === "wrong") return refused();
  if (username === "second") {
    return problem(403, "second_factor_required", "Now prove that it is you in a second way.", SECOND_STEP);
  }
  return [200, tokens(name)];
}

/** @param {string} name of an API @returns {string} its root */
export function apiOf(name) {
  return new URL(`${name}/`, ROOT).href;
}

/** Remember a session, where the API has one, as an earlier page would have done. @param {string} name */
export function prepare(name) {
  localStorage.removeItem(`lychgate ${apiOf(name)}`);
  if (WITH_SESSION.includes(name)) localStorage.setItem(`lychgate ${apiOf(name)}`, "in");
}

const fetchElsewhere = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  if (!request.url.startsWith(ROOT.href)) return fetchElsewhere(request);
  const [name, ...path] = request.url.slice(ROOT.href.length).split("?")[0].split("/");
  if (name === "loading") return new Promise(() => {});
  if (name === "failed") throw new TypeError("The API cannot be reached.");
  const body = await request.json().catch(() => ({}));
  const [status, answer] = ROUTES[`${request.method} ${path.join("/")}`]?.(name, body) ?? [204];
  const headers = { "Content-Type": status < 400 ? "application/json" : "application/problem+json" };
  return new Response(answer ? JSON.stringify(answer) : null, { status, headers });
};
