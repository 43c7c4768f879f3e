/**
 * The account's sessions: where it is logged in, this browser first, and how to end that elsewhere. Asks before it ends
 * any, and says of each failure what has ended and what has not.
 */

import { confirm } from "./confirm-dialog.js";
import { device, deviceName } from "./devices.js";
import { byId, make, makeButton } from "./dom.js";
import { set } from "./fields.js";
import { loader, showSome } from "./loading.js";
import { moment } from "./moments.js";
import { say } from "./notice.js";
import { addPart, listParts, loadButton, moreButton } from "./parts.js";

const FEW = 5;
const NOT_FOUND = 404;

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */
/** @typedef {import("./lychgate.js").Session} Session */

/**
 * @param {Client} client
 * @param {() => void} onEnded is called when sessions were ended here
 */
export function startSessions(client, onEnded) {
  /** @type {Session[]} this browser's first, then the newest */
  let sessions = [];
  const others = () => sessions.filter(({ current }) => !current);
  addPart(
    "sessions-title",
    "Sessions",
    "Where you are logged in. End a session that you do not know, and change your password.",
    ...listParts("ul", "session-list", "sessions-summary", set(loadButton("sessions-retry", "Try again", "Trying…"), { hidden: "" })),
    moreButton("sessions-more"),
    make(
      "div",
      "actions",
      set(makeButton("End all others", "button", askToEndOthers), { id: "end-others", hidden: "" }),
      set(makeButton("Log out everywhere", "button quiet", askToLogOutEverywhere), { id: "log-out-everywhere" }),
    ),
  );

  const view = loader(
    { list: "session-list", summary: "sessions-summary", retry: "sessions-retry" },
    () => client.sessions(),
    (/** @type {Session[]} */ told) => {
      sessions = [...told.filter(({ current }) => current), ...told.filter(({ current }) => !current)];
      const entries = sessions.map((session) => sessionEntry(session, () => askToEnd(session)));
      const isAlone = others().length === 0;
      if (isAlone) entries.push(make("li", "item muted", "When you log in elsewhere, that session appears here."));
      showSome(byId("session-list"), entries, byId("sessions-more"), FEW);
      byId("end-others").hidden = isAlone;
      return isAlone ? "You are logged in nowhere else." : `${sessions.length} sessions are active.`;
    },
  );

  /** @param {Session} session @param {AbortSignal} signal */
  async function end({ id }, signal) {
    try {
      await client.json("DELETE", `auth/sessions/${encodeURIComponent(id)}`, undefined, { signal });
    } catch (error) {
      // It had ended already.
      if (error.status !== NOT_FOUND) throw error;
    }
    view.show(sessions.filter((session) => session.id !== id));
  }

  /** @param {Session} session */
  async function askToEnd(session) {
    const { name } = device(session.user_agent);
    const isDone = await confirm(client, {
      title: "End this session?",
      consequence: `${name} at ${session.ip} will have to log in again.`,
      verb: "End session",
      busy: "Ending…",
      failed: () => "The session may still be active.",
      task: (signal) => end(session, signal),
    });
    settle(isDone && "The session has ended.");
  }

  async function askToEndOthers() {
    let ended = 0;
    let remaining = others();
    const isDone = await confirm(client, {
      title: remaining.length === 1 ? "End the other session?" : `End ${remaining.length} other sessions?`,
      consequence: `${devices(remaining.length)} will have to log in again. This one stays logged in.`,
      verb: "End all others",
      busy: "Ending…",
      failed: () => {
        if (!ended) return remaining.length === 1 ? "The session may still be active." : "The sessions may still be active.";
        return `${ended} of ${ended + remaining.length} sessions have ended, the others may still be active.`;
      },
      task: async (signal) => {
        // Those that are not in the list yet end too.
        remaining = (await client.sessions({ signal })).filter(({ current }) => !current);
        for (const session of remaining) {
          await end(session, signal);
          ended += 1;
          remaining = remaining.filter((other) => other !== session);
        }
      },
    });
    settle(isDone && (ended === 1 ? "The session has ended." : `${ended} sessions have ended.`));
  }

  async function askToLogOutEverywhere() {
    const count = others().length;
    await confirm(client, {
      title: "Log out everywhere?",
      consequence: count
        ? `This browser and ${devices(count, true)} will have to log in again.`
        : "This browser, and any other that is logged in, will have to log in again.",
      verb: "Log out everywhere",
      busy: "Logging out…",
      failed: () => "You may still be logged in everywhere.",
      task: async (signal) => {
        await client.logoutEverywhere({ signal });
      },
    });
  }

  /** Show what has become of the sessions. @param {string | false} success what to say, if anything */
  function settle(success) {
    if (!client.user) return;
    if (success) {
      say(success);
      view.load();
      onEnded();
    }
    // The button may have gone with its entry.
    if (success || document.activeElement === document.body) byId("sessions-title").focus();
  }

  return {
    load: view.load,
    count: () => others().length,
    clear() {
      sessions = [];
      delete byId("session-list").dataset.all;
      byId("sessions-more").hidden = true;
      byId("end-others").hidden = true;
      view.clear();
    },
  };
}

/** @param {Session} session @param {() => void} [onEnd] without it there is no button */
export function sessionEntry(session, onEnd) {
  const name = deviceName(session.user_agent, "strong");
  const used = session.current ? "used now" : moment(session.last_used_at, "lastUse");
  const entry = make(
    "li",
    "item",
    make("p", "title", name),
    make("p", "muted", make("span", "", session.ip), make("span", "next", used)),
    make("p", "muted", "Logged in ", moment(session.created_at)),
  );
  entry.dataset.kind = device(session.user_agent).kind;
  if (session.current) {
    entry.append(make("span", "pill", "This one"));
  } else if (onEnd) {
    const button = makeButton("End", "button small", onEnd);
    button.setAttribute("aria-label", `End the session of ${name.textContent} at ${session.ip}`);
    entry.append(button);
  }
  return entry;
}

/** @param {number} count @param {boolean} [isWithin] whether it stands within a sentence */
function devices(count, isWithin = false) {
  if (count === 1) return isWithin ? "one other device" : "One other device";
  return `${count} other devices`;
}
