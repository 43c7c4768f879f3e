/**
 * The dialog that asks before something important happens. It says what will happen, asks for proof of who it is if the
 * log-in is a while ago, and stays open until the task is done or the user cancels: what went wrong is told in it. The
 * proof is the password, with a code where the account has a second factor, or a passkey. It is passed to the client
 * and kept nowhere.
 */

import { ApiError, SessionEnded } from "../../lychgate.js";
import { passkeysWork, reauthenticate } from "../../lychgate-factors.js";
import { cleanCode, codeProblem } from "./codes.js";
import { isStale, STALE } from "./confirm-dialog.js";
import { find, make, makeButton, markPart, partSelector, set, whileBusy } from "./dom.js";
import { withoutPasskey } from "./factor-words.js";
import { field, form, passwordField, usernameField } from "./fields.js";
import { clearForm, startForm } from "./forms.js";
import { describe } from "./messages.js";
import { known } from "./ways-known.js";

const FIELD = "confirm-password";
const CODE_FIELD = "confirm-code";
const REASON = "confirm-reason";

/** @typedef {import("./view.js").View} View */

/** @typedef {import("./confirm-dialog.js").Question} Question */

/** One question, from the moment that it is asked to the answer. */
export class Confirmation {
  #view;
  #question;
  /** @type {any} */
  #form;
  /** @type {HTMLDialogElement} */
  #dialog;
  /** Ends when the dialog is closed. */
  #open = new AbortController();

