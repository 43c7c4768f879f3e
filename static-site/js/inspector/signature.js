/** The check of a token's signature in the page, with WebCrypto and the API's public keys. Knows nothing of the page. */

/** How WebCrypto calls the algorithms that the API signs with (RFC 7518 section 3.1, RFC 8037 section 3.1). */
const ALGORITHMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
};
/** What of a JSON Web Key says which key it is. What it says of its use is not the same in all browsers. */
const MATERIAL = ["kty", "crv", "x", "y", "n", "e"];

/** @typedef {"good" | "bad" | "unknown key" | "not here"} Verdict "not here": this browser cannot tell */
/** @typedef {JsonWebKey & {kid?: string}} Jwk */

/**
 * Check the signature of a JWS in compact serialization (RFC 7515 section 5.2). The key says which algorithm it is for,
 * not the token (RFC 8725 section 3.1). Nothing else of the token is checked.
 *
 * @param {string} token
 * @param {Jwk[]} keys
 * @returns {Promise<Verdict>}
 */
export async function checkSignature(token, keys) {
  const [header, payload, signature] = token.split(".");
  const jwk = keys.find(({ kid }) => kid && kid === decodeJson(header).kid);
  if (!jwk) return "unknown key";
  const algorithm = ALGORITHMS[jwk.alg ?? ""];
  if (!algorithm || !globalThis.crypto?.subtle) return "not here";
  const material = Object.fromEntries(MATERIAL.filter((name) => name in jwk).map((name) => [name, jwk[name]]));
  try {
    const key = await crypto.subtle.importKey("jwk", material, algorithm, false, ["verify"]);
    const input = new TextEncoder().encode(`${header}.${payload}`);
    return (await crypto.subtle.verify(algorithm, key, decode(signature), input)) ? "good" : "bad";
  } catch {
    return "not here";
  }
}

/** @param {string} segment base64url of UTF-8 JSON (RFC 7515 section 2) @returns {Record<string, any>} {} if it is none */
export function decodeJson(segment) {
  try {
    return JSON.parse(new TextDecoder().decode(decode(segment)));
  } catch {
    return {};
  }
}

/** @param {string} segment base64url */
function decode(segment) {
  const binary = atob(segment.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
