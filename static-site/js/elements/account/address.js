/**
 * The account's address: what it is, whether it is confirmed, and its change and removal. Loaded only where accounts have
 * addresses. Asks for the password as everything does that wants a fresh session.
 */

import { changeEmail, removeEmail, resendEmail } from "../../lychgate-mail.js";
import { confirm, whenFresh } from "../core/confirm-dialog.js";
import { find, make, makeButton, markPart, set, whileBusy } from "../core/dom.js";
import { field, form, submit, usernameField } from "../core/fields.js";
import { startFold } from "../core/fold.js";
import { startForm } from "../core/forms.js";
import { describe, whenAgain, WordedError } from "../core/messages.js";
import { PAUSE_S, startResend } from "../core/resend.js";

const CONFLICT = 409;
const INVALID = 422;
const TOO_MANY = 429;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */
/** @typedef {import("../../lychgate.js").User} User */

/** @param {View} view @param {SiteOptions} site */
export function startAddress(view, site) {
  const { client } = view;
  const { row, waiting, resend, keep, status } = addRow(view, learn);
  const { details, element, remove } = addFold(view);
  const fold = startFold(view, details, element);
  /** Whether an address waits to be confirmed, as far as is known. */
  let waits = false;

  startForm(
    view,
    element,
    ({ email }) => (email ? {} : { email: view.text("enter-email") }),
    async ({ email }) => {
      if (!(await give(email))) return;
      fold.close();
      resend.clear();
      if (!sayWhatBecameOf(email)) resend.wait();
    },
  );
  remove.addEventListener("click", askToRemove);
  keep.addEventListener("click", () => whileBusy(keep, keepAddress));
  // The link may have been opened on another device.
  view.listen(document, "visibilitychange", () => {
    if (waits && client.user && document.visibilityState === "visible") lookAgain().catch(() => {});
  });

  /** Whether an address is the confirmed one, as far as is known. @param {string} given */
  function isConfirmed(given) {
    const { email, email_verified: isVerified } = /** @type {any} */ (client.user ?? {});
    return !!isVerified && email.toLowerCase() === given.toLowerCase();
  }

  /** @param {string} email @returns {Promise<boolean>} whether the API has taken it */
  async function give(email) {
    const next = isConfirmed(email) && client.user?.new_email;
    if (next) return askToKeep(email, next, (signal) => change(email, signal));
    return whenFresh(view, {
      title: view.text("change-email-question"),
      consequence: view.text("change-email-consequence", { address: email }),
      verb: view.text("send-mail"),
      busy: view.text("sending"),
      failed: () => view.text("mail-may-not-come"),
      task: (signal) => change(email, signal),
    });
  }

  /**
   * @param {string} address the confirmed one
   * @param {string} next the one that waits
   * @param {(signal: AbortSignal) => Promise<void>} task
   */
  async function askToKeep(address, next, task) {
    return whenFresh(view, {
      title: view.text("keep-email-question"),
      consequence: view.text("keep-email-consequence", { address, next }),
      verb: view.text("keep-email"),
      busy: view.text("keeping-email"),
      failed: () => view.text("email-may-change"),
      task,
    });
  }

  /** The confirmed one withdraws the one that waits; any other waits, and is mailed to. @param {string} given @returns {boolean} whether the address is as it was */
  function sayWhatBecameOf(given) {
    const isKept = isConfirmed(given);
    const address = isKept ? client.user?.email ?? given : given;
    view.notice.say(view.text(isKept ? "email-is-kept" : "email-link-sent", { address }));
    return isKept;
  }

  /** @param {string} email @param {AbortSignal} [signal] */
  async function change(email, signal) {
    try {
      await changeEmail(client, email, { signal });
    } catch (error) {
      if (error.status !== TOO_MANY) throw error;
      throw new WordedError(error, view.text("too-many-mails-here", { again: whenAgain(error.retryAfter, view.words) }));
    }
    await learn();
  }

  /** Give the confirmed address once more, which withdraws the one that waits. */
  async function keepAddress() {
    const { email: address, new_email: next } = /** @type {any} */ (client.user);
    status.textContent = "";
    try {
      const isDone = await askToKeep(address, next, async (signal) => {
        try {
          await changeEmail(client, address, { signal });
        } catch (error) {
          // Then nothing waits any more.
          if (error.status !== INVALID) throw error;
        }
        await learn();
      });
      if (!isDone) return;
    } catch (error) {
      status.textContent = describe(error, view.words);
      return;
    }
    // If the other one was confirmed meanwhile, this one waits now.
    sayWhatBecameOf(address);
    find(details, "summary").focus();
  }

  async function askToRemove() {
    const isDone = await confirm(view, {
      title: view.text("remove-email-question"),
      consequence: view.text("remove-email-consequence"),
      verb: view.text("remove-email"),
      busy: view.text("removing"),
      failed: () => view.text("email-may-be-there"),
      task: async (signal) => {
        await removeEmail(client, { signal });
        await learn();
      },
    });
    if (!isDone) return;
    fold.close();
    view.notice.say(view.text("email-is-removed"));
  }

  /** Learn from the API what the address is by now, in all tabs. */
  async function learn() {
    await client.refresh("address changed").catch(() => {});
  }

  async function lookAgain() {
    const { user } = await client.json("GET", "me", undefined, { signal: view.signal });
    if (user.email_verified !== client.user?.email_verified || user.new_email !== client.user?.new_email) await learn();
  }

  return {
    show() {
      const { username, email = null, email_verified: isVerified, new_email: next, created_at: at } = /** @type {User} */ (client.user);
      const unconfirmed = next ?? (isVerified ? null : email);
      waits = unconfirmed !== null;
      view.part("profile-email").textContent = email ?? view.text("no-email");
      const state = view.part("email-state");
      state.hidden = !email;
      state.textContent = view.text(isVerified ? "email-confirmed" : "email-unconfirmed");
      markPart(state, "open", !isVerified);
      view.part("email-none").hidden = !!email;
      waiting.hidden = !waits;
      keep.hidden = !next;
      const address = make("bdi", "email-unconfirmed", unconfirmed ?? "");
      const todo = view.pieces(next ? "open-the-link-instead" : "open-the-link", { address });
      view.part("email-todo").replaceChildren(...todo);
      find(details, "summary").textContent = view.text(email ? "change-email" : "add-email");
      remove.hidden = !email || site.email === "required";
      view.part("profile-username").closest("div").hidden = site.isNamedByEmail;
      row.hidden = false;
      details.hidden = false;
      fold.fill(username);
      const age = (Date.now() - Date.parse(at)) / 1000;
      if (waits && age >= 0 && age < PAUSE_S) resend.wait(PAUSE_S - age);
    },

    clear() {
      waits = false;
      row.hidden = true;
      details.hidden = true;
      for (const name of ["profile-email", "email-todo"]) view.part(name).textContent = "";
      resend.clear();
      fold.clear();
    },
  };
}

