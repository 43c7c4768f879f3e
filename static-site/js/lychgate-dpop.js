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
 * @property {string} mode "memory" keeps it with the page; the tabs of all other modes share one
 * @property {string} name of the database
 * @property {boolean} isBound whether a session, or its log-out, needs the key
 */
/** @typedef {{privateKey: CryptoKey, jwk: {kty?: string, crv?: string, x?: string, y?: string}}} Key */

/** The database has one object store, and that one entry. */
const KEYS = "keys";
const KEY = "key";
/** A proof that is refused may be late, by a minute. Clocks that differ by less than this are right: proofs are to be in order. */
const TOLERANCE_MS = 50_000;
/** How far the API's clock is ahead of this machine's, as far as that is wrong. */
let lead = 0;
/** @type {WeakMap<KeyPlace, Key>} */
const inMemory = new WeakMap();

/**
 * Send a request with a proof. Once more if the API refuses that: its answer tells the time.
 *
 * A request that begins a session, and cannot have a key, goes without one, and so does one whose proofs the API does not
 * take, which may know itself by another address than this page does. So does a log-out whose key is gone. A
 * refresh whose key is gone is not sent: the API could only refuse it, and its user would see an attack.
 *
 * @param {Request} request
 * @param {(request: Request) => Promise<Response>} fetch
 * @param {KeyPlace} place
 * @param {boolean} [begins] whether the request begins a session, for which a key may be made
 * @returns {Promise<Response>}
 */
export async function fetchProven(request, fetch, place, begins) {
  const key = await findKey(place, begins, request.signal).catch((error) => {
    if (!begins) throw error;
  });
  if (!key) {
    if (!request.url.endsWith("/auth/refresh")) return fetch(request);
    place.isBound = false;
    return Response.json({ error: "invalid_grant", why: "key lost" }, { status: 401 });
  }
  const spares = [request.clone(), request.clone()];
  let response = await prove(request, key).then(fetch);
  if (await isRefused(response)) {
    correctClock(response);
    response = await prove(spares[0], key).then(fetch);
  }
  if (begins && (await isRefused(response))) {
    request.headers.delete("DPoP");
    return fetch(spares[1]);
  }
  if (response.ok && request.url.endsWith("/auth/logout")) await forgetKey(place, request.signal).catch(() => {});
  return response;
}

/** Whether the API has refused the proof. @param {Response} response */
async function isRefused(response) {
  return response.status === 400 && (await response.clone().json().catch(() => ({}))).error === "invalid_dpop_proof";
}

/** @param {Response} response */
function correctClock({ headers }) {
  const now = Date.parse(headers.get("Date") ?? "") - Date.now();
  if (Math.abs(now - lead) > TOLERANCE_MS) lead = now;
}

/**
 * Give a request a new proof.
 *
 * @param {Request} request
 * @param {Key} key
 */
async function prove(request, { privateKey, jwk }) {
  const { origin, pathname } = new URL(request.url);
  const claims = {
    jti: crypto.randomUUID(),
    htm: request.method,
    htu: origin + pathname,
    iat: Math.floor((Date.now() + lead) / 1000),
  };
  const input = [{ typ: "dpop+jwt", alg: "ES256", jwk }, claims].map((part) => encode(JSON.stringify(part))).join(".");
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, new TextEncoder().encode(input));
  request.headers.set("DPoP", `${input}.${encode(String.fromCharCode(...new Uint8Array(signature)))}`);
  return request;
}

/** Base64url. @param {string} text whose characters are octets */
function encode(text) {
  return btoa(text).replace(/[+/=]/g, (character) => ({ "+": "-", "/": "_" })[character] ?? "");
}

/**
 * @param {KeyPlace} place
 * @param {boolean | undefined} makes whether to make one if there is none
 * @param {AbortSignal} signal
 * @returns {Promise<Key | undefined>}
 */
async function findKey(place, makes, signal) {
  const isKept = place.mode !== "memory";
  // Without a storage that takes the mark of a key no other tab would know that the session, which it shares, needs one.
  if (isKept && makes) {
    localStorage[`${place.name} room`] = "bound";
    delete localStorage[`${place.name} room`];
  }
  const found = isKept ? await inDatabase(place, signal, (keys) => keys.get(KEY)) : inMemory.get(place);
  if (found || !makes) return found;
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const key = { privateKey, jwk: { kty, crv, x, y } };
  if (isKept) await inDatabase(place, signal, (keys) => keys.put(key, KEY));
  else inMemory.set(place, key);
  return key;
}

/**
 * Let go of the key of a session that is over. In the mode "session" other tabs may have sessions of the same key.
 *
 * @param {KeyPlace} place
 * @param {AbortSignal} signal
 */
async function forgetKey(place, signal) {
  place.isBound = false;
  inMemory.delete(place);
  if (/cookie|local/.test(place.mode)) await inDatabase(place, signal, (keys) => keys.delete(KEY));
}

/**
 * Do one thing with the kept keys. The database is open for no longer, so that it stands in nobody's way.
 *
 * @param {KeyPlace} place
 * @param {AbortSignal} signal ends the wait
 * @param {(keys: IDBObjectStore) => IDBRequest} act
 * @returns {Promise<any>}
 */
async function inDatabase({ name }, signal, act) {
  const opening = indexedDB.open(name);
  opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
  const database = await new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  try {
    const transaction = database.transaction(KEYS, "readwrite");
    const asked = act(transaction.objectStore(KEYS));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    return asked.result;
  } finally {
    database.close();
  }
}
