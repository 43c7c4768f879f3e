/**
 * The account's sessions: where it is logged in, this browser first, and buttons to end that elsewhere.
 */

import { device, deviceName } from "../core/devices.js";
import { make, makeButton, set } from "../core/dom.js";
import { loader, showSome } from "../core/loading.js";
import { moment } from "../core/moments.js";
import { whatIsDone } from "./later.js";
import { addPart, listParts, loadButton, moreButton } from "./parts.js";

const FEW = 5;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate.js").Session} Session */
/** @typedef {ReturnType<typeof import("./ending.js").startEnding>} Ending */

/**
 * @param {View} view
 * @param {() => void} onEnded is called when sessions were ended here
 */
export function startSessions(view, onEnded) {
  const { client } = view;
  /** @type {Session[]} this browser's first, then the newest */
  let sessions = [];
  const others = () => sessions.filter(({ current }) => !current);
  const endOthers = set(makeButton(view.text("end-others"), "end-others button", () => act((ending) => ending.askToEndOthers())), { hidden: "" });
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
      makeButton(view.text("log-out-everywhere"), "log-out-everywhere button quiet", () =>
        act((ending) => ending.askToLogOutEverywhere()),
      ),
    ),
  );
  const list = view.part("session-list");

  const loading = loader(
    view,
    { list: "session-list", summary: "sessions-summary", retry: "sessions-retry" },
    () => client.sessions(),
    (/** @type {Session[]} */ told) => {
      sessions = [...told.filter(({ current }) => current), ...told.filter(({ current }) => !current)];
      const entries = sessions.map((session) => sessionEntry(view, session, () => act((ending) => ending.askToEnd(session))));
      const isAlone = others().length === 0;
      if (isAlone) entries.push(make("li", "item muted", view.text("appears-here")));
      showSome(view, list, entries, more, FEW);
      endOthers.hidden = isAlone;
      return isAlone ? view.text("nowhere-else") : view.text("sessions-active", { count: sessions.length });
    },
  );

  /** @type {Ending | null} once something is to be done */
  let ending = null;

  /** @param {(ending: Ending) => unknown} run */
  async function act(run) {
    const code = await whatIsDone(view);
    if (!code) return;
    ending ??= code.startEnding(view, {
      others,
      onEnded,
      load: loading.load,
      drop: (id) => loading.show(sessions.filter((session) => session.id !== id)),
    });
    await run(ending);
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
  // The log-in is told below. What is earlier, by the hour that is known, is no later use.
  const isUsedSince = session.last_used_at > session.created_at;
  const used = session.current ? view.text("used-now") : isUsedSince && moment(words, session.last_used_at, "lastUse");
  const began = make("p", "muted", make("span", "", ...view.pieces("logged-in-when", { when: moment(words, session.created_at) })));
  if (session.bound) began.append(make("span", "next bound", view.text("bound-to-browser")));
  const entry = make(
    "li",
    "item",
    make("p", "title", name),
    make("p", "muted", make("span", "", make("bdi", "", session.ip)), ...(used ? [make("span", "next", used)] : [])),
    began,
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
