/**
 * The logged-in view: profile, sessions, history, password, deletion. Knows the client's methods. Inserts all data into
 * the document as text, never as markup.
 */

import { byId, dateAndTime, make, makeButton, whileBusy } from "./dom.js";
import { clearForm, passwordProblem, showTally, startForm } from "./forms.js";
import { NetworkError, SessionEnded } from "./lychgate.js";
import { describe } from "./messages.js";
import { say, warn } from "./notice.js";

const TEXTS = ["greeting-username", "profile-username", "profile-id", "profile-roles", "profile-created"];
const LISTS = ["session-list", "event-list", "sessions-summary", "history-summary"];
const EVENTS = {
  registered: "Account made",
  login_succeeded: "Logged in",
  login_failed: "Log-in failed",
  logged_out: "Logged out",
  refresh_token_reused: "Session ended: its token was used twice",
  session_revoked: "Session ended",
  password_changed: "Password changed",
  refresh_retried_elsewhere: "Session used from two places at once",
  reauthenticated: "Password confirmed",
  roles_changed: "Roles changed",
};
const ALARMING = ["login_failed", "refresh_token_reused", "refresh_retried_elsewhere"];

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */
/** @typedef {{type: string, at: string, ip: string, user_agent: string, count?: number, actor?: string}} AccountEvent */
/** @typedef {{id: string, last_used_at: string, created_at: string, ip: string, user_agent: string, current: boolean}} Session */

/** The user does not want to go on. */
class Cancelled extends Error {}

/** @type {Client} */
let client;
/** @type {{farewell: (text: string) => void}} */
let page;

/** @param {Client} theClient @param {typeof page} thePage */
export function showAccount(theClient, thePage) {
  if (!client) start(theClient, thePage);
  const { id, username, roles, created_at: createdAt } = who();
  for (const place of ["greeting-username", "profile-username"]) byId(place).textContent = username;
  byId("profile-id").textContent = id;
  byId("profile-roles").replaceChildren(...roles.map((role) => make("span", "pill", role)));
  byId("profile-created").dateTime = createdAt;
  byId("profile-created").textContent = when(createdAt);
  for (const form of [byId("password-form"), byId("delete-form")]) clearForm(form);
  byId("password-form").elements.namedItem("username").value = username;
  loadDashboard();
}

/** Remove all data of a user, before another may log in. */
export function clearAccount() {
  for (const place of [...TEXTS, ...LISTS]) byId(place).textContent = "";
  for (const form of [byId("password-form"), byId("delete-form")]) clearForm(form);
  byId("delete-form").closest("details").open = false;
  byId("end-others").hidden = true;
}

/** @returns {import("./lychgate.js").User} */
function who() {
  if (!client.user) throw new SessionEnded();
  return client.user;
}

function start(theClient, thePage) {
  client = theClient;
  page = thePage;
  const onClick = (id, task) => byId(id).addEventListener("click", () => whileBusy(byId(id), task));
  onClick("reload-dashboard", loadDashboard);
  onClick("end-others", endOthers);
  onClick("log-out-everywhere", () => trying(() => confirmed(() => client.logoutEverywhere())));
  startForm(byId("password-form"), checkPasswords, changePassword);
  startForm(byId("delete-form"), ({ password }) => (password ? {} : { password: "Enter your password." }), deleteAccount);
  byId("new-password").addEventListener("input", ({ target }) => {
    showTally(byId("new-password-tally"), target.value, who().username);
  });
}

async function loadDashboard() {
  const owner = who().id;
  for (const place of ["sessions-summary", "history-summary"]) byId(place).textContent = "Loading…";
  try {
    const [dashboard, sessions] = await Promise.all([client.json("GET", "dashboard"), client.sessions()]);
    if (client.user?.id !== owner) return;
    showSessions(sessions);
    showEvents(dashboard.recent_events);
  } catch (error) {
    if (error instanceof SessionEnded) return;
    for (const place of LISTS) byId(place).textContent = "";
    byId("sessions-summary").textContent = byId("history-summary").textContent = describe(error);
  }
}

/** @param {Session[]} sessions */
function showSessions(sessions) {
  const others = sessions.filter(({ current }) => !current);
  byId("session-list").replaceChildren(...sessions.map(sessionEntry));
  byId("sessions-summary").textContent = others.length
    ? `${sessions.length} sessions are active.`
    : "You are logged in nowhere else.";
  byId("end-others").hidden = others.length === 0;
}

