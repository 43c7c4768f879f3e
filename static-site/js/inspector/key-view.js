/**
 * The view of the key that a session may be bound to (RFC 9449): what a copy of the refresh token is good for, and the last
 * proof. Inserts all data into the document as text, never as markup.
 */

import { byId } from "../by-id.js";
import { decodeJson } from "./signature.js";

/** The look and the text of the pill, and what is said beside it. */
const BOUND = [
  "good",
  "bound to a key",
  "Each refresh needs a proof by a key of this browser, which its scripts can use and not read. A copy of the cookie alone is good for nothing.",
];
const PLAIN = ["", "not bound", "The session is bound to no key of this browser. Whoever had a copy of the cookie could go on with it."];
/** RFC 9449 section 4.2. */
const MEANING = {
  typ: "What it is: a proof that the browser has a key",
  alg: "How it is signed",
  jwk: "The public half of the key; its hash is kept with the session",
  jti: "This proof’s own id; it is taken once",
  htm: "The method of the only request that it is for",
  htu: "The address of that request",
  iat: "When it was made; a minute later it is refused",
};

/**
 * @param {ReturnType<typeof import("../lychgate.js").createClient>} client
 * @param {string} proof that a refresh has carried last, "" for none
 * @param {(list: HTMLElement, members: Record<string, any>, meaning: Record<string, string>) => void} fill a list of members
 */
export function showKey(client, proof, fill) {
  const [kind, word, text] = client.session?.bound ? BOUND : PLAIN;
  byId("key-pill").dataset.part = `pill ${kind}`;
  byId("key-pill").textContent = word;
  byId("key-text").textContent = text;
  const [header, claims] = proof.split(".").slice(0, 2).map(decodeJson);
  fill(byId("proof-members"), { ...header, ...claims }, MEANING);
  byId("proof").hidden = !proof;
}
