/**
 * The second step of a log-in, for accounts with a second factor: the code of an app, a recovery code, or a passkey. Loaded
 * only when it is due. It takes the place of the forms in the card, and lasts as long as the API's challenge does, which
 * is kept nowhere else.
 */

import { answerWithPasskey, loginWithSecondFactor, passkeysWork } from "../../lychgate-factors.js";
import { CODE_FIELD, cleanCode, codeProblem } from "../core/codes.js";
import { find, make, makeButton, partSelector, set, whileBusy } from "../core/dom.js";
import { withoutPasskey } from "../core/factor-words.js";
import { field, form, submit } from "../core/fields.js";
import { clearForm, startForm } from "../core/forms.js";
import { describe, WordedError } from "../core/messages.js";

const RECOVERY_CODE_LENGTH = 26;
/** Seconds before the end at which a screen reader hears of it. */
const LAST_CALL_S = 60;
const USUAL_S = 300;
/** What makes way for the step. */
const INSTEAD_OF = ["login-panel", "signup-panel", "entry-tabs", "login-only", "signup-closed"];
const FIELDS = { code: "second-code", recoveryCode: "second-recovery-code" };

/** @typedef {import("../core/view.js").View} View */
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

/**
 * @param {View} view
 * @param {Due} due
 * @param {() => void} leave shows the first step again
 * @returns {{hide: () => void}} `hide` leaves the step, and forgets it
 */
export function showSecondStep(view, due, leave) {
  const step = new Step(view, due, leave);
  step.begin();
  return { hide: () => step.hide() };
}

class Step {
  #view;
  #due;
  #leave;
  /** When the challenge ends, by `performance.now()`. */
  #endsAt;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticker;
  /** Ends what is under way when the step does. */
  #open = new AbortController();
  /** @type {Record<Way, any>} */
  #forms;
  /** By their names, all that changes. @type {Record<string, any>} */
  #parts;

  /** @param {View} view @param {Due} due @param {() => void} leave */
  constructor(view, due, leave) {
    this.#view = view;
    this.#due = due;
    this.#leave = leave;
    this.#endsAt = performance.now() + 1000 * (due.refusal.expiresIn ?? USUAL_S);
    this.#forms = { code: this.#codeForm(), recoveryCode: this.#recoveryForm() };
    this.#parts = this.#build();
  }

  begin() {
    const { title, panel, passkey } = this.#parts;
    for (const name of INSTEAD_OF) this.#view.part(name).hidden = true;
    passkey.hidden = !this.#due.refusal.publicKey || !passkeysWork();
    const panels = this.#view.part("panels");
    panels.before(title);
    panels.append(panel);
    this.#view.signal.addEventListener("abort", () => this.hide(), { signal: this.#open.signal });
    this.#ticker = setInterval(() => this.#tick(), 1000);
    this.#choose("code");
    this.#tick();
  }

