/**
 * Looking into a JSON Web Token, to show it. Verifies nothing: whether a token is good is for the API to say, and
 * nothing may be decided by what these functions return. Keeps no token.
 */

/**
 * @param {string} token a JWS in compact serialization (RFC 7515 section 3.1)
 * @returns {{header: Record<string, any>, claims: Record<string, any>} | null} null if it cannot be read
 */
export function peek(token) {
  try {
    const [header, claims] = token.split(".");
    return { header: decodeSegment(header), claims: decodeSegment(claims) };
  } catch {
    return null;
  }
}

/**
 * The token's first and last characters: enough to tell two tokens apart, of no use to anybody else.
 *
 * @param {string} token
 */
export function mask(token) {
  return token.length < 40 ? "…" : `${token.slice(0, 8)}…${token.slice(-4)}`;
}

/** @param {string} segment */
function decodeSegment(segment) {
  const binary = atob(segment.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}
