/** What the log-in says of a session: that it has begun, is in trouble, or has ended. Loaded when there may be one. */

import { farewellOf, isRestored } from "../core/clients.js";
import { make, makeButton, set, whileBusy } from "../core/dom.js";
import { isNoApi } from "../core/explain.js";
// What is said, and where the focus goes, needs no network then.
import "../core/focus.js";
import { describe } from "../core/messages.js";
import "../core/notice.js";
import { forgetTab } from "./entry.js";

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate.js").User} User */
/** @typedef {import("../../lychgate.js").Change} Change */

/** Whether the session will not go on in this browser, which only a log-in helps. @param {any} error */
const isLost = (error) => error.error === "not_on_device";

/**
 * @param {View} view
 * @param {object} element
 * @param {(name: string, made?: HTMLElement) => void} element.open shows one of the sections, or none
 * @param {() => void} element.clear empties the forms
 * @param {() => void} element.skip shows them, whatever there may be of a session
 * @param {ReturnType<typeof import("./leaving.js").startLeaving>} element.leaving
 */
export function startSession(view, { open, clear, skip, leaving }) {
  const { client, notice } = view;
  /** The user who is shown, null for none. @type {string | null} */
  let shownId = null;
  /** Whether a notice about a failed refresh is shown. The next successful refresh removes it. */
  let isInTrouble = false;
  /** Whether a notice says that the service has not heard of a log-out yet. */
  let isLogOutUntold = false;

  /** @param {string} username */
  const alone = (username) => {
    const title = set(make("h1", "logged-in-title", ...view.pieces("you-are-logged-in-as", { name: make("bdi", "", username) })), {
      tabindex: "-1",
    });
    const leave = makeButton(view.text("log-out"), "log-out button", () => whileBusy(leave, () => client.logout()));
    return make("section", "logged-in-alone card narrow", title, make("div", "actions", leave));
  };

  /** @param {Error} error */
  const tellOfTrouble = (error) => {
    if (!client.user) return;
    isInTrouble = true;
    const again = () => client.refresh("try again").catch(() => {});
    const message = describe(error, view.words);
    const text = isLost(error) ? message : view.text("still-logged-in", { message });
    notice.warn(text, { label: view.text("try-again"), run: again });
  };

  /** @param {boolean} isKnown whether the log-out has reached the API */
  const reportLogOut = (isKnown) => {
    if (!isKnown) notice.warn(view.text("log-out-untold"));
    else if (isLogOutUntold) notice.say(view.text("log-out-told"));
    isLogOutUntold = !isKnown;
  };

  return {
    /** @param {User} user @param {string} why @param {{isAlone: boolean, isSigningUp: boolean}} how */
    showLoggedIn({ id, username }, why, { isAlone, isSigningUp }) {
      const previous = shownId;
      const isNew = previous === null;
      if (client.user?.id !== id) return;
      shownId = id;
      if (leaving && isNew && (why === "entered" || leaving.mayLeaveAlone())) {
        clear();
        open("loading");
        return leaving.leave();
      }
      if (isNew) notice.hush();
      if (previous !== id) {
        clear();
        forgetTab();
        open(isAlone ? "logged-in-alone" : "", isAlone ? alone(username) : undefined);
      }
      isLogOutUntold = false;
      if (!isNew && previous !== id) notice.warn(view.text("logged-in-elsewhere", { name: username }));
      else if (why === "entered" && isSigningUp) notice.say(view.text("account-ready"));
      else if (isNew && leaving) leaving.offer();
      else if (isInTrouble) notice.say(view.text("service-back"));
      isInTrouble = false;
    },

    /** @param {string} why */
    showLoggedOut(why) {
      shownId = null;
      isInTrouble = isLogOutUntold = false;
      if (why === "elsewhere") notice.say(view.text("logged-out-elsewhere"));
      else if (why === "refused") notice.warn(view.text("session_ended"));
      // Nobody has done anything wrong: browsers delete what a site keeps, and people do.
      else if (why === "key lost") notice.tell(view.text("not_on_device"));
      else notice.say(farewellOf(client) || view.text("you-are-logged-out"));
    },

    /** Say of a failure what goes on. @param {HTMLElement} card @param {HTMLElement} failure in it @param {unknown} error */
    explain(card, failure, error) {
      // Where there is no log-in, nobody has a session that could go on.
      if (isRestored(client)) return;
      const [message, again] = failure.children;
      card.prepend(set(make("h1", "loading-title", view.text("not-opened")), { tabindex: "-1" }));
      const { status, error: code } = /** @type {any} */ (error);
      // The client repeats no request that is refused as it is.
      const isFinal = status === 400 && code !== "invalid_dpop_proof";
      const goesOn = make("p", "muted", isFinal ? view.text("still-logged-in").trim() : view.text("keeps-trying"));
      message.after(
        ...(isNoApi(error) || isLost(error) ? [] : [goesOn]),
        make("div", "actions", again, makeButton(view.text("log-in-instead"), "restore-skip button quiet", skip)),
      );
    },

    /** @param {Change} change */
    hear({ type, error }) {
      if (type === "refresh-failed") tellOfTrouble(error);
      else reportLogOut(type === "logout-sent");
    },
  };
}
