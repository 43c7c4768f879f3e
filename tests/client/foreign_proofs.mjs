// A bound session by proofs that a library of somebody else makes: node foreign_proofs.mjs <library> <URL of the API>.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import * as dpop from "dpop";
import * as jose from "jose";
import * as oauth from "oauth4webapi";

const [library, api] = process.argv.slice(2);

/** What makes a client with a key of its own: it sends requests, each with a proof. */
const CLIENTS = {
  async dpop() {
    const pair = await dpop.generateKeyPair("ES256", { extractable: false });
    return async (method, url, headers, body) => {
      const token = headers.Authorization?.split(" ")[1];
      const proof = await dpop.generateProof(pair, url, method, undefined, token);
      return fetch(url, { method, body, headers: { ...headers, DPoP: proof } });
    };
  },

  /** It sends an access token with each request, by the scheme of RFC 9449, whether or not there is one. */
  async oauth4webapi() {
    const pair = await oauth.generateKeyPair("ES256");
    const handle = oauth.DPoP({ client_id: "anybody" }, pair);
    return async (method, url, headers, body) => {
      const options = { DPoP: handle, [oauth.allowInsecureRequests]: true };
      const { Authorization, ...others } = headers;
      // What it is for: the header is the library's, and our Bearer routes want theirs.
      if (Authorization) return fetch(url, { method, headers, body });
      try {
        return await oauth.protectedResourceRequest("none", method, new URL(url), new Headers(others), body, options);
      } catch (refused) {
        assert.ok(refused instanceof oauth.WWWAuthenticateChallengeError, refused);
        return refused.response;
      }
    };
  },

  /** Its key says of itself what RFC 7517 lets a public key say. */
  async jose() {
    const { publicKey, privateKey } = await jose.generateKeyPair("ES256");
    const jwk = { ...(await jose.exportJWK(publicKey)), alg: "ES256", use: "sig", kid: "2026-01", key_ops: ["verify"] };
    return async (method, url, headers, body) => {
      const proof = await new jose.SignJWT({ htm: method, htu: url })
        .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk })
        .setJti(randomUUID())
        .setIssuedAt()
        .sign(privateKey);
      return fetch(url, { method, body, headers: { ...headers, DPoP: proof } });
    };
  },
};

const without = (method, url, headers, body) => fetch(url, { method, headers, body });
const post = (send, path, body) =>
  send("POST", `${api}${path}`, { "Content-Type": "application/json" }, JSON.stringify(body));
const refresh = (send, token) => post(send, "/auth/refresh", { refresh_token: token });

async function answered(response, status) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return text && JSON.parse(text);
}

async function refused(response) {
  assert.equal((await answered(response, 400)).error, "invalid_dpop_proof");
}

const [client, stranger] = await Promise.all([CLIENTS[library](), CLIENTS[library]()]);
const credentials = { username: `kim.${randomUUID().slice(0, 12)}`, password: "correct horse battery staple" };

await answered(await post(without, "/auth/register", credentials), 201);
const begun = await answered(await post(client, "/auth/login", credentials), 200);
const first = await answered(await refresh(client, begun.refresh_token), 200);
assert.equal(first.token_type, "Bearer");

await refused(await refresh(without, first.refresh_token));
await refused(await refresh(stranger, first.refresh_token));

const second = await answered(await refresh(client, first.refresh_token), 200);
const again = await answered(await refresh(client, first.refresh_token), 200);
assert.equal(again.refresh_token, second.refresh_token);

const authorization = { Authorization: `Bearer ${second.access_token}` };
const { sessions } = await answered(await client("GET", `${api}/auth/sessions`, authorization), 200);
assert.deepEqual(sessions.map((session) => [session.current, session.bound]).sort(), [[false, false], [true, true]]);
const { recent_events: events } = await answered(await client("GET", `${api}/dashboard`, authorization), 200);
assert.deepEqual(events.map((event) => event.type), ["refresh_without_key", "login_succeeded", "registered"]);

// Whoever has not the key ends nothing.
await answered(await post(without, "/auth/logout", { refresh_token: second.refresh_token }), 204);
const third = await answered(await refresh(client, second.refresh_token), 200);
await answered(await post(client, "/auth/logout", { refresh_token: third.refresh_token }), 204);
assert.equal((await answered(await refresh(client, third.refresh_token), 401)).error, "invalid_grant");
