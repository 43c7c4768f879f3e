/**
 * The access token's contents and the time it has left, as the page shows them. Gets both from functions and never
 * sees the token itself.
 */

import { byId, clockTime, make, moment } from "./dom.js";

const MEANING = {
  typ: "Type",
  alg: "Signed with",
  kid: "Key id",
  iss: "Issuer",
  sub: "Subject: your id",
  aud: "For whom it is",
  exp: "Expires",
  iat: "Issued",
  jti: "This token’s id",
  sid: "Session id",
  preferred_username: "Username",
  roles: "Roles",
};
const TIMES = ["exp", "iat", "nbf", "auth_time"];
const TICK_MS = 500;

let ticker;
/** Values shown last, by table and member, so that a refresh shows what it changed. */
let shown = new Map();

/**
 * @param {import("./lychgate.js").TokenInfo | null} info
 * @param {() => number} secondsLeft
 */
export function showToken(info, secondsLeft) {
  const values = new Map();
  fill(byId("token-header"), info?.header ?? {}, values);
  fill(byId("token-claims"), info?.claims ?? {}, values);
  shown = values;
  clearInterval(ticker);
  byId("token-progress").max = info?.lifetime ?? 1;
  byId("token-expiry").textContent = info ? `left, until ${clockTime(info.expiresAt)}` : "";
  const tick = () => showTimeLeft(info ? secondsLeft() : 0);
  tick();
  if (info) ticker = setInterval(tick, TICK_MS);
}

/** Forget the token shown, for instance because somebody else may sign in next. */
export function clearToken() {
  showToken(null, () => 0);
  shown = new Map();
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
      cell.append(make("span", "meaning", moment(new Date(value * 1000))));
    }
    const changed = shown.size > 0 && shown.get(key) !== text;
    if (changed) cell.append(" ", make("span", "pill new", "new"));
    return make("tr", changed ? "changed" : "", header, cell);
  });
  table.replaceChildren(...rows);
}
