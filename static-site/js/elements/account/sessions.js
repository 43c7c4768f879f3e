/**
 * The account's sessions: where it is logged in, this browser first, and how to end that elsewhere. Asks before it ends
 * any, and says of each failure what has ended and what has not.
 */

import { device, deviceName } from "../core/devices.js";
import { make, makeButton, set } from "../core/dom.js";
import { loader, showSome } from "../core/loading.js";
import { moment } from "../core/moments.js";
import { addPart, listParts, loadButton, moreButton } from "./parts.js";

const FEW = 5;
const NOT_FOUND = 404;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate.js").Session} Session */

/**
 * @param {View} view
 * @param {(question: import("../core/confirm-dialog.js").Question) => Promise<boolean>} confirm
 * @param {() => void} onEnded is called when sessions were ended here
 */
export function startSessions(view, confirm, onEnded) {
  const { client } = view;
  /** @type {Session[]} this browser's first, then the newest */
  let sessions = [];
  const others = () => sessions.filter(({ current }) => !current);
  const endOthers = set(makeButton(view.text("end-others"), "end-others button", askToEndOthers), { hidden: "" });
  const more = moreButton("sessions-more");
  addPart(
    view,
    "sessions-title",
    view.text("sessions-title"),
    view.text("sessions-subtitle"),
    ...listParts(
      "ul",
      "session-list",
      "sessions-summary",
      set(loadButton("sessions-retry", view.text("try-again"), view.text("trying")), { hidden: "" }),
    ),
    more,
    make(
      "div",
      "actions",
      endOthers,
      makeButton(view.text("log-out-everywhere"), "log-out-everywhere button quiet", askToLogOutEverywhere),
    ),
  );
  const list = view.part("session-list");

  const loading = loader(
    view,
    { list: "session-list", summary: "sessions-summary", retry: "sessions-retry" },
    () => client.sessions(),
    (/** @type {Session[]} */ told) => {
      sessions = [...told.filter(({ current }) => current), ...told.filter(({ current }) => !current)];
      const entries = sessions.map((session) => sessionEntry(view, session, () => askToEnd(session)));
      const isAlone = others().length === 0;
      if (isAlone) entries.push(make("li", "item muted", view.text("appears-here")));
      showSome(view, list, entries, more, FEW);
      endOthers.hidden = isAlone;
      return isAlone ? view.text("nowhere-else") : view.text("sessions-active", { count: sessions.length });
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
    loading.show(sessions.filter((session) => session.id !== id));
  }

  /** @param {Session} session */
  async function askToEnd(session) {
    const { name } = device(view.words, session.user_agent);
    const isDone = await confirm({
      title: view.text("end-session?"),
      consequence: view.text("end-session-consequence", { device: name, ip: session.ip }),
      verb: view.text("end-session"),
      busy: view.text("ending"),
      failed: () => view.text("may-be-active", { count: 1 }),
      task: (signal) => end(session, signal),
    });
    settle(isDone && view.text("have-ended", { count: 1 }));
  }

  async function askToEndOthers() {
    let ended = 0;
    let remaining = others();
    const isDone = await confirm({
      title: view.text("end-others?", { count: remaining.length }),
      consequence: view.text("end-others-consequence", { count: remaining.length }),
      verb: view.text("end-others"),
      busy: view.text("ending"),
      failed: () => {
        if (!ended) return view.text("may-be-active", { count: remaining.length });
        return view.text("some-have-ended", { ended, count: ended + remaining.length });
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
    settle(isDone && view.text("have-ended", { count: ended }));
  }

  async function askToLogOutEverywhere() {
    const count = others().length;
    await confirm({
      title: view.text("log-out-everywhere?"),
      consequence: count ? view.text("log-out-everywhere-consequence", { count }) : view.text("log-out-everywhere-alone"),
      verb: view.text("log-out-everywhere"),
      busy: view.text("logging-out"),
      failed: () => view.text("may-be-logged-in"),
      task: async (signal) => {
        await client.logoutEverywhere({ signal });
      },
    });
  }

  /** Show what has become of the sessions. @param {string | false} success what to say, if anything */
  function settle(success) {
    if (!client.user || view.signal.aborted) return;
    if (success) {
      view.notice.say(success);
      loading.load();
      onEnded();
    }
    // The button may have gone with its entry.
    if (success || document.activeElement === document.body) view.part("sessions-title").focus();
  }

  return {
    load: loading.load,
    clear() {
      sessions = [];
      delete list.dataset.all;
      more.hidden = true;
      endOthers.hidden = true;
      loading.clear();
    },
  };
}

/** @param {View} view @param {Session} session @param {() => void} [onEnd] without it there is no button */
export function sessionEntry(view, session, onEnd) {
  const { words } = view;
  const name = deviceName(words, session.user_agent, "strong");
  const used = session.current ? view.text("used-now") : moment(words, session.last_used_at, "lastUse");
  const entry = make(
    "li",
    "item",
    make("p", "title", name),
    make("p", "muted", make("span", "", make("bdi", "", session.ip)), make("span", "next", used)),
    make("p", "muted", ...view.pieces("logged-in-when", { when: moment(words, session.created_at) })),
  );
  entry.dataset.kind = device(words, session.user_agent).kind;
  if (session.current) {
    entry.append(make("span", "pill", view.text("this-one")));
  } else if (onEnd) {
    const button = makeButton(view.text("end"), "button small", onEnd);
    button.setAttribute("aria-label", view.text("end-session-of", { device: name.textContent ?? "", ip: session.ip }));
    entry.append(button);
  }
  return entry;
}
