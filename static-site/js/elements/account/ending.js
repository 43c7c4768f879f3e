/** The end of sessions. Asks before it ends any, and says of each failure what has ended and what has not. */

import { confirm } from "../core/confirm-dialog.js";
import { device } from "../core/devices.js";

const NOT_FOUND = 404;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate.js").Session} Session */

/**
 * @param {View} view
 * @param {object} list
 * @param {() => Session[]} list.others those that are not this browser's
 * @param {() => void} list.load loads it again
 * @param {(id: string) => void} list.drop takes one out
 * @param {() => void} list.onEnded is called when sessions were ended here
 */
export function startEnding(view, { others, load, drop, onEnded }) {
  const { client } = view;

  /** @param {Session} session @param {AbortSignal} signal */
  async function end({ id }, signal) {
    try {
      await client.json("DELETE", `auth/sessions/${encodeURIComponent(id)}`, undefined, { signal });
    } catch (error) {
      // It had ended already.
      if (error.status !== NOT_FOUND) throw error;
    }
    drop(id);
  }

  /** @param {Session} session */
  async function askToEnd(session) {
    const { name } = device(view.words, session.user_agent);
    const isDone = await confirm(view, {
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
    const isDone = await confirm(view, {
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
    await confirm(view, {
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
      load();
      onEnded();
    }
    // The button may have gone with its entry.
    if (success || document.activeElement === document.body) view.part("sessions-title").focus({ preventScroll: true });
  }

  return { askToEnd, askToEndOthers, askToLogOutEverywhere };
}