/** @param {Session} session */
function sessionEntry(session) {
  const name = make("strong", "", deviceName(session.user_agent));
  name.title = session.user_agent;
  // The API says no more than the hour.
  const details = make("span", "muted", `${session.ip} · last used after ${when(session.last_used_at).replace(/:00$/, "")}`);
  details.title = `Since ${when(session.created_at)}`;
  const entry = make("li", "", make("div", "", name, details));
  if (session.current) {
    entry.append(make("span", "pill good", "This one"));
  } else {
    const button = makeButton("End", "button small", () => whileBusy(button, () => endSessions([session])));
    button.dataset.busy = "Ending…";
    button.setAttribute("aria-label", `End ${name.textContent}, ${details.textContent}`);
    entry.append(button);
  }
  return entry;
}

/** @param {AccountEvent[]} events */
function showEvents(events) {
  byId("history-summary").textContent = events.length ? "" : "Nothing has happened yet.";
  byId("event-list").replaceChildren(
    ...events.map(({ type, at, ip, user_agent: userAgent, count = 1, actor }) => {
      const what = `${EVENTS[type] ?? type}${count > 1 ? ` ${count} times that day` : ""}`;
      const name = make("strong", ALARMING.includes(type) ? "alarming" : "", what);
      const by = actor ? "by an administrator" : `${ip} · ${deviceName(userAgent)}`;
      const details = make("span", "muted", `${when(at)} · ${by}`);
      details.title = userAgent;
      return make("li", "", make("div", "", name, details));
    }),
  );
}

async function endOthers() {
  const sessions = await client.sessions().catch(() => []);
  await endSessions(sessions.filter(({ current }) => !current));
}

/** @param {Session[]} sessions */
async function endSessions(sessions) {
  const isCancelled = await trying(async () => {
    for (const { id } of sessions) {
      await confirmed(() => client.json("DELETE", `auth/sessions/${encodeURIComponent(id)}`));
    }
    say(sessions.length === 1 ? "The session has ended." : `${sessions.length} sessions have ended.`);
  });
  if (isCancelled || !client.user) return;
  await loadDashboard();
  byId("sessions-title").focus();
}

/** @param {Record<string, string>} values */
function checkPasswords({ current_password: current, new_password: next }) {
  const problem = passwordProblem(next, who().username);
  return { ...(current ? {} : { current_password: "Enter your password." }), ...(problem && { new_password: problem }) };
}

/** @param {Record<string, string>} values */
async function changePassword({ current_password: current, new_password: next }) {
  await client.changePassword(current, next);
  clearForm(byId("password-form"));
  byId("password-form").elements.namedItem("username").value = who().username;
  say("Your password is changed.");
  await loadDashboard();
}

/** @param {Record<string, string>} values */
async function deleteAccount({ password }) {
  await client.json("POST", "auth/delete-account", { password });
  page.farewell("Your account is deleted.");
  await client.logout();
}

/** Show an error of an action that has no place of its own for errors. @returns whether the user has cancelled it */
async function trying(task) {
  try {
    await task();
  } catch (error) {
    if (error instanceof Cancelled) return true;
    if (!(error instanceof SessionEnded)) warn(describe(error));
  }
  return false;
}

/** Run a task, and once more when the user has given the password, if the API wants that. */
async function confirmed(task) {
  try {
    return await task();
  } catch (error) {
    if (error.error !== "insufficient_user_authentication") throw error;
  }
  const { confirmPassword } = await import("./password-dialog.js").catch((cause) => {
    throw new NetworkError("No dialog", { cause });
  });
  if (!(await confirmPassword(client))) throw new Cancelled();
  return task();
}

/** @param {string} timestamp */
function when(timestamp) {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? timestamp : dateAndTime(date);
}

/** A client can send any user agent. @param {string} userAgent */
function deviceName(userAgent) {
  const browser = /Firefox|Edg|OPR|Chrome|Safari|curl/.exec(userAgent)?.[0];
  const system = /Windows|Android|iPhone|iPad|Mac OS|Linux/.exec(userAgent)?.[0];
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return name && system ? `${name} on ${system}` : userAgent || "Unknown device";
}
