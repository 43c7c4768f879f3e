/**
 * The view of the access token's contents and remaining lifetime. Does not verify the token: the API does. Keeps the
 * contents, not the token.
 */

import { byId, clockTime, dateAndTime, make } from "./dom.js";

const MEANING = {
  typ: "Type",
  alg: "Signed with",
  kid: "Key id",
  iss: "Issuer",
  sub: "Subject: your id",
  aud: "For whom it is",
  exp: "Expires",
  iat: "Issued",
  auth_time: "Authenticated",
  jti: "This token’s id",
  sid: "Session id",
  preferred_username: "Username",
  roles: "Roles",
};
const TIMES = ["exp", "iat", "nbf", "auth_time"];
const TICK_MS = 500;

let ticker;
/** The values shown last, by table and member, to highlight what a refresh changed. */
let shown = new Map();

/** @param {ReturnType<typeof import("./lychgate.js").createClient>} client */
export function showToken(client) {
  const { accessToken, lifetime, secondsLeft } = /** @type {import("./lychgate.js").Token} */ (client.token);
  const [header, claims] = accessToken.split(".", 2).map(decode);
  show(header, claims, lifetime, () => client.token?.secondsLeft ?? 0);
  byId("token-expiry").textContent = `left, until ${clockTime(new Date(Date.now() + secondsLeft * 1000))}`;
}

/** Clear the token that is shown, for example because another user may log in next. */
export function clearToken() {
  show({}, {}, 1, null);
  byId("token-expiry").textContent = "";
  shown = new Map();
}

function show(header, claims, lifetime, secondsLeft) {
  const values = new Map();
  fill(byId("token-header"), header, values);
  fill(byId("token-claims"), claims, values);
  shown = values;
  clearInterval(ticker);
  byId("token-progress").max = lifetime;
  const tick = () => showTimeLeft(Math.max(0, secondsLeft?.() ?? 0));
  tick();
  if (secondsLeft) ticker = setInterval(tick, TICK_MS);
}

function showTimeLeft(seconds) {
  const whole = Math.ceil(seconds);
  const minutes = String(Math.floor(whole / 60)).padStart(2, "0");
  const digits = byId("token-countdown");
  digits.textContent = `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  digits.classList.toggle("low", whole <= 30);
  byId("token-progress").value = seconds;
}

function fill(table, members, values) {
  const rows = Object.entries(members).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const key = `${table.id}.${name}`;
    values.set(key, text);
    const header = make("th", "", make("code", "", name), make("span", "meaning", MEANING[name] ?? ""));
    header.scope = "row";
    const cell = make("td", "", make("code", "", text));
    if (TIMES.includes(name) && Number.isFinite(value)) {
      cell.append(make("span", "meaning", dateAndTime(new Date(value * 1000))));
    }
    const changed = shown.size > 0 && shown.get(key) !== text;
    if (changed) cell.append(" ", make("span", "pill new", "new"));
    return make("tr", changed ? "changed" : "", header, cell);
  });
  table.replaceChildren(...rows);
}

/** @param {string} segment base64url of UTF-8 JSON (RFC 7515 section 2) */
function decode(segment) {
  try {
    const binary = atob(segment.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
  } catch {
    return {};
  }
}
