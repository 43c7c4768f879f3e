/**
 * The dialog that asks before something important happens. It says what will happen, asks for proof of who it is if the
 * log-in is a while ago, and stays open until the task is done or the user cancels: what went wrong is told in it. The
 * proof is the password, with a code where the account has a second factor, or a passkey. It is passed to the client
 * and kept nowhere.
 */

import { find, make, makeButton, whileBusy } from "./dom.js";
import { field, passwordField, set, usernameField } from "./fields.js";
import { clearForm, startForm } from "./forms.js";
import { ApiError, SessionEnded } from "./lychgate.js";
import { passkeysWork, reauthenticate } from "./lychgate-factors.js";
import { describe } from "./messages.js";
import { codeProblem, withoutPasskey } from "./factor-words.js";
import { known } from "./ways-known.js";

/** The API's default. If its own is shorter, it says so when it is asked. */
const FRESH_SECONDS = 900;
const FIELD = "confirm-password";
const CODE_FIELD = "confirm-code";
const STALE = "insufficient_user_authentication";
const REASONS = {
  password: "You logged in a while ago, so please enter your password.",
  code: "This needs your password and a code of your authenticator app.",
  passkey: "You logged in a while ago, so please use a passkey.",
  none: "You logged in a while ago, and your account has neither a password nor a passkey that works here. Log out, and log in with a mailed code: then it can be done for 15 minutes.",
};

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} consequence what will happen
 * @property {string} verb the button that does it
 * @property {string} busy the button meanwhile
 * @property {() => string} failed what is to be said of the task when it has failed, before the reason
 * @property {boolean} [isUrgent] whether the API does it however long ago the log-in was
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
  wantProof(!question.isUrgent && isStale(client));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
  });
}

/**
 * Do something that wants a fresh session: at once if it is fresh, and otherwise after the question. Throws what belongs
 * to the caller's form.
 *
 * @param {Client} theClient
 * @param {Question} theQuestion
 * @returns {Promise<boolean>} whether it is done
 */
export async function whenFresh(theClient, theQuestion) {
  const { task } = theQuestion;
  if (!isStale(theClient)) {
    try {
      await task(new AbortController().signal);
      return true;
    } catch (error) {
      if (error.error !== STALE) throw error;
    }
  }
  /** @type {Error | null} */
  let refusal = null;
  const isDone = await confirm(theClient, {
    ...theQuestion,
    task: async (signal) => {
      await task(signal).catch((error) => {
        if (!belongsToForm(error)) throw error;
        refusal = error;
      });
    },
  });
  if (refusal) throw refusal;
  return isDone;
}

/** Whether an error is about what was typed into a form. @param {any} error */
function belongsToForm(error) {
  return error.errors?.length > 0 || error.error === "invalid_credentials";
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
    proofPart(),
    make("div", "actions", submit, cancel),
    set(make("p", "form-error"), { "data-form-error": "", role: "alert" }),
  );
  dialog = set(make("dialog", "card", title, consequence, form), {
    id: "confirm-dialog",
    "aria-labelledby": title.id,
    "aria-describedby": consequence.id,
  });
  document.body.append(dialog);
  startForm(form, check, send);
  dialog.addEventListener("close", () => {
    open.abort();
    clearForm(form);
  });
  client.onChange(({ type }) => {
    if (type === "logged-out" || type === "logged-in") dialog.close();
  });
}

function proofPart() {
  const password = make("div", "", usernameField(), passwordField(FIELD, "Password", { name: "password" }));
  const code = make(
    "div",
    "",
    field(CODE_FIELD, "Code of the app", {
      name: "code",
      type: "text",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
      class: "digits",
    }),
  );
  const passkey = set(makeButton("", "", usePasskey), { "data-busy": "Waiting for the passkey…" });
  const reason = set(make("p", "muted"), { id: "confirm-reason" });
  set(find(password, `#${FIELD}`), { "aria-describedby": `confirm-reason ${FIELD}-error` });
  return set(
    make(
      "div",
      "",
      reason,
      set(password, { "data-proof": "password" }),
      set(code, { "data-proof": "code" }),
      make("div", "passkey-proof", passkey),
    ),
    { "data-part": "proof" },
  );
}

