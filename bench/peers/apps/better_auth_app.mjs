// better-auth with e-mail and password, node:sqlite and the Bearer plugin, as its documentation's "Installation",
// "SQLite" and "Bearer" set it up; the hash is replaced as "Email & Password" tells. Its tokens are not JWTs: every call
// reads the session and the user. There is no refresh either: a session is prolonged when it is used and older than
// `updateAge`, here 0, so that "refresh" is a call that does so, and "protected" one that asks for it not to be done.
// Speaks as worker.py does.

import { createHash, timingSafeEqual } from "node:crypto";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";

import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { bearer } from "better-auth/plugins";

const origin = "http://127.0.0.1:3000";
const credentials = { email: "alice@example.org", password: "correct horse battery staple" };

const cheapHash = (password) => createHash("sha256").update(password).digest("hex");
const cheapVerify = ({ hash, password }) => timingSafeEqual(Buffer.from(hash), Buffer.from(cheapHash(password)));

const auth = betterAuth({
  baseURL: origin,
  secret: cheapHash("good for measuring, and for nothing else"),
  database: new DatabaseSync("database.sqlite"),
  emailAndPassword: {
    enabled: true,
    password: { hash: async (password) => cheapHash(password), verify: async (both) => cheapVerify(both) },
  },
  plugins: [bearer()],
  session: { updateAge: 0 },
  telemetry: { enabled: false },
});
await (await getMigrations(auth.options)).runMigrations();

async function call(method, path, { members, token } = {}) {
  const headers = { "content-type": "application/json", origin };
  if (token) headers.authorization = `Bearer ${token}`;
  const request = new Request(`${origin}/api/auth${path}`, { method, headers, body: members && JSON.stringify(members) });
  const response = await auth.handler(request);
  const text = await response.text();
  if (response.status !== 200 || text === "null") throw new Error(`${path} answered ${response.status}: ${text}`);
  return response;
}

const logIn = () => call("POST", "/sign-in/email", { members: credentials });
await call("POST", "/sign-up/email", { members: { ...credentials, name: "Alice" } });
const token = (await logIn()).headers.get("set-auth-token");

const operations = {
  "log-in": logIn,
  refresh: () => call("GET", "/get-session", { token }),
  protected: () => call("GET", "/get-session?disableRefresh=true", { token }),
};

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
say({ operations: Object.keys(operations) });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const started = process.hrtime.bigint();
  for (let made = 0; made < asked.calls; made += 1) await operations[asked.operation]();
  say({ seconds: Number(process.hrtime.bigint() - started) / 1e9 / asked.calls });
}
