/**
 * The second step of a log-in, for accounts with a second factor: the code of an app, a recovery code, or a passkey. Loaded
 * only when it is due. It takes the place of the forms in the card, and lasts as long as the API's challenge does, which
 * is kept nowhere else.
 */

import { byId, find, make, makeButton, whileBusy } from "./dom.js";
import { field, form, set, submit } from "./fields.js";
import { clearForm, startForm } from "./forms.js";
import { ApiError } from "./lychgate.js";
import { answerWithPasskey, loginWithSecondFactor, passkeysWork } from "./lychgate-factors.js";
import { describe } from "./messages.js";
import { codeProblem, withoutPasskey } from "./factor-words.js";
import { loadStyles } from "./styles.js";

const FIRST = "Enter your password again.";
const RECOVERY_CODE_LENGTH = 26;
/** Seconds before the end at which a screen reader hears of it. */
const LAST_CALL_S = 60;
/** What makes way for the step. */
const INSTEAD_OF = ["login-panel", "signup-panel", "entry-tabs", "login-only", "signup-closed"];
const FIELDS = { code: "second-code", recoveryCode: "second-recovery-code" };

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {keyof typeof FIELDS} Way */

/**
 * A second step that is due.
 *
 * @typedef {object} Due
 * @property {any} refusal what the first step was answered
 * @property {string} name whose account it is
 * @property {string} [first] what to do to begin again; to give the password, if it does not say
 * @property {() => void} [again] makes that possible
 * @property {() => void} [done] is called when a code has logged somebody in
 */

/** @type {Client} */
let client;
/** @type {ReturnType<typeof build> | null} none before it was needed */
let parts = null;
/** @type {Due | null} none while no second step is due */
let due = null;
/** Shows the first step again. */
let leave = () => {};
/** When the challenge ends, by `performance.now()`. */
let endsAt = 0;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticker;
/** Ends what is under way when the step does. */
let open = new AbortController();

/** @param {Client} theClient @param {Due} theDue @param {() => void} theLeave */
export async function showSecondStep(theClient, theDue, theLeave) {
  client = theClient;
  await loadStyles("/mails.css");
  parts ??= build();
  hideSecondStep();
  due = theDue;
  leave = theLeave;
  for (const id of INSTEAD_OF) byId(id).hidden = true;
  open = new AbortController();
  const { methods = [], publicKey, expiresIn = 300 } = due.refusal;
  const hasCode = methods.includes("totp");
  parts.passkey.hidden = !publicKey || !passkeysWork();
  parts.ways.hidden = false;
  parts.forms.recoveryCode.hidden = true;
  parts.toRecovery.hidden = !methods.includes("recovery_code");
  parts.toCode.dataset.works = String(hasCode);
  for (const place of parts.panel.querySelectorAll("[data-name]")) place.textContent = due.name;
  endsAt = performance.now() + 1000 * expiresIn;
  ticker = setInterval(tick, 1000);
  parts.title.textContent = "One more step";
  parts.title.hidden = parts.panel.hidden = false;
  parts.ended.hidden = true;
  choose("code");
  tick();
}

/** Leave the step, and forget it. */
export function hideSecondStep() {
  clearInterval(ticker);
  due = null;
  open.abort();
  if (!parts) return;
  parts.title.hidden = parts.panel.hidden = true;
  for (const element of Object.values(parts.forms)) clearForm(element);
  for (const place of [parts.status, parts.time, parts.lastCall, ...parts.panel.querySelectorAll("[data-name]")]) {
    place.textContent = "";
  }
}

function build() {
  const passkey = set(makeButton("Use a passkey", "button small", usePasskey), { "data-busy": "Waiting for the passkey…" });
  const toRecovery = makeButton("Use a recovery code", "button small", () => choose("recoveryCode"));
  const toCode = makeButton("Use a code of the app", "button small", () => choose("code"));
  const status = set(make("p", "form-error"), { role: "alert" });
  const time = set(make("p", "muted time"), { "aria-hidden": "true" });
  const lastCall = set(make("p", "sr-only"), { role: "status" });
  const again = makeButton("Begin again", "button primary wide", beginAgain);
  const back = set(make("a", "", "Back to the log-in"), { href: "#login" });
  back.addEventListener("click", (event) => {
    event.preventDefault();
    beginAgain();
  });
  const forms = { code: codeForm(), recoveryCode: recoveryForm() };
  const ways = make("div", "", make("div", "again", passkey, toRecovery, toCode), status, time, lastCall);
  const ended = make("div", "", set(make("p", "explanation"), { "data-why": "" }), again);
  const title = set(make("h2"), { tabindex: "-1", id: "second-step-title" });
  const panel = set(make("div", "step", forms.code, forms.recoveryCode, ways, ended, make("p", "aside", back)), {
    id: "second-step",
    role: "group",
    "aria-labelledby": title.id,
  });
  const panels = find(document, ".panels");
  panels.before(title);
  panels.append(panel);
  return { title, panel, forms, ways, ended, passkey, toRecovery, toCode, status, time, lastCall };
}