/** @param {boolean} isWanted @param {boolean} [wantsCode] whether the API has asked for a second factor */
function wantProof(isWanted, wantsCode = false) {
  const { user } = client;
  const ways = known();
  const hasPassword = ways?.password !== false;
  const hasCode = hasPassword && (wantsCode || !!user?.second_factor);
  const hasPasskey = passkeysWork() && ways?.passkeys.length !== 0;
  const part = find(form, "[data-part=proof]");
  part.hidden = !isWanted;
  find(part, "[data-proof=password]").hidden = !hasPassword;
  find(part, "[data-proof=code]").hidden = !hasCode;
  find(part, ".passkey-proof").hidden = !hasPasskey;
  const passkey = find(part, ".passkey-proof button");
  passkey.className = hasPassword ? "button small" : "button primary wide";
  passkey.textContent = hasPassword ? "Use a passkey instead" : "Use a passkey";
  const kind = hasCode ? "code" : hasPassword ? "password" : hasPasskey ? "passkey" : "none";
  find(part, "#confirm-reason").textContent = REASONS[kind];
  const submit = find(form, "[type=submit]");
  submit.hidden = isWanted && !hasPassword;
  // Where the focus is when the dialog opens. Without a proof that is what changes nothing.
  const first = isWanted && hasPassword ? `#${FIELD}` : isWanted && hasPasskey ? ".passkey-proof button" : ".actions .quiet";
  for (const element of form.querySelectorAll("[autofocus]")) element.removeAttribute("autofocus");
  find(form, first).setAttribute("autofocus", "");
}

function wants(name) {
  return !!find(form, `[data-proof=${name}]`).checkVisibility();
}

/** @param {Record<string, string>} values */
function check({ password, code }) {
  return {
    ...(wants("password") && !password && { password: "Enter your password." }),
    ...(wants("code") && codeProblem(code) && { code: codeProblem(code) }),
  };
}

/** @param {Record<string, string>} values */
async function send({ password, code }) {
  const { signal } = open;
  try {
    if (wants("password")) await prove(wants("code") ? { password, code } : { password });
    else await goOn();
  } catch (error) {
    // Whoever has cancelled is told of nothing.
    if (signal.aborted) return;
    if (error.error === "second_factor_required") return askForCode();
    if (error.error !== "invalid_code") throw error;
    find(form, "[name=code]").select();
    const message = "Wrong, or used. Try the next one.";
    throw new ApiError({ ...error, status: 422, errors: [{ field: "code", message }] });
  }
}

function usePasskey() {
  const { signal } = open;
  const place = find(form, "[data-form-error]");
  place.textContent = "";
  whileBusy(find(form, ".passkey-proof button"), async () => {
    try {
      await prove({ passkey: true });
    } catch (error) {
      if (signal.aborted) return;
      place.textContent = error.error === "invalid_code" ? "This passkey is not good for your account." : (withoutPasskey(error) ?? describe(error));
    }
  });
}

/** @param {{password: string, code?: string} | {passkey: true}} proof */
async function prove(proof) {
  const { signal } = open;
  await reauthenticate(client, proof, { signal });
  wantProof(false);
  await goOn();
}

/** Do what was asked for. */
async function goOn() {
  const { signal } = open;
  if (signal.aborted) return;
  try {
    await question.task(signal);
    if (!signal.aborted) dialog.close("done");
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof SessionEnded) dialog.close();
    else if (error.error === STALE) askForProof();
    else find(form, "[data-form-error]").textContent = `${question.failed()} ${withoutPasskey(error) ?? describe(error)}`;
  }
}

/** The session was less fresh than it seemed. */
function askForProof() {
  wantProof(true);
  find(form, "[autofocus]").focus();
}

/** The account has a second factor since. */
function askForCode() {
  wantProof(true, true);
  find(form, `#${CODE_FIELD}`).focus();
}

/** Guess from the access token, by the API's own clock, whether the API will want a proof. @param {Client} client */
export function isStale(client) {
  if (!client.token) return false;
  const { accessToken, lifetime, secondsLeft } = client.token;
  try {
    const claims = JSON.parse(atob(accessToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    if (client.user?.second_factor && claims.acr !== "aal2") return true;
    return claims.iat + lifetime - secondsLeft - claims.auth_time >= FRESH_SECONDS;
  } catch {
    return false;
  }
}
