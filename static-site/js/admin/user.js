/**
 * One account, as an administrator sees it: who it is, what one logs in with, sessions, history, and what may be done about
 * it. Asks before anything happens, and shows afterwards what the API says by then.
 */

import { eventEntry } from "../elements/account/history.js";
import { makePart, moreButton } from "../elements/account/parts.js";
import { sessionEntry } from "../elements/account/sessions.js";
import { make, makeButton, markPart, partSelector, set, whileBusy } from "../elements/core/dom.js";
import { showSome } from "../elements/core/loading.js";
import { describe } from "../elements/core/messages.js";
import { day, moment } from "../elements/core/moments.js";
import { SessionEnded } from "../lychgate.js";
import { getUser } from "../lychgate-admin.js";
import { startActions } from "./actions.js";
import { link, tellTitle } from "./parts.js";

const FEW_SESSIONS = 5;
const FEW_EVENTS = 6;
const NOT_FOUND = 404;
const SUPPRESSED = { bounce: "a mail came back", complaint: "its reader called a mail unwanted" };

/** @typedef {import("./administration.js").Desk} Desk */
/** @typedef {import("../lychgate-admin.js").ShownUser} ShownUser */
/** @typedef {import("../lychgate.js").User} User */
/** @typedef {import("../elements/core/languages.js").Words} Words */

/** @param {Desk} desk */
export function startUser(desk) {
  const { view } = desk;
  const { words } = view;
  const heading = set(make("h1"), { id: "user-title", tabindex: "-1" });
  const told = set(make("p", "muted"), { id: "user-told", role: "status" });
  const retry = set(makeButton("Try again", "button small", () => {}), { id: "user-retry", hidden: "", "data-busy": "Trying…" });
  const body = make("div", "user-parts");
  const element = set(
    make("section", "desk", make("p", "back", link("All users", "#")), heading, make("div", "told", told, retry), body),
    { "aria-labelledby": heading.id },
  );
  /** Whom the address names, "" for nobody. */
  let wanted = "";
  /** How often it was asked: only the newest answer is shown. */
  let round = 0;
  let isKnown = false;

  const actions = startActions(desk, {
    /** Nothing is to be typed or pressed that goes with the answer. @param {string} title the part that gets the focus */
    async reload(title) {
      const id = wanted;
      body.inert = true;
      try {
        await load();
      } finally {
        body.inert = false;
      }
      // A dialog has the focus, or somebody has gone elsewhere meanwhile.
      const isFree = id === wanted && !document.querySelector("dialog[open]");
      if (title && isFree) element.querySelector(partSelector(title))?.focus();
    },
  });

  const tell = (/** @type {string} */ text, isFailure = false) => {
    told.textContent = text;
    markPart(told, "alarming", isFailure);
    retry.hidden = !isFailure;
  };

  /** @param {string} name */
  const entitle = (name) => {
    heading.replaceChildren(make("bdi", "", name));
    tellTitle(name);
  };

  async function load() {
    const id = wanted;
    round += 1;
    const asked = round;
    if (!isKnown) {
      tell("Loading…");
      body.replaceChildren(make("div", "card", placeholder(), placeholder()));
    }
    try {
      const shown = await desk.ask(getUser(desk.client, id));
      if (asked !== round) return;
      isKnown = true;
      desk.onChanged(shown.user);
      entitle(shown.user.username);
      tell("");
      body.replaceChildren(...parts(shown));
    } catch (error) {
      if (asked === round && !(error instanceof SessionEnded)) fail(error);
    }
  }

  /** @param {any} error */
  function fail(error) {
    if (error.status === NOT_FOUND) {
      isKnown = false;
      entitle("No such account");
      body.replaceChildren();
      return tell("It may have been deleted. One that was made a moment ago may need some seconds.", true);
    }
    tell(isKnown ? `${describe(error, words)} What you see here may be out of date.` : describe(error, words), true);
    for (const held of body.querySelectorAll(partSelector("place"))) markPart(held, "vacant", true);
  }

  /** @param {ShownUser} shown */
  function parts(shown) {
    const { user, factors } = shown;
    return [
      makePart(
        view,
        "account-title",
        "Account",
        "Who it is, and what the account may do.",
        profile(shown, words),
        actions.roles(user),
        // A link would lead a disabled account nowhere.
        make("div", "actions", ...(user.disabled ? [] : [actions.resetLink(user)]), actions.state(user)),
      ),
      makePart(
        view,
        "ways-title",
        "Ways to log in",
        "What the owner proves with who it is. Nobody else can add any.",
        make("ul", "entries", ...ways(shown, words)),
        ...(factors.totp ? [make("div", "actions", actions.removeFactor(user))] : []),
      ),
      sessionsPart(shown),
      historyPart(shown, view),
      makePart(view, "delete-title", "Delete account", "For good: nobody can bring it back.", actions.deletion(user)),
    ];
  }

  /** @param {ShownUser} shown */
  function sessionsPart({ user, sessions }) {
    const list = make("ul", "session-list entries");
    const more = moreButton("sessions-more");
    showSome(view, list, sessions.map((session) => sessionEntry(view, { ...session, current: false })), more, FEW_SESSIONS);
    const count = sessions.length === 1 ? "One session is active." : `${sessions.length} sessions are active.`;
    return makePart(
      view,
      "sessions-title",
      "Sessions",
      "Where the account is logged in.",
      make("div", "state", make("p", "muted", sessions.length ? count : "It is logged in nowhere.")),
      list,
      more,
      make("div", "actions", actions.logOut(user)),
    );
  }

  retry.addEventListener("click", () => whileBusy(retry, load));

  return {
    element,
    /** @param {string} id */
    show(id) {
      wanted = id;
      isKnown = false;
      const name = desk.known.get(id)?.username;
      if (name) entitle(name);
      else {
        heading.textContent = "Account";
        tellTitle("Account");
      }
      load();
    },
    /** Forget whom it showed. @returns {string} whose id that was, "" for nobody's */
    leave() {
      const left = wanted;
      wanted = "";
      round += 1;
      isKnown = false;
      body.replaceChildren();
      return left;
    },
  };
}