  /** @param {View} view @param {Question} question */
  constructor(view, question) {
    this.#view = view;
    this.#question = question;
    this.#form = this.#makeForm();
    this.#dialog = this.#makeDialog();
    view.root.append(this.#dialog);
    startForm(view, this.#form, (values) => this.#check(values), (values) => this.#send(values));
    this.#wantProof(question.isStale || (!question.isUrgent && isStale(view.client)));
    this.#dialog.showModal();
    /** Whether it is done. @type {Promise<boolean>} */
    this.done = this.#end();
  }

  /** @returns {Promise<boolean>} */
  #end() {
    const stop = this.#view.client.onChange(({ type }) => {
      if (type === "logged-out" || type === "logged-in") this.#dialog.close();
    });
    return new Promise((resolve) => {
      const settle = () => {
        stop();
        this.#open.abort();
        clearForm(this.#view, this.#form);
        this.#dialog.remove();
        resolve(this.#dialog.returnValue === "done");
      };
      this.#dialog.addEventListener("close", settle);
      // With its element it is taken out of the document, and is never told that it is closed.
      this.#view.signal.addEventListener("abort", settle, { signal: this.#open.signal });
    });
  }

  #makeDialog() {
    const view = this.#view;
    const title = set(make("h2", "confirm-title", this.#question.title), { id: view.id("confirm-title") });
    const consequence = set(make("p", "confirm-consequence", this.#question.consequence), { id: view.id("confirm-consequence") });
    return set(make("dialog", "confirm-dialog card", title, consequence, this.#form), {
      "aria-labelledby": title.id,
      "aria-describedby": consequence.id,
      lang: view.words.language,
      dir: view.words.direction,
    });
  }

  #makeForm() {
    const { verb, busy } = this.#question;
    const submit = set(make("button", "button primary", verb), { type: "submit", "data-busy": busy });
    const cancel = makeButton(this.#view.text("cancel"), "button quiet", () => this.#dialog.close());
    const element = form("confirm-form", this.#proofPart(), make("div", "actions", submit, cancel));
    element.dataset.refused = "password";
    element.elements.namedItem("username").value = this.#view.client.user?.username ?? "";
    return element;
  }

  #proofPart() {
    const view = this.#view;
    const password = make("div", "", usernameField(view), passwordField(view, FIELD, view.text("password"), { name: "password" }));
    const code = field(view, CODE_FIELD, view.text("code-of-app"), {
      name: "code",
      type: "text",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
    });
    markPart(find(code, "input"), "digits", true);
    const passkey = set(makeButton("", "button", () => this.#usePasskey()), { "data-busy": view.text("waiting-for-passkey") });
    const reason = set(make("p", `${REASON} muted`), { id: view.id(REASON) });
    set(find(password, partSelector(FIELD)), { "aria-describedby": `${reason.id} ${view.id(`${FIELD}-error`)}` });
    return make(
      "div",
      "proof",
      reason,
      set(password, { "data-proof": "password" }),
      set(make("div", "", code), { "data-proof": "code" }),
      make("div", "passkey-proof", passkey),
    );
  }

  /** @param {string} selector */
  #find(selector) {
    return find(this.#form, selector);
  }

  /** @param {boolean} isWanted @param {boolean} [wantsCode] whether the API has asked for a second factor */
  #wantProof(isWanted, wantsCode = false) {
    const view = this.#view;
    const ways = known(view);
    const hasPassword = ways?.password !== false;
    const hasCode = hasPassword && (wantsCode || !!view.client.user?.second_factor);
    const hasPasskey = passkeysWork() && ways?.passkeys.length !== 0;
    this.#find(partSelector("proof")).hidden = !isWanted;
    this.#find("[data-proof=password]").hidden = !hasPassword;
    this.#find("[data-proof=code]").hidden = !hasCode;
    this.#find(partSelector("passkey-proof")).hidden = !hasPasskey;
    const passkey = this.#find(`${partSelector("passkey-proof")} button`);
    passkey.dataset.part = hasPassword ? "button small" : "button primary wide";
    passkey.textContent = view.text(hasPassword ? "use-passkey-instead" : "use-passkey");
    const kind = hasCode ? "code" : hasPassword ? "password" : hasPasskey ? "passkey" : "none";
    this.#find(partSelector(REASON)).textContent = view.text(`proof:${kind}`);
    this.#find("[type=submit]").hidden = isWanted && !hasPassword;
    // Where the focus is when the dialog opens. Without a proof that is what changes nothing.
    const way = isWanted && (hasPassword ? partSelector(FIELD) : hasPasskey && `${partSelector("passkey-proof")} button`);
    for (const element of this.#form.querySelectorAll("[autofocus]")) element.removeAttribute("autofocus");
    this.#find(way || `${partSelector("actions")} ${partSelector("quiet")}`).setAttribute("autofocus", "");
    if (isWanted) view.tell("step-up");
  }

  /** @param {string} name */
  #wants(name) {
    return !!this.#find(`[data-proof=${name}]`).checkVisibility();
  }

  /** @param {Record<string, string>} values */
  #check({ password, code }) {
    const problem = this.#wants("code") && codeProblem(this.#view, code);
    return {
      ...(this.#wants("password") && !password && { password: this.#view.text("enter-password") }),
      ...(problem && { code: problem }),
    };
  }

  /** @param {Record<string, string>} values */
  async #send({ password, code }) {
    const { signal } = this.#open;
    try {
      if (this.#wants("password")) await this.#prove(this.#wants("code") ? { password, code: cleanCode(code) } : { password });
      else await this.#goOn();
    } catch (error) {
      // Whoever has cancelled is told of nothing.
      if (signal.aborted) return;
      if (error.error === "second_factor_required") return this.#askForCode();
      if (error.error !== "invalid_code") throw error;
      this.#find("[name=code]").select();
      const message = this.#view.text("wrong-code");
      throw new ApiError({ ...error, status: 422, errors: [{ field: "code", message }] });
    }
  }

  #usePasskey() {
    const { signal } = this.#open;
    const place = this.#find("[data-form-error]");
    place.textContent = "";
    whileBusy(this.#find(`${partSelector("passkey-proof")} button`), async () => {
      try {
        await this.#prove({ passkey: true });
      } catch (error) {
        if (signal.aborted) return;
        place.textContent = error.error === "invalid_code" ? this.#view.text("not-your-passkey") : this.#describe(error);
      }
    });
  }

  /** @param {{password: string, code?: string} | {passkey: true}} proof */
  async #prove(proof) {
    const { signal } = this.#open;
    await reauthenticate(this.#view.client, proof, { signal });
    this.#wantProof(false);
    await this.#goOn();
  }

  /** Do what was asked for. */
  async #goOn() {
    const { signal } = this.#open;
    if (signal.aborted) return;
    try {
      await this.#question.task(signal);
      if (!signal.aborted) this.#dialog.close("done");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SessionEnded) this.#dialog.close();
      else if (error.error === STALE) this.#askForProof();
      else this.#find("[data-form-error]").textContent = `${this.#question.failed()} ${this.#describe(error)}`;
    }
  }

  /** @param {unknown} error */
  #describe(error) {
    return withoutPasskey(this.#view, error) ?? describe(error, this.#view.words);
  }

  /** The session was less fresh than it seemed. */
  #askForProof() {
    this.#wantProof(true);
    this.#find("[autofocus]").focus();
  }

  /** The account has a second factor since. */
  #askForCode() {
    this.#wantProof(true, true);
    this.#find(partSelector(CODE_FIELD)).focus();
  }
}
