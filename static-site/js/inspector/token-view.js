/**
 * The view of the access token: the whole of it, its contents, its remaining lifetime and its signature. Inserts all
 * data into the document as text, never as markup.
 */

import { byId } from "../by-id.js";
import { make, markPart } from "../elements/core/dom.js";
import { clockTime, lastProof, recordingFetch } from "./calls.js";
import { checkSignature, decodeJson } from "./signature.js";

const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const PARTS = ["header", "claims", "signature"];
const MEANING = {
  typ: "What it is: an access token (RFC 9068)",
  alg: "How it is signed",
  kid: "Which of the API’s keys signed it",
  iss: "Who issued it",
  sub: "Whom it is about: your user id",
  aud: "Which API it is for; any other refuses it",
  exp: "From then on it is refused",
  iat: "When it was issued",
  auth_time: "When you last proved that it is you; a refresh does not count",
  amr: "How you proved it: pwd, a password; otp, a code; mfa, more than one",
  acr: "How much that proves: aal1, one factor; aal2, two",
  jti: "This token’s own id; no two have the same",
  sid: "Your session, which stays the same through refreshes",
  preferred_username: "Your username",
  roles: "What you are to this site; the API decides what a role may do",
};
const TIMES = ["exp", "iat", "nbf", "auth_time"];
const TICK_MS = 500;
const KEYS_TIMEOUT_MS = 30_000;
/** By verdict: the look and the text of the pill, and what is said before and after the key's id. */
const SIGNATURE = {
  good: ["good", "verified here", "The key ", " is among the API’s public keys, and this page has verified the signature with it."],
  bad: ["bad", "wrong", "The key ", " is among the API’s public keys, but did not make this signature."],
  "unknown key": ["bad", "unknown key", "The key ", " is not among the API’s public keys."],
  "not here": ["", "not verified", "The key ", " is among the API’s public keys. This browser cannot verify with it here."],
  "no keys": ["", "not verified", "The key is ", ". The API’s public keys cannot be fetched now; the next new token asks again."],
};

/** @typedef {ReturnType<typeof import("../lychgate.js").createClient>} Client */

let ticker;
/** The values shown last, by table and member, to highlight what a refresh changed. */
let shown = new Map();
/** @type {{place: HTMLElement, at: number}[]} the times that are shown, in seconds by the API's clock */
let times = [];
/** @type {import("./signature.js").Jwk[]} the API's public keys, as fetched last */
let keys = [];

/** @param {Client} client */
export function showToken(client) {
  const { accessToken, lifetime } = /** @type {import("../lychgate.js").Token} */ (client.token);
  const segments = accessToken.split(".");
  const [header, claims] = segments.slice(0, 2).map(decodeJson);
  byId("token-raw").replaceChildren(
    ...segments.flatMap((segment, index) => [...(index ? ["."] : []), make("span", PARTS[index], segment)]),
  );
  show(header, claims);
  showKeyOf(client, accessToken);
  byId("token-progress").max = lifetime;
  clearInterval(ticker);
  const tick = () => showTime(Math.max(0, client.token?.secondsLeft ?? 0), claims.exp);
  ticker = setInterval(tick, TICK_MS);
  tick();
  showSignature(client, accessToken);
}

/** Clear the token that is shown, for example because another user may log in next. */
export function clearToken() {
  clearInterval(ticker);
  show({}, {});
  byId("proof").hidden = true;
  byId("proof-members").replaceChildren();
  shown = new Map();
  byId("token-raw").replaceChildren();
  for (const place of ["token-expiry", "signature-text", "key-text"]) byId(place).textContent = "";
}

function show(header, claims) {
  const values = new Map();
  times = [];
  fill(byId("token-header"), header, MEANING, values);
  fill(byId("token-claims"), claims, MEANING, values);
  shown = values;
}

/** @param {number} seconds that are left @param {number} expiry in seconds by the API's clock, which the client knows */
function showTime(seconds, expiry) {
  const whole = Math.ceil(seconds);
  const minutes = String(Math.floor(whole / 60)).padStart(2, "0");
  const digits = byId("token-countdown");
  const until = clockTime(new Date(expiry * 1000));
  digits.textContent = `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  markPart(digits, "low", whole <= 30);
  byId("token-progress").value = seconds;
  byId("token-expiry").textContent = whole ? `left, until ${until}` : `expired at ${until}`;
  for (const { place, at } of times) place.textContent = relative(Math.round(at - expiry + seconds));
}

/** @param {number} seconds from now */
function relative(seconds) {
  const size = Math.abs(seconds);
  const units = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([unit]) => size >= Number(unit));
  if (first < 0) return "now";
  const [[unit, name], smaller] = [units[first], units[first + 1]];
  const rest = smaller ? Math.floor((size % Number(unit)) / Number(smaller[0])) : 0;
  const text = `${Math.floor(size / Number(unit))} ${name}${smaller && rest ? ` ${rest} ${smaller[1]}` : ""}`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

function fill(list, members, meaning, values) {
  const rows = Object.entries(members).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const key = `${list.id}.${name}`;
    values.set(key, text);
    const isChanged = shown.size > 0 && shown.get(key) !== text;
    const term = make("dt", "", make("code", "", name));
    if (isChanged) term.append(" ", make("span", "pill new", "new"));
    const content = make("dd", "", make("code", "", text));
    if (TIMES.includes(name) && Number.isFinite(value)) content.append(timeOf(value));
    if (name in meaning) content.append(make("span", "meaning", meaning[name]));
    return make("div", isChanged ? "changed" : "", term, content);
  });
  list.replaceChildren(...rows);
}

/** @param {number} at in seconds */
function timeOf(at) {
  const date = new Date(at * 1000);
  const place = make("strong");
  times.push({ place, at });
  const time = make("time", "", place, momentFormat.format(date));
  time.dateTime = date.toISOString();
  return time;
}

/** Show what the session is bound to, with what only a session needs. @param {Client} client @param {string} token */
async function showKeyOf(client, token) {
  const view = await import("./key-view.js").catch(() => null);
  // Another token may be shown by now, or none.
  if (client.token?.accessToken !== token) return;
  view?.showKey(client, lastProof(), (list, members, meaning) => fill(list, members, meaning, shown));
}

/** @param {Client} client @param {string} token */
async function showSignature(client, token) {
  const pill = byId("signature-pill");
  const text = byId("signature-text");
  pill.dataset.part = "pill";
  pill.textContent = "…";
  text.textContent = "Looking for its key among the API’s public keys…";
  const [kind, word, before, after] = SIGNATURE[await verdictOn(token)];
  // Another token may be shown by now, or none.
  if (client.token?.accessToken !== token) return;
  pill.dataset.part = `pill ${kind}`;
  pill.textContent = word;
  text.replaceChildren(before, make("code", "", decodeJson(token.split(".")[0]).kid ?? ""), after);
}

/** @param {string} token @returns {Promise<keyof typeof SIGNATURE>} */
async function verdictOn(token) {
  const verdict = await checkSignature(token, keys);
  if (verdict !== "unknown key") return verdict;
  try {
    const signal = AbortSignal.timeout(KEYS_TIMEOUT_MS);
    const answer = await recordingFetch(new Request(byId("jwks-link").href, { signal, credentials: "omit" }));
    if (!answer.ok) return "no keys";
    keys = [...(await answer.json()).keys];
    return await checkSignature(token, keys);
  } catch {
    return "no keys";
  }
}
