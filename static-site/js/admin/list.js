/**
 * The list of users: a search by the beginning of the name, and pages forward and back. The API gives a cursor for the next
 * page only: those of the pages before are kept here, and nowhere else.
 */

import { find, make, makeButton, markPart, partSelector, set, whileBusy } from "../elements/core/dom.js";
import { field } from "../elements/core/fields.js";
import { describe, fieldErrors } from "../elements/core/messages.js";
import { day } from "../elements/core/moments.js";
import { SessionEnded } from "../lychgate.js";
import { listUsers } from "../lychgate-admin.js";
import { tellTitle } from "./parts.js";

const ON_A_PAGE = 25;
/** As long as somebody is typing, nothing is asked. */
const PAUSE_MS = 250;
/** What takes longer is told. */
const PATIENCE_MS = 500;
const PLACES = 6;
const USUAL_ROLE = "user";

/** @typedef {import("./administration.js").Desk} Desk */
/** @typedef {import("../lychgate.js").User} User */

/**
 * What of the list is asked for, or shown: what names begin with, and the cursors of the pages up to this one, of which
 * the first needs none.
 *
 * @typedef {{prefix: string, cursors: (string | null)[]}} Place
 */

/** @param {Desk} desk */
export function startList(desk) {
  const { words } = desk.view;
  const search = field(desk.view, "user-search", "Search by the beginning of the username", {
    name: "prefix",
    type: "search",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: "254",
  });
  const input = find(search, "input");
  input.required = false;
  const form = set(make("form", "search-form", search), { role: "search" });
  const summary = set(make("p", "muted"), { id: "users-summary", role: "status" });
  const retry = set(makeButton("Try again", "button small", () => {}), { id: "users-retry", hidden: "", "data-busy": "Trying…" });
  const back = set(makeButton("Previous", "button small", () => turn(back, -1)), { id: "users-back" });
  const next = set(makeButton("Next", "button small", () => turn(next, 1)), { id: "users-next" });
  const pager = set(make("div", "pager", back, next), { role: "group", "aria-label": "Pages" });
  const list = set(make("ul", "entries users"), { id: "user-list" });
  const heading = set(make("h1", "", "Users"), { id: "users-title", tabindex: "-1" });
  const add = Object.assign(make("a", "button", "New account"), { href: "#new", id: "add-user" });
  const element = set(
    make(
      "section",
      "desk",
      make("div", "desk-head", heading, add),
      make("div", "card", form, make("div", "state", make("div", "told", summary, retry), pager), list),
    ),
    { "aria-labelledby": heading.id },
  );

  /** @type {Place} */
  let wanted = { prefix: "", cursors: [null] };
  /** @type {Place | null} what is shown, null for nothing */
  let shown = null;
  /** @type {string | null} the cursor of the page after it */
  let following = null;
  /** @type {User[]} */
  let users = [];
  let under = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;

  const tell = (/** @type {(string | Node)[]} */ parts, isFailure = false) => {
    summary.replaceChildren(...parts);
    markPart(summary, "alarming", isFailure);
    retry.hidden = !isFailure;
  };

  /** @param {Place} place */
  async function go(place) {
    wanted = place;
    under.abort();
    under = new AbortController();
    const { signal } = under;
    list.setAttribute("aria-busy", "true");
    if (!shown) list.replaceChildren(...Array.from({ length: PLACES }, emptyRow));
    const late = setTimeout(() => tell(["Loading…"]), shown ? PATIENCE_MS : 0);
    try {
      const query = { username: place.prefix, cursor: place.cursors.at(-1), limit: ON_A_PAGE };
      const page = await desk.ask(listUsers(desk.client, query, { signal }));
      if (signal.aborted) return;
      users = page.users;
      following = page.nextCursor;
      shown = place;
      for (const user of users) desk.known.set(user.id, user);
      clearTimeout(late);
      render();
    } catch (error) {
      if (signal.aborted || error instanceof SessionEnded) return;
      clearTimeout(late);
      // A cursor may be older than the key that it was sealed with.
      if (fieldErrors(error).some(({ field }) => field === "cursor")) return go({ prefix: place.prefix, cursors: [null] });
      fail(error);
    } finally {
      clearTimeout(late);
      if (under.signal === signal) list.removeAttribute("aria-busy");
    }
  }

  function render() {
    list.replaceChildren(...users.map((user) => row(user, words)));
    pager.hidden = isWhole();
    allow(back, page() > 1);
    allow(next, following !== null);
    tell(said());
  }

  const page = () => shown?.cursors.length ?? 1;
  /** Whether all that was asked for is on this page. */
  const isWhole = () => page() === 1 && following === null;

  /** @returns {(string | Node)[]} */
  function said() {
    const { length } = users;
    const prefix = shown?.prefix ?? "";
    const wanted = prefix ? [length === 1 ? " whose name begins with " : " whose names begin with ", make("bdi", "", prefix)] : [];
    if (!length && isWhole()) {
      if (prefix) return ["Nobody has a name that begins with ", ...wanted.slice(1), "."];
      return ["Nobody is listed. Accounts of an earlier version are not, before an operator has run users reindex."];
    }
    const some = length === 1 ? "1 user" : `${length} users`;
    return isWhole() ? [some, ...wanted, "."] : [`Page ${page()}: ${some}`, ...wanted, "."];
  }

  /** @param {any} error */
  function fail(error) {
    tell([shown ? `${describe(error, words)} What you see here is as it was.` : describe(error, words)], true);
    for (const held of list.querySelectorAll(partSelector("place"))) markPart(held, "vacant", true);
  }

  /** The buttons keep their place, and the focus. @param {HTMLElement} button @param {1 | -1} by */
  async function turn(button, by) {
    if (!shown || button.getAttribute("aria-disabled") === "true") return;
    const { prefix, cursors } = shown;
    await go({ prefix, cursors: by > 0 ? [...cursors, following] : cursors.slice(0, -1) });
  }

  function look() {
    clearTimeout(pause);
    const prefix = input.value.trim();
    if (prefix !== wanted.prefix) go({ prefix, cursors: [null] });
  }

  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(look, PAUSE_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  retry.addEventListener("click", () => whileBusy(retry, () => go(wanted)));
  pager.hidden = true;

  return {
    element,
    show() {
      tellTitle("Users");
      if (!shown) go(wanted);
    },
    /** Put the focus where it was before a user was looked at. @param {string} id of that user */
    focus(id) {
      const place = [...list.querySelectorAll("a")].find((each) => each.dataset.id === id) ?? heading;
      place.focus();
    },
    /** @param {User} user as it is now */
    update(user) {
      if (!users.some(({ id }) => id === user.id)) return;
      users = users.map((each) => (each.id === user.id ? user : each));
      render();
    },
    /** The API may list a user for a moment who is gone. @param {User} user */
    remove(user) {
      users = users.filter(({ id }) => id !== user.id);
      if (shown) render();
    },
    /** There may be others since. */
    renew: () => go(wanted),
  };
}

/** @param {HTMLElement} button @param {boolean} may */
function allow(button, may) {
  if (may) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

/** @param {User} user @param {import("../elements/core/languages.js").Words} words */
function row(user, words) {
  const { id, username, email, created_at: createdAt } = user;
  const name = Object.assign(make("a", "", make("bdi", "", username)), { href: `#user=${id}` });
  name.dataset.id = id;
  const since = set(make("time", "nowrap", day(words, createdAt)), { datetime: createdAt });
  const address = email && email !== username ? [make("bdi", "address-told", email)] : [];
  return make(
    "li",
    "user",
    make("p", "name", name),
    make("p", "muted", ...address, make("span", "since", "Since ", since)),
    make("p", "marks", ...marks(user)),
  );
}

/** @param {User} user @returns {HTMLElement[]} what is special about a user: disabled, and roles that few have */
function marks({ disabled, roles }) {
  const special = roles.filter((role) => role !== USUAL_ROLE).map((role) => make("span", "pill role", role));
  return disabled ? [make("span", "pill off", "Disabled"), ...special] : special;
}

function emptyRow() {
  return set(make("li", "user place", make("span", "bar"), make("span", "bar short")), { "aria-hidden": "true" });
}
