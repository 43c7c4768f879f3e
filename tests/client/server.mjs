// A small API on a socket of its own: enough of the contract to hold a session, and faults on command.

import { once } from "node:events";
import { createServer } from "node:http";

export const USER = { id: "u1", username: "kim", roles: ["user"], created_at: "2026-01-01T00:00:00Z", disabled: false };

export const PASSKEY = { id: "AQIDBA", label: "Laptop", created_at: "2026-01-02T00:00:00Z", last_used_at: null, backed_up: true };
export const FACTORS = { password: true, totp: { added_at: "2026-01-03T00:00:00Z" }, recovery_codes_left: 9, passkeys: [PASSKEY] };
export const CODES = ["aaaa-bbbb", "cccc-dddd"];
const PUBLIC_KEY = { challenge: "-_8AAQ", rpId: "localhost", timeout: 300_000, userVerification: "required" };
const NEW_KEY = {
  rp: { id: "localhost", name: "Lychgate" },
  user: { id: "dTE", name: "kim", displayName: "kim" },
  challenge: "-_8AAg",
  pubKeyCredParams: [{ type: "public-key", alg: -7 }],
  timeout: 300_000,
  excludeCredentials: [{ type: "public-key", id: "AQIDBA", transports: ["internal"] }],
};
const TOTP = { secret: "GEZDGNBV", uri: "otpauth://totp/kim?secret=GEZDGNBV", pending: "p1", expires_in: 600 };

/** What the routes of factors and passkeys answer to a session. */
const OF_FACTORS = {
  "GET auth/factors": [200, FACTORS],
  "POST auth/totp": [200, TOTP],
  "POST auth/totp/confirm": [200, { recovery_codes: CODES }],
  "DELETE auth/totp": [204],
  "POST auth/recovery-codes": [200, { recovery_codes: CODES }],
  "POST auth/passkeys/options": [200, { challenge: "k1", publicKey: NEW_KEY }],
  "POST auth/passkeys": [201, { passkey: PASSKEY }],
  "PATCH auth/passkeys/AQIDBA": [200, { passkey: { ...PASSKEY, label: "Phone" } }],
  "DELETE auth/passkeys/AQIDBA": [204],
};

export class Api {
  /** Requests in the order of their arrival: method, path, headers, body. */
  seen = [];
  /** Access tokens that are good. */
  good = new Set();
  lifetime = 600;
  user = USER;
  /** What a passkey is to answer. */
  publicKey = PUBLIC_KEY;
  #challenges = 0;
  #issued = 0;
  #faults = [];
  #server = createServer((request, response) => this.#answer(request, response));

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Let the next request for a path be answered by `fault(response, send)`; `send()` gives the normal answer. */
  next(path, fault) {
    this.#faults.push({ path, fault });
  }

  /** Count the requests for a path. */
  count(path) {
    return this.seen.filter((request) => request.path === path).length;
  }

  async #answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const path = request.url.replace(/^\/api\//, "");
    const seen = { method: request.method, path, headers: request.headers, body: text };
    this.seen.push(seen);
    const fault = this.#faults.findIndex((candidate) => candidate.path === path);
    const send = () => this.#normally(seen, response);
    if (fault < 0) send();
    else this.#faults.splice(fault, 1)[0].fault(response, send);
  }

  #normally({ method, path, headers, body }, response) {
    if (/^auth\/(login|register|login\/second-factor|login\/passkey)$/.test(path)) return json(response, 200, this.#tokens());
    if (path === "auth/login/passkey/options") {
      this.#challenges += 1;
      return json(response, 200, { challenge: `c${this.#challenges}`, publicKey: this.publicKey });
    }
    if (path === "auth/logout") return response.writeHead(204).end();
    if (path === "auth/refresh") {
      const known = JSON.parse(body).refresh_token === `r${this.#issued}`;
      return known ? json(response, 200, this.#tokens()) : json(response, 401, { error: "invalid_grant" });
    }
    const token = headers.authorization?.replace("Bearer ", "");
    if (!this.good.has(token)) return json(response, 401, { error: "invalid_token" });
    if (path === "auth/reauthenticate") return json(response, 200, this.#confirmed());
    const [status, answer] = OF_FACTORS[`${method} ${path}`] ?? [200, { path, token, body, sessions: [] }];
    return answer ? json(response, status, answer) : response.writeHead(status).end();
  }

  /** A new access token for the session, which keeps its refresh token. */
  #confirmed() {
    const token = `c${this.seen.length}`;
    this.good = new Set([token]);
    return { access_token: token, token_type: "Bearer", expires_in: this.lifetime, user: this.user };
  }

  #tokens() {
    this.#issued += 1;
    this.good = new Set([`a${this.#issued}`]);
    return {
      access_token: `a${this.#issued}`,
      token_type: "Bearer",
      expires_in: this.lifetime,
      refresh_token: `r${this.#issued}`,
      refresh_expires_in: 1000,
      user: this.user,
    };
  }
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}
