// A small API on a socket of its own: enough of the contract to hold a session, and faults on command.

import { once } from "node:events";
import { createServer } from "node:http";

export const USER = { id: "u1", username: "kim", roles: ["user"], created_at: "2026-01-01T00:00:00Z", disabled: false };

export class Api {
  /** Requests in the order of their arrival: method, path, headers, body. */
  seen = [];
  /** Access tokens that are good. */
  good = new Set();
  lifetime = 600;
  user = USER;
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

  #normally({ path, headers, body }, response) {
    if (/^auth\/(login|register)$/.test(path)) return json(response, 200, this.#tokens());
    if (path === "auth/logout") return response.writeHead(204).end();
    if (path === "auth/refresh") {
      const known = JSON.parse(body).refresh_token === `r${this.#issued}`;
      return known ? json(response, 200, this.#tokens()) : json(response, 401, { error: "invalid_grant" });
    }
    const token = headers.authorization?.replace("Bearer ", "");
    if (!this.good.has(token)) return json(response, 401, { error: "invalid_token" });
    return json(response, 200, { path, token, body, sessions: [] });
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