/** Put the address below the name. @param {View} view @param {() => Promise<void>} learn */
function addRow(view, learn) {
  const button = makeButton("", "button small", () => {});
  const status = set(make("p", "status muted"), { role: "status" });
  const keep = makeButton(view.text("keep-email"), "keep-email button small", () => {});
  keep.dataset.busy = view.text("keeping-email");
  const waiting = make("div", "unconfirmed", make("p", "email-todo muted"), make("div", "again", button, keep), status);
  const resend = startResend(view, button, status, async () => {
    try {
      await resendEmail(view.client);
    } catch (error) {
      if (error.status !== CONFLICT) throw error;
      // Nothing waits any more.
      await learn();
    }
  });
  const row = make(
    "div",
    "",
    make("dt", "", view.text("email")),
    make(
      "dd",
      "",
      make("p", "address", make("bdi", "profile-email"), " ", make("span", "email-state pill")),
      make("p", "email-none muted", view.text("email-advice")),
      waiting,
    ),
  );
  view.part("profile-username").closest("div").after(row);
  return { row, waiting, resend, keep, status };
}

/** Put the form above that of the password. @param {View} view */
function addFold(view) {
  const remove = makeButton(view.text("remove-email"), "button", () => {});
  const cancel = set(makeButton(view.text("cancel"), "button quiet", () => {}), { "data-cancel": "" });
  const element = form(
    "address-form",
    make("p", "muted", view.text("new-email-text")),
    usernameField(view),
    field(view, "new-email", view.text("email"), { name: "email", type: "email", inputmode: "email", autocomplete: "email" }),
    make("div", "actions", submit(view.text("send-mail"), view.text("sending"), "button primary"), cancel, remove),
  );
  const details = make("details", "email-fold fold", make("summary"), element);
  view.part("password-fold").before(details);
  return { details, element, remove };
}