  hide() {
    this.#stop();
    const { title, panel } = this.#parts;
    title.remove();
    panel.remove();
    for (const element of Object.values(this.#forms)) clearForm(this.#view, element);
  }

  #stop() {
    clearInterval(this.#ticker);
    this.#open.abort();
  }

  #build() {
    const view = this.#view;
    const button = (/** @type {string} */ key, /** @type {() => void} */ onClick) => makeButton(view.text(key), "button small", onClick);
    const passkey = set(button("use-passkey", () => this.#usePasskey()), { "data-busy": view.text("waiting-for-passkey") });
    const toRecovery = button("use-recovery-code", () => this.#choose("recoveryCode"));
    const toCode = button("use-app-code", () => this.#choose("code"));
    const status = set(make("p", "form-error second-status"), { role: "alert" });
    const time = set(make("p", "muted time"), { "aria-hidden": "true" });
    const lastCall = set(make("p", "sr-only last-call"), { role: "status" });
    const again = makeButton(view.text("begin-again"), "button primary wide", () => this.#beginAgain());
    const back = set(make("a", "", view.text("back-to-login")), { href: "#login" });
    back.addEventListener("click", (event) => {
      event.preventDefault();
      this.#beginAgain();
    });
    const ways = make("div", "", make("div", "again", passkey, toRecovery, toCode), status, time, lastCall);
    const why = make("p", "explanation why");
    const ended = set(make("div", "", why, again), { hidden: "" });
    const title = set(make("h2", "second-step-title", view.text("one-more-step")), { tabindex: "-1", id: view.id("second-step-title") });
    const panel = set(make("div", "step second-step", ...Object.values(this.#forms), ways, ended, make("p", "aside", back)), {
      role: "group",
      "aria-labelledby": title.id,
    });
    return { title, panel, ways, ended, why, passkey, toRecovery, toCode, status, time, lastCall };
  }

  #beginAgain() {
    const { again } = this.#due;
    const password = this.#view.part("login-password");
    again?.();
    password.value = "";
    this.#leave();
    if (!again) password.focus();
  }

  #codeForm() {
    const view = this.#view;
    const element = form(
      "second-code-form",
      make("p", "explanation", ...view.pieces("code-of-app-for", { name: this.#whose() })),
      field(view, FIELDS.code, view.text("code-of-app"), { name: "code", ...CODE_FIELD, "data-part": `${FIELDS.code} digits` }),
      submit(view.text("log-in"), view.text("logging-in")),
    );
    startForm(view, element, ({ code }) => named("code", codeProblem(view, code)), ({ code }) => this.#send({ code: cleanCode(code) }, "code"));
    return element;
  }

  #recoveryForm() {
    const view = this.#view;
    const element = form(
      "second-recovery-form",
      make("p", "explanation", ...view.pieces("recovery-code-for", { name: this.#whose() })),
      field(view, FIELDS.recoveryCode, view.text("recovery-code"), {
        name: "recovery_code",
        type: "text",
        autocomplete: "off",
        autocapitalize: "none",
        spellcheck: "false",
        "data-part": `${FIELDS.recoveryCode} secret`,
      }),
      submit(view.text("log-in"), view.text("logging-in")),
    );
    startForm(
      view,
      element,
      ({ recovery_code: code }) => named("recovery_code", this.#recoveryProblem(code)),
      ({ recovery_code: code }) => this.#send({ recoveryCode: cleanCode(code) }, "recovery_code"),
    );
    return element;
  }

  /** @param {string} code */
  #recoveryProblem(code) {
    const plain = cleanCode(code);
    if (!plain) return this.#view.text("enter-recovery-code");
    return plain.length === RECOVERY_CODE_LENGTH ? "" : this.#view.text("recovery-code-has", { count: RECOVERY_CODE_LENGTH });
  }

  #whose() {
    return make("bdi", "", this.#due.name);
  }

  /** @param {string} name of a method @returns {boolean} */
  #hasMethod(name) {
    return !!this.#due.refusal.methods?.includes(name);
  }

  /** @param {Way} way */
  #choose(way) {
    const { toRecovery, toCode, status } = this.#parts;
    for (const [name, element] of Object.entries(this.#forms)) element.hidden = name !== way;
    toCode.hidden = way === "code" || !this.#hasMethod("totp");
    toRecovery.hidden = way === "recoveryCode" || !this.#hasMethod("recovery_code");
    status.textContent = "";
    find(this.#forms[way], partSelector(FIELDS[way])).focus();
  }

  /**
   * @param {{code: string} | {recoveryCode: string} | {credential: object}} proof
   * @param {string} name of the field that it was typed into, "" for none
   */
  async #send(proof, name) {
    const { signal } = this.#open;
    const { refusal, done } = this.#due;
    this.#parts.status.textContent = "";
    try {
      await loginWithSecondFactor(this.#view.client, refusal.challenge ?? "", proof, { signal });
      if (name) done?.();
    } catch (error) {
      if (signal.aborted) return;
      if (error.error === "invalid_challenge") return this.#end("second-step-refused");
      if (error.error !== "invalid_code" || !name) throw error;
      find(this.#parts.panel, `[name=${name}]`).select();
      throw new WordedError(error, this.#view.text(name === "code" ? "wrong-code" : "recovery-code-wrong"), name);
    }
  }

  #usePasskey() {
    const { publicKey } = this.#due.refusal;
    const { passkey, status } = this.#parts;
    const { signal } = this.#open;
    status.textContent = "";
    whileBusy(passkey, async () => {
      try {
        await this.#send({ credential: await answerWithPasskey(publicKey, { signal }) }, "");
      } catch (error) {
        if (!signal.aborted) status.textContent = this.#explain(error);
      }
    });
  }

  /** @param {any} error of a passkey */
  #explain(error) {
    if (error.error === "invalid_code") return this.#view.text("second-passkey-refused");
    return withoutPasskey(this.#view, error) ?? describe(error, this.#view.words);
  }

  /** Show how much time is left, and at the end that it is over. */
  #tick() {
    const { time, lastCall } = this.#parts;
    const left = Math.max(0, Math.ceil((this.#endsAt - performance.now()) / 1000));
    time.textContent = this.#view.text("time-left", { time: clockTime(left, this.#view.words.language) });
    if (left <= LAST_CALL_S && !lastCall.textContent) lastCall.textContent = this.#view.text("one-minute-left");
    if (!left) this.#end("second-step-over");
  }

  /** @param {"second-step-refused" | "second-step-over"} why */
  #end(why) {
    const { title, ways, ended, why: place } = this.#parts;
    const first = this.#due.first ?? this.#view.text("password-again");
    this.#stop();
    for (const element of Object.values(this.#forms)) element.hidden = true;
    ways.hidden = true;
    ended.hidden = false;
    place.textContent = this.#view.text(why, { first });
    title.textContent = this.#view.text("please-begin-again");
    title.focus();
  }
}

/** @param {string} name @param {string} problem */
function named(name, problem) {
  return problem ? { [name]: problem } : {};
}

/** @param {number} seconds @param {string} language @returns {string} such as 4:05 */
function clockTime(seconds, language) {
  const [minute, second] = [1, 2].map((minimumIntegerDigits) => new Intl.NumberFormat(language, { minimumIntegerDigits }));
  return `${minute.format(Math.floor(seconds / 60))}:${second.format(seconds % 60)}`;
}
