/**
 * The account's address: what it is, whether it is confirmed, and its change and removal. Loaded only where accounts have
 * addresses. Asks for the password as everything does that wants a fresh session.
 */

import { confirm, whenFresh } from "./confirm-dialog.js";
import { byId, find, make, makeButton } from "./dom.js";
import { field, form, set, submit, usernameField } from "./fields.js";
import { startFold } from "./fold.js";
import { startForm } from "./forms.js";
import { ApiError } from "./lychgate.js";
import { changeEmail, removeEmail, resendEmail } from "./lychgate-mail.js";
import { whenAgain } from "./messages.js";
import { say } from "./notice.js";
import { startResend } from "./resend.js";

const PAUSE_S = 60;
const CONFLICT = 409;
const TOO_MANY = 429;

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").User} User */

/** @param {Client} client @param {import("./options.js").SiteOptions} site */
export function startAddress(client, site) {
  const { row, waiting, resend } = addRow(client, learn);
  const { details, element, remove } = addFold();
  const fold = startFold(details, element);
  /** Whether an address waits to be confirmed, as far as is known. */
  let waits = false;

  startForm(
    element,
    ({ email }) => (email ? {} : { email: "Enter an e-mail address." }),
    async ({ email }) => {
      if (!(await sendTo(email))) return;
      fold.close();
      say(`A mail is on its way to ${email}. Open its link to confirm the address.`);
      resend.clear();
      resend.wait();
    },
  );
  remove.addEventListener("click", askToRemove);
  // The link may have been opened on another device.
  document.addEventListener("visibilitychange", () => {
    if (waits && client.user && document.visibilityState === "visible") lookAgain().catch(() => {});
  });

  /** @param {string} email @returns {Promise<boolean>} whether the mail is on its way */
  async function sendTo(email) {
    return whenFresh(client, {
      title: "Change the address?",
      consequence: `A mail goes to ${email}. It is your account's address as soon as you open the link in it.`,
      verb: "Send the mail",
      busy: "Sending…",
      failed: () => "The mail may not be on its way.",
      task: (signal) => change(email, signal),
    });
  }

  /** @param {string} email @param {AbortSignal} [signal] */
  async function change(email, signal) {
    try {
      await changeEmail(client, email, { signal });
    } catch (error) {
      if (error.status !== TOO_MANY) throw error;
      const detail = `Too many mails were asked for. ${whenAgain(error.retryAfter)}`;
      throw new ApiError({ ...error, status: CONFLICT, detail });
    }
    await learn();
  }

  async function askToRemove() {
    const isDone = await confirm(client, {
      title: "Remove the address?",
      consequence: "No mail can help you then if you forget your password, and no code can be sent to you.",
      verb: "Remove the address",
      busy: "Removing…",
      failed: () => "The address may still be there.",
      task: async (signal) => {
        await removeEmail(client, { signal });
        await learn();
      },
    });
    if (!isDone) return;
    fold.close();
    say("Your account has no address any more.");
  }

  /** Learn from the API what the address is by now, in all tabs. */
  async function learn() {
    await client.refresh("address changed").catch(() => {});
  }

  async function lookAgain() {
    const { user } = await client.json("GET", "me");
    if (user.email_verified !== client.user?.email_verified || user.new_email !== client.user?.new_email) await learn();
  }

  return {
    show() {
      const { username, email = null, email_verified: isVerified, new_email: next, created_at: at } = /** @type {User} */ (client.user);
      const unconfirmed = next ?? (isVerified ? null : email);
      waits = unconfirmed !== null;
      byId("profile-email").textContent = email ?? "None";
      const state = byId("email-state");
      state.hidden = !email;
      state.textContent = isVerified ? "Confirmed" : "Not confirmed yet";
      state.classList.toggle("open", !isVerified);
      byId("email-none").hidden = !!email;
      waiting.hidden = !waits;
      byId("email-unconfirmed").textContent = unconfirmed ?? "";
      find(waiting, "[data-instead]").hidden = !next;
      find(details, "summary").textContent = email ? "Change e-mail address" : "Add an e-mail address";
      remove.hidden = !email || site.email === "required";
      byId("profile-username").closest("div").hidden = site.isNamedByEmail;
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
      for (const id of ["profile-email", "email-unconfirmed"]) byId(id).textContent = "";
      resend.clear();
      fold.clear();
    },
  };
}

/** Put the address below the name. @param {Client} client @param {() => Promise<void>} learn */
function addRow(client, learn) {
  const button = makeButton("", "button small", () => {});
  const status = set(make("p", "status muted"), { role: "status" });
  const waiting = make(
    "div",
    "unconfirmed",
    make(
      "p",
      "muted",
      "Open the link in the mail to ",
      set(make("bdi"), { id: "email-unconfirmed" }),
      ".",
      set(make("span", "", " It takes the place of the other one then."), { "data-instead": "" }),
    ),
    make("div", "again", button),
    status,
  );
  const resend = startResend(button, status, async () => {
    try {
      await resendEmail(client);
    } catch (error) {
      if (error.status !== CONFLICT) throw error;
      // Nothing waits any more.
      await learn();
    }
  });
  const row = make(
    "div",
    "",
    make("dt", "", "E-mail address"),
    make(
      "dd",
      "",
      make("p", "address", set(make("bdi"), { id: "profile-email" }), " ", set(make("span", "pill"), { id: "email-state" })),
      set(make("p", "muted", "With one, a mail can help you if you forget your password."), { id: "email-none" }),
      waiting,
    ),
  );
  byId("profile-username").closest("div").after(row);
  return { row, waiting, resend };
}

/** Put the form above that of the password. */
function addFold() {
  const remove = makeButton("Remove the address", "button", () => {});
  const element = form(
    "address-form",
    make("p", "muted", "We send a mail there. It is your account's as soon as you open the link in it."),
    usernameField(),
    field("new-email", "E-mail address", { name: "email", type: "email", inputmode: "email", autocomplete: "email" }),
    make(
      "div",
      "actions",
      submit("Send the mail", "Sending…", "button primary"),
      set(makeButton("Cancel", "button quiet", () => {}), { "data-cancel": "" }),
      remove,
    ),
  );
  const details = set(make("details", "fold", make("summary"), element), { id: "email-fold" });
  byId("password-fold").before(details);
  return { details, element, remove };
}