/** @param {ShownUser} shown @param {Words} words */
function profile({ user, suppressed }, words) {
  const row = (/** @type {string} */ name, /** @type {(string | Node)[]} */ ...told) =>
    make("div", "", make("dt", "", name), make("dd", "", ...told));
  const created = set(make("time", "", day(words, user.created_at)), { datetime: user.created_at });
  const state = make("span", user.disabled ? "pill off" : "pill", user.disabled ? "Disabled" : "Active");
  const roles = user.roles.map((role) => make("span", "pill role", role));
  return make(
    "dl",
    "profile",
    row("Username", make("bdi", "", user.username)),
    row("State", set(make("p", "marks", state), { id: "user-state" })),
    row("Roles", set(make("p", "marks", ...roles), { id: "user-roles" })),
    set(row("E-mail address", ...address(user, suppressed, words)), { id: "user-address" }),
    row("Member since", created),
    row("Id", make("code", "id", user.id)),
  );
}

/** @param {User} user @param {ShownUser["suppressed"]} suppressed @param {Words} words @returns {(string | Node)[]} */
function address({ email, email_verified: isVerified, new_email: next }, suppressed, words) {
  if (!email) return [make("span", "muted", "None")];
  const state = make("span", isVerified ? "pill" : "pill open", isVerified ? "Confirmed" : "Not confirmed");
  const told = [make("p", "address", make("bdi", "", email), state)];
  if (next) told.push(make("p", "muted small", "To be replaced by ", make("bdi", "", next), ", once that is confirmed"));
  if (suppressed) {
    const why = `It gets no mail: ${SUPPRESSED[suppressed.reason] ?? suppressed.reason} on ${day(words, suppressed.at)}.`;
    told.push(make("p", "alarming small", why));
  }
  return told;
}

/** @param {ShownUser} shown @param {Words} words @returns {HTMLElement[]} */
function ways({ factors: { password, totp, recovery_codes_left: left, passkeys } }, words) {
  const entry = (/** @type {string} */ kind, /** @type {string | Node} */ title, /** @type {(string | Node)[]} */ ...told) => {
    const item = make("li", "item", make("p", "title", make("strong", "", title)), make("p", "muted", ...told));
    item.dataset.kind = kind;
    return item;
  };
  const told = [entry("password", "Password", password ? "There is one." : "None")];
  if (totp) {
    told.push(entry("app", "Authenticator app", "On since ", day(words, totp.added_at)));
    told.push(entry("codes", "Recovery codes", left === 1 ? "One is left." : `${left || "None"} ${left ? "are" : "is"} left.`));
  }
  for (const { label, created_at: created, last_used_at: used } of passkeys) {
    const use = used ? ["used ", moment(words, used)] : ["not used yet"];
    told.push(entry("passkey", make("bdi", "", label), `Passkey, made on ${day(words, created)}, `, ...use));
  }
  return told;
}

/** @param {ShownUser} shown @param {import("../elements/core/view.js").View} view */
function historyPart({ recentEvents }, view) {
  const list = make("ol", "event-list entries");
  const more = moreButton("history-more");
  showSome(view, list, recentEvents.map((event) => eventEntry(view, event)), more, FEW_EVENTS);
  const told = recentEvents.length ? "The newest first." : "Nothing has happened in the last 90 days.";
  const state = make("div", "state", make("p", "muted", told));
  return makePart(view, "history-title", "History", "What happened with the account lately.", state, list, more);
}

function placeholder() {
  return set(make("div", "item place", make("span", "bar"), make("span", "bar short")), { "aria-hidden": "true" });
}
