/** The account's history: what happened, when, and from where. The texts are those of the page: the API tells types. */

import { device, deviceName } from "../core/devices.js";
import { make } from "../core/dom.js";
import { loader, showSome } from "../core/loading.js";
import { moment } from "../core/moments.js";
import { addPart, listParts, loadButton, moreButton } from "./parts.js";

const FEW = 6;
const ALARMING = ["login_failed", "second_factor_failed", "refresh_token_reused", "refresh_retried_elsewhere", "refresh_without_key"];

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/languages.js").Words} Words */
/** @typedef {{type: string, at: string, ip: string, user_agent: string, count?: number, actor?: string,
 *   subject?: string}} AccountEvent */

/** @param {View} view */
export function startHistory(view) {
  const again = loadButton("reload-dashboard", view.text("load-again"), view.text("loading"), "button small quiet");
  addPart(
    view,
    "history-title",
    view.text("history-title"),
    view.text("history-subtitle"),
    ...listParts("ol", "event-list", "history-summary", again),
    moreButton("history-more"),
  );
  const list = view.part("event-list");
  const more = view.part("history-more");
  const history = loader(
    view,
    { list: "event-list", summary: "history-summary" },
    async () => (await view.client.json("GET", "dashboard")).recent_events,
    (/** @type {AccountEvent[]} */ events) => {
      const entries = events.map((event) => eventEntry(view, event));
      if (events.length === 1) entries.push(make("li", "item muted", view.text("nothing-else-yet")));
      showSome(view, list, entries, more, FEW);
      if (!events.length) return view.text("no-events");
      return events.length === 1 ? view.text("account-is-new") : view.text("last-events", { count: events.length });
    },
  );
  return {
    load: history.load,
    clear() {
      delete list.dataset.all;
      more.hidden = true;
      history.clear();
    },
  };
}

/** @param {View} view @param {AccountEvent} event */
export function eventEntry({ words }, { type, at, ip, user_agent: userAgent, count = 1, actor, subject }) {
  const once = nameOf(words, type);
  const told = count > 1 ? words.text("times-that-day", { event: once, count }) : once;
  // What an administrator has done to another account did not happen with this one.
  const what = subject ? words.text("as-administrator", { event: told }) : told;
  // An administrator's device is no business of the user's, and no device of theirs.
  const where = actor
    ? [words.text("by-administrator")]
    : [deviceName(words, userAgent), make("span", "next", make("bdi", "", ip))];
  if (subject) where.push(make("span", "next", accountLink(words, subject)));
  const entry = make(
    "li",
    "item",
    make("p", "title", make("strong", "", what)),
    make("p", "muted", ...where),
    make("p", "when muted", moment(words, at)),
  );
  if (words.has(`means:${type}`)) entry.append(make("p", "meaning muted", words.text(`means:${type}`)));
  entry.dataset.kind = ALARMING.includes(type) ? "alarm" : device(words, userAgent).kind;
  return entry;
}

/** @param {Words} words @param {string} id */
function accountLink(words, id) {
  return Object.assign(make("a", "", words.text("which-account")), { href: `/admin.html#user=${id}` });
}

/** @param {Words} words @param {string} type @returns {string} readable, if it is one that a later API has */
function nameOf(words, type) {
  if (words.has(`event:${type}`)) return words.text(`event:${type}`);
  if (!/^[a-z]+(_[a-z]+)*$/.test(type)) return type;
  const name = type.replaceAll("_", " ");
  return name[0].toUpperCase() + name.slice(1);
}
