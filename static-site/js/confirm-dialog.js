/**
 * The dialog that asks before something ends sessions. It says what will happen, asks for the password too if the log-in
 * is a while ago, and stays open until the task is done or the user cancels: what went wrong is told in it. The password
 * is passed to the client and kept nowhere.
 */

import { find, make, makeButton } from "./dom.js";
import { set } from "./fields.js";
import { clearForm, startForm } from "./forms.js";
import { SessionEnded } from "./lychgate.js";
import { describe } from "./messages.js";

/** The API's default. If its own is shorter, it says so when it is asked. */
const FRESH_SECONDS = 900;
const FIELD = "confirm-password";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} consequence what will happen
 * @property {string} verb the button that does it
 * @property {string} busy the button meanwhile
 * @property {() => string} failed what is to be said of the task when it has failed, before the reason
 * @property {(signal: AbortSignal) => Promise<void>} task is done again from where it was when the user tries again
 */

/** @type {Client} */
let client;
/** @type {HTMLDialogElement} */
let dialog;
/** @type {any} */
let form;
/** @type {Question} */
let question;
/** Ends when the dialog is closed. */
let open = new AbortController();

/**
 * Ask, and do it.
 *
 * @param {Client} theClient
 * @param {Question} theQuestion
 * @returns {Promise<boolean>} whether it is done; false if the user, or the end of the session, has cancelled
 */
export function confirm(theClient, theQuestion) {
  if (!client) build(theClient);
  question = theQuestion;
  open = new AbortController();
  clearForm(form);
  form.elements.namedItem("username").value = client.user?.username ?? "";
  find(dialog, "h2").textContent = question.title;
  find(dialog, "#confirm-consequence").textContent = question.consequence;
  find(form, "[type=submit]").textContent = question.verb;
  find(form, "[type=submit]").dataset.busy = question.busy;
  wantPassword(isStale(client));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
  });
}

/** @param {Client} theClient */
function build(theClient) {
  client = theClient;
  const title = set(make("h2"), { id: "confirm-title" });
  const consequence = set(make("p"), { id: "confirm-consequence" });
  const submit = set(make("button", "button primary"), { type: "submit" });
  const cancel = set(makeButton("Cancel", "button quiet", () => dialog.close()), { autofocus: "" });
  form = set(make("form"), { method: "post", novalidate: "", "data-refused": "password" });
  form.append(
    passwordPart(),
    make("div", "actions", submit, cancel),
    set(make("p", "form-error"), { "data-form-error": "", role: "alert" }),
  );
  dialog = set(make("dialog", "card", title, consequence, form), {
    id: "confirm-dialog",
    "aria-labelledby": title.id,
    "aria-describedby": consequence.id,
  });
  document.body.append(dialog);
  startForm(form, ({ password }) => (password || !wantsPassword() ? {} : { password: "Enter your password." }), send);
  dialog.addEventListener("close", () => {
    open.abort();
    clearForm(form);
  });
  client.onChange(({ type }) => {
    if (type === "logged-out" || type === "logged-in") dialog.close();
  });
}

function passwordPart() {
  const username = set(make("input"), {
    name: "username",
    type: "text",
    autocomplete: "username",
    "aria-label": "Username",
    readonly: "",
    hidden: "",
  });
  const password = set(make("input"), {
    id: FIELD,
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: "",
    "aria-describedby": `confirm-reason ${FIELD}-error`,
  });
  const reveal = set(makeButton("", "reveal", () => {}), { "aria-controls": FIELD });
  reveal.append(set(make("span", "", "Show"), { "data-verb": "" }), make("span", "sr-only", " password"));
  return set(
    make(
      "div",
      "",
      set(make("p", "muted", "You logged in a while ago, so please enter your password."), { id: "confirm-reason" }),
      username,
      make(
        "div",
        "field",
        set(make("label", "", "Password"), { for: FIELD }),
        make("div", "with-button", password, reveal),
        make("div", "below", set(make("p", "field-error"), { id: `${FIELD}-error`, "data-error-for": "password" })),
      ),
    ),
    { "data-part": "password" },
  );
}

/** @param {boolean} isWanted */
function wantPassword(isWanted) {
  find(form, "[data-part=password]").hidden = !isWanted;
  // Where the focus is when the dialog opens. Without a password that is what changes nothing.
  find(form, "[type=password]").toggleAttribute("autofocus", isWanted);
  find(form, ".actions .quiet").toggleAttribute("autofocus", !isWanted);
}

function wantsPassword() {
  return !find(form, "[data-part=password]").hidden;
}

/** @param {Record<string, string>} values */
async function send({ password }) {
  const { signal } = open;
  try {
    if (wantsPassword()) {
      await client.reauthenticate(password, { signal });
      wantPassword(false);
    }
    if (signal.aborted) return;
    await attempt(signal);
  } catch (error) {
    // Whoever has cancelled is told of nothing.
    if (!signal.aborted) throw error;
  }
}

/** @param {AbortSignal} signal */
async function attempt(signal) {
  try {
    await question.task(signal);
    if (!signal.aborted) dialog.close("done");
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof SessionEnded) dialog.close();
    else if (error.error === "insufficient_user_authentication") askForPassword();
    else find(form, "[data-form-error]").textContent = `${question.failed()} ${describe(error)}`;
  }
}

/** The session was less fresh than it seemed. */
function askForPassword() {
  wantPassword(true);
  find(form, "[type=password]").focus();
}

/** Guess from the access token, by the API's own clock, whether the API will want the password. @param {Client} client */
export function isStale(client) {
  if (!client.token) return false;
  const { accessToken, lifetime, secondsLeft } = client.token;
  try {
    const claims = JSON.parse(atob(accessToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return claims.iat + lifetime - secondsLeft - claims.auth_time >= FRESH_SECONDS;
  } catch {
    return false;
  }
}
