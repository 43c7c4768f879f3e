/** The account's history: what happened, when, and from where. The texts are those of the page: the API tells types. */

import { device, deviceName } from "./devices.js";
import { byId, make } from "./dom.js";
import { loader, showSome } from "./loading.js";
import { moment } from "./moments.js";
import { addPart, listParts, loadButton, moreButton } from "./parts.js";

const FEW = 6;
const EVENTS = {
  registered: "Account made",
  login_succeeded: "Logged in",
  login_failed: "Log-in failed",
  logged_out: "Logged out",
  refresh_token_reused: "Session ended for safety: somebody used a copy of it",
  session_revoked: "Session ended",
  password_changed: "Password changed",
  refresh_retried_elsewhere: "Session used from two places at once",
  reauthenticated: "Confirmed that it was you",
  roles_changed: "Roles changed",
  email_verified: "E-mail address confirmed",
  email_changed: "E-mail address changed",
  password_reset: "New password chosen by a link",
  second_factor_added: "Second factor added",
  second_factor_removed: "Second factor removed",
  second_factor_failed: "Second factor wrong, after the right password",
  recovery_code_used: "Logged in with a recovery code",
  passkey_added: "Passkey added",
  passkey_removed: "Passkey removed",
  account_disabled: "Account disabled",
  account_enabled: "Account enabled",
  password_link_made: "Link for a new password made",
  account_deleted: "Account deleted",
};
const ALARMING = ["login_failed", "second_factor_failed", "refresh_token_reused", "refresh_retried_elsewhere"];

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */
/** @typedef {{type: string, at: string, ip: string, user_agent: string, count?: number, actor?: string,
 *   subject?: string}} AccountEvent */

/** @param {Client} client */
export function startHistory(client) {
  addPart(
    "history-title",
    "History",
    "What happened with your account lately. If anything was not you, change your password.",
    ...listParts("ol", "event-list", "history-summary", loadButton("reload-dashboard", "Load again", "Loading…", "button small quiet")),
    moreButton("history-more"),
  );
  const view = loader(
    { list: "event-list", summary: "history-summary" },
    async () => (await client.json("GET", "dashboard")).recent_events,
    (/** @type {AccountEvent[]} */ events) => {
      const entries = events.map(eventEntry);
      if (events.length === 1) entries.push(make("li", "item muted", "Nothing else has happened yet."));
      showSome(byId("event-list"), entries, byId("history-more"), FEW);
      if (!events.length) return "Nothing has happened in the last 90 days.";
      return events.length === 1 ? "Your account is new." : `The last ${events.length} things that happened.`;
    },
  );
  return {
    load: view.load,
    clear() {
      delete byId("event-list").dataset.all;
      byId("history-more").hidden = true;
      view.clear();
    },
  };
}

/** @param {AccountEvent} event */
export function eventEntry({ type, at, ip, user_agent: userAgent, count = 1, actor, subject }) {
  const told = `${EVENTS[type] ?? readable(type)}${count > 1 ? `, ${count} times that day` : ""}`;
  // What an administrator has done to another account did not happen with this one.
  const what = subject ? `As administrator: ${told}` : told;
  // An administrator's device is no business of the user's, and no device of theirs.
  const where = actor ? ["by an administrator"] : [deviceName(userAgent), make("span", "next", ip)];
  if (subject) where.push(make("span", "next", accountLink(subject)));
  const entry = make(
    "li",
    "item",
    make("p", "title", make("strong", "", what)),
    make("p", "muted", ...where),
    make("p", "when muted", moment(at)),
  );
  entry.dataset.kind = ALARMING.includes(type) ? "alarm" : device(userAgent).kind;
  return entry;
}

/** @param {string} id */
function accountLink(id) {
  return Object.assign(make("a", "", "which account"), { href: `/admin.html#user=${id}` });
}

/** @param {string} type that a later API has @returns {string} */
function readable(type) {
  if (!/^[a-z]+(_[a-z]+)*$/.test(type)) return type;
  const words = type.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