function beginAgain() {
  const again = due?.again;
  again?.();
  byId("login-password").value = "";
  leave();
  if (!again) byId("login-password").focus();
}

function codeForm() {
  const element = form(
    "second-code-form",
    make("p", "explanation", "Enter the code that your authenticator app shows for ", whose(), "."),
    field(FIELDS.code, "Code of the app", {
      name: "code",
      type: "text",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
      class: "digits",
    }),
    submit("Log in", "Logging in…"),
  );
  startForm(element, ({ code }) => named("code", codeProblem(code)), ({ code }) => send({ code }, "code"));
  return element;
}

function recoveryForm() {
  const element = form(
    "second-recovery-form",
    make("p", "explanation", "Enter one of the recovery codes that you have kept for ", whose(), ". Each of them works once."),
    field(FIELDS.recoveryCode, "Recovery code", {
      name: "recovery_code",
      type: "text",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      class: "secret",
    }),
    submit("Log in", "Logging in…"),
  );
  startForm(
    element,
    ({ recovery_code: code }) => named("recovery_code", recoveryProblem(code)),
    ({ recovery_code: recoveryCode }) => send({ recoveryCode }, "recovery_code"),
  );
  return element;
}

function recoveryProblem(code) {
  const plain = code.replace(/[\s-]/g, "");
  if (!plain) return "Enter a recovery code.";
  return plain.length === RECOVERY_CODE_LENGTH ? "" : `It has ${RECOVERY_CODE_LENGTH} letters and digits.`;
}

function named(name, problem) {
  return problem ? { [name]: problem } : {};
}

function whose() {
  return set(make("bdi"), { "data-name": "" });
}

/** @param {Way} way */
function choose(way) {
  if (!parts) return;
  const { forms, toRecovery, toCode, status } = parts;
  for (const [name, element] of Object.entries(forms)) element.hidden = name !== way;
  toCode.hidden = way === "code" || toCode.dataset.works !== "true";
  toRecovery.hidden = way === "recoveryCode" || !due?.refusal.methods?.includes("recovery_code");
  status.textContent = "";
  find(document, `#${FIELDS[way]}`).focus();
}

/**
 * @param {{code: string} | {recoveryCode: string} | {credential: object}} proof
 * @param {string} name of the field that it was typed into, "" for none
 */
async function send(proof, name) {
  const { signal } = open;
  const done = name ? due?.done : undefined;
  if (parts) parts.status.textContent = "";
  try {
    await loginWithSecondFactor(client, due?.refusal.challenge ?? "", proof, { signal });
    done?.();
  } catch (error) {
    if (signal.aborted) return;
    if (error.error === "invalid_challenge") return end(`This took too long, or there were too many wrong tries. ${due?.first ?? FIRST}`);
    if (error.error !== "invalid_code" || !name) throw error;
    find(document, `[name=${name}]`).select();
    const message = name === "code" ? "Wrong, or used. Try the next one." : "Not one of your codes, or used.";
    throw new ApiError({ ...error, status: 422, errors: [{ field: name, message }] });
  }
}

function usePasskey() {
  const { publicKey } = due?.refusal ?? {};
  if (!parts || !publicKey) return;
  const { passkey, status } = parts;
  const { signal } = open;
  status.textContent = "";
  whileBusy(passkey, async () => {
    try {
      await send({ credential: await answerWithPasskey(publicKey, { signal }) }, "");
    } catch (error) {
      if (!signal.aborted) status.textContent = error.error === "invalid_code" ? "The passkey was refused." : withoutPasskey(error) ?? describe(error);
    }
  });
}

/** Show how much time is left, and at the end that it is over. */
function tick() {
  if (!parts) return;
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  parts.time.textContent = `Time left: ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (left <= LAST_CALL_S && !parts.lastCall.textContent) parts.lastCall.textContent = "One minute is left.";
  if (!left) end(`The time is over. ${due?.first ?? FIRST}`);
}

/** @param {string} why */
function end(why) {
  clearInterval(ticker);
  if (!parts) return;
  open.abort();
  for (const element of Object.values(parts.forms)) element.hidden = true;
  parts.ways.hidden = true;
  parts.ended.hidden = false;
  find(parts.ended, "[data-why]").textContent = why;
  parts.title.textContent = "Please begin again";
  parts.title.focus();
}
