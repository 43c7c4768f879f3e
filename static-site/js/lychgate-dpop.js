/**
 * Proves that the requests of a session come from the browser that it began in, by DPoP (RFC 9449): docs/browser-client.md
 *
 * lychgate.js loads it once there is something to prove, and may be older than this file: what it calls stays. No script can
 * read the private part of the key, this one neither.
 */

/**
 * Where a client keeps its key.
 *
 * @typedef {object} KeyPlace
 * @property {string} mode "memory" keeps it with the page; tabs share one, and those of the mode "session" another one
 * @property {string} name of the database
 * @property {boolean} isBound whether a session, or its log-out, needs the key
 * @property {Key} [key] in the mode "memory"
 */
/** @typedef {{privateKey: CryptoKey, jwk: {kty?: string, crv?: string, x?: string, y?: string}}} Key */

/** The database has one object store, with an entry for the mode "session" and one for all others. */
const KEYS = "keys";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** How far the API's clock is ahead of this machine's, as far as that is wrong. */
let lead = 0;

/**
 * Send a request with a proof. Once more if the API refuses that: its answer tells the time.
 *
 * A request that begins a session, and cannot have a key, goes without one, and so does one whose proofs the API does not
 * take, which may know itself by another address than this page does. So does a log-out whose key is gone. A
 * refresh whose key is gone is not sent: the API could only refuse it, and its user would see an attack. The session is
 * over then, and so it is after three refreshes for whose device the API has asked.
 *
 * @param {Request} request
 * @param {(request: Request) => Promise<Response>} fetch
 * @param {KeyPlace} place
 * @param {boolean} [begins] whether the request begins a session, for which a key may be made
 * @returns {Promise<Response>}
 */
export async function fetchProven(request, fetch, place, begins) {
  const { signal } = request;
  for (let refusals = 0; ; refusals += 1) {
    request.headers.delete("DPoP");
    const mayHelp = refusals < (begins ? 2 : 3);
    const proven =
      mayHelp &&
      (await prove(request, place, begins).catch((error) => {
        if (!begins) throw error;
      }));
    if (!proven) {
      if (!/refresh$/.test(request.url)) return fetch(request);
      place.isBound = false;
      return Response.json({ error: "invalid_grant", why: "key lost" }, { status: 401 });
    }
    // Node forgets the signal of a request that nobody holds.
    const response = await fetch((/** @type {any} */ (request).sent = new Request(request.clone(), { signal })));
    // The cookie has come, whatever becomes of the body.
    if (begins && response.ok) place.isBound = true;
    const error = (await response.clone().json().catch(() => {}))?.error;
    if (error === "not_on_device") {
      // The request may have been under way while the browser bound the session.
      const PAUSE_MS = 1_000;
      await new Promise((resolve) => setTimeout(resolve, (2 - refusals) * PAUSE_MS));
    } else if (error === "invalid_dpop_proof" && (begins || !refusals)) {
      // The proof may be late, by a minute. Clocks that differ by less than this are right: proofs are to be in order.
      const TOLERANCE_MS = 50_000;
      const ahead = Date.parse(/** @type {any} */ (response.headers.get("Date"))) - Date.now();
      if (Math.abs(ahead - lead) > TOLERANCE_MS) lead = ahead;
    } else {
      // The key of a session that is over. In the mode "session" other tabs may have sessions of the same key.
      if (response.ok && /logout$/.test(request.url)) {
        place.isBound = false;
        delete place.key;
        if (/cookie|local/.test(place.mode)) await inDatabase(place, signal, "delete").catch(() => {});
      }
      return response;
    }
  }
}

/**
 * Give a request a new proof.
 *
 * @param {Request} request
 * @param {KeyPlace} place
 * @param {boolean | undefined} makes whether to make a key if there is none that signs
 * @returns {Promise<Request | void>} nothing if there is no key
 */
async function prove(request, place, makes) {
  // Whoever logs in waits no longer than this for the browser's storage.
  const PATIENCE_MS = 2_000;
  const signal = makes ? AbortSignal.timeout(PATIENCE_MS) : request.signal;
  const isKept = place.mode !== "memory";
  // Without a storage that takes the mark of a key no other tab would know that the session, which it shares, needs one.
  if (isKept && makes) {
    localStorage[place.name + KEYS] = "bound";
    delete localStorage[place.name + KEYS];
  }
  const found = isKept ? await inDatabase(place, signal, "get") : place.key;
  const proven = await sign(request, found).catch((error) => {
    // All others pass.
    if (!makes && !/Type|Access/.test(error.name)) throw error;
  });
  if (proven || !makes) return proven;
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const key = { ...pair, jwk: { kty, crv, x, y } };
  if (isKept) await inDatabase(place, signal, "put", key);
  else place.key = key;
  return sign(request, key);
}

/**
 * Throws what tells of the key, TypeError or InvalidAccessError, if it is none that signs.
 *
 * @param {Request} request
 * @param {Key} key
 */
async function sign(request, { privateKey, jwk }) {
  if (!jwk.y) throw new TypeError();
  const header = { typ: "dpop+jwt", alg: "ES256", jwk };
  const claims = {
    jti: crypto.randomUUID(),
    htm: request.method,
    htu: request.url.split(/[?#]/)[0],
    iat: Math.floor((Date.now() + lead) / 1000),
  };
  const input = encode(JSON.stringify(header)) + "." + encode(JSON.stringify(claims));
  const signature = await crypto.subtle.sign(ALGORITHM, privateKey, new TextEncoder().encode(input));
  request.headers.set("DPoP", input + "." + encode(String.fromCharCode(...new Uint8Array(signature))));
  return request;
}

/** Base64url. @param {string} text whose characters are octets */
function encode(text) {
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/**
 * Do one thing with the kept keys. The database is open for no longer, so that it stands in nobody's way.
 *
 * @param {KeyPlace} place
 * @param {AbortSignal} signal ends the wait
 * @param {"get" | "put" | "delete"} method of the object store
 * @param {...Key} value what to put
 * @returns {Promise<any>}
 */
function inDatabase({ name, mode }, signal, method, ...value) {
  return new Promise((resolve, reject) => {
    const fail = ({ target }) => reject(target.error ?? target.reason);
    signal.throwIfAborted();
    signal.onabort = fail;
    const opening = indexedDB.open(name);
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
    opening.onerror = fail;
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(KEYS, "readwrite");
      const asked = /** @type {any} */ (transaction.objectStore(KEYS))[method](...value, mode.replace(/cookie|local/, "key"));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = fail;
      // Once the transaction is over.
      opening.result.close();
    };
  });
}
