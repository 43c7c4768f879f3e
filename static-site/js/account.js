/**
 * The signed-in view: profile, the protected call and the refresh button. Knows the client's methods, not its
 * tokens.
 */

import { clearExchange, showCallProblem, showExchange } from "./calls.js";
import { byId, clockTime, dateAndTime, make, whileBusy } from "./dom.js";
import { SessionEnded } from "./lychgate.js";
import { describe } from "./messages.js";
import { clearToken, showToken } from "./token-view.js";

const REFRESH_HINT = "Renews itself shortly before it expires.";

/** @param {ReturnType<typeof import("./lychgate.js").createClient>} client */
export function startAccount(client) {
  byId("call-me").addEventListener("click", () => whileBusy(byId("call-me"), () => callMe(client)));
  byId("refresh-now").addEventListener("click", () => whileBusy(byId("refresh-now"), () => refreshNow(client)));
}

/** @param {ReturnType<typeof import("./lychgate.js").createClient>} client */
export function showAccount(client) {
  const { id, username, roles, created_at: createdAt } = client.user;
  for (const place of ["greeting-username", "profile-username"]) byId(place).textContent = username;
  byId("profile-id").textContent = id;
  byId("profile-roles").replaceChildren(...roles.map((role) => make("span", "pill", role)));
  const created = byId("profile-created");
  const date = new Date(createdAt);
  created.dateTime = createdAt;
  created.textContent = Number.isNaN(date.getTime()) ? createdAt : dateAndTime(date);
  showToken(client.tokenInfo(), () => client.secondsLeft());
}

/** Leave nothing of one user for the next. */
export function clearAccount() {
  const places = ["greeting-username", "profile-username", "profile-id", "profile-roles", "profile-created"];
  for (const place of places) byId(place).textContent = "";
  byId("refresh-result").textContent = REFRESH_HINT;
  clearExchange();
  clearToken();
}

async function callMe(client) {
  const calls = [];
  const stop = client.onCall((call) => calls.push(call));
  try {
    const response = await client.fetch("me");
    showExchange(calls, await response.text());
  } catch (error) {
    if (!(error instanceof SessionEnded)) showCallProblem(calls, describe(error));
  } finally {
    stop();
  }
}

async function refreshNow(client) {
  const result = byId("refresh-result");
  result.textContent = "Trading the refresh cookie for new tokens…";
  try {
    await client.refresh("by hand");
    result.textContent = `New token at ${clockTime(new Date())}. What changed is marked.`;
  } catch {
    // The client's listeners tell what went wrong.
    result.textContent = client.user ? "No new token. The old one is good until it expires." : REFRESH_HINT;
  }
}
