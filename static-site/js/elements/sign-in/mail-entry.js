/**
 * What somebody who is not logged in does by mail: ask for a new password, log in with a code, sign up with an address.
 * Loaded only then. Each step takes the place of the two forms in the card. An answer that comes when somebody has left a
 * step shows nothing: it is there when they come back. Keeps no password.
 */

import {
  forgotPassword,
  registerWithEmail,
  requestLoginCode,
  requestRegistration,
  verifyLoginCode,
} from "../../lychgate-mail.js";
import { CODE_DIGITS, CODE_FIELD, cleanCode, codeProblem } from "../core/codes.js";
import { find, make, makeButton, partSelector, set } from "../core/dom.js";
import { field, form, submit } from "../core/fields.js";
import { clearForm, startForm } from "../core/forms.js";
import { whenAgain, WordedError } from "../core/messages.js";
import { PAUSE_S, startResend } from "../core/resend.js";
import { askedOf, forgetAsked, isAlive, keepAsked } from "./asked.js";

const TOO_MANY = 429;
/** For as long a link to choose a new password is good. */
const RESET_S = 30 * 60;
/** So many codes are tried at most, the newest first: not every request sends a mail, and the API does not tell. */
const MOST_CODES = 4;
/** The API takes no more codes for one challenge. */
const MOST_TRIES = 5;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */
/** @typedef {import("./second-step.js").Due} Due */
/** @typedef {"forgot" | "code" | "signup"} Kind what is asked for */
/** @typedef {keyof typeof TITLES} StepName */

const TITLES = {
  forgot: "forgot",
  "forgot-sent": "look-into-mailbox",
  code: "log-in-with-code",
  "code-sent": "enter-the-code",
  "signup-sent": "confirm-address",
};

/**
 * Begin, once.
 *
 * @param {View} view
 * @param {SiteOptions} site
 * @param {(due: Due) => Promise<void>} goOn asks for the second factor if a log-in lacks it
 * @param {() => void} showTab shows what the address names
 */
export function startSteps(view, site, goOn, showTab) {
  const steps = new MailSteps(view, site, goOn, showTab);
  return {
    signUp: (/** @type {any} */ values) => steps.signUp(values),
    showStep: (/** @type {Kind} */ name) => steps.showStep(name),
    hideStep: () => steps.hideStep(),
    clearSteps: () => steps.clearSteps(),
  };
}

class MailSteps {
  #view;
  #client;
  #site;
  #goOn;
  #showTab;
  /** @type {Record<string, ReturnType<typeof startResend>>} by what is asked for */
  #resends = {};
  /** @type {Record<StepName, {title: HTMLElement, panel: HTMLElement}>} */
  #steps;

  /** @param {View} view @param {SiteOptions} site @param {(due: Due) => Promise<void>} goOn @param {() => void} showTab */
  constructor(view, site, goOn, showTab) {
    this.#view = view;
    this.#client = view.client;
    this.#site = site;
    this.#goOn = goOn;
    this.#showTab = showTab;
    const other = site.isNamedByEmail ? "another-address" : "another-name";
    this.#steps = {
      forgot: this.#askStep("forgot", "send-mail", (name) => this.#askForLink(name)),
      "forgot-sent": this.#sentStep("forgot", other, (name) => this.#askForLink(name)),
      code: this.#askStep("code", "send-code", (name) => this.#askForCode(name)),
      "code-sent": this.#codeStep(other),
      "signup-sent": this.#sentStep("signup", "another-address", (name) => this.#askToSignUp(name)),
    };
    const panels = view.part("panels");
    for (const { title } of Object.values(this.#steps)) panels.before(title);
    for (const { panel } of Object.values(this.#steps)) panels.append(panel);
    for (const kind of /** @type {Kind[]} */ (["forgot", "code", "signup"])) this.#count(kind);
  }

  /** What was asked for in this tab. */
  get #asked() {
    return askedOf(this.#client);
  }

  /** The challenges of whoever a code was asked for last, the newest first. */
  get #codes() {
    const { code, codes = [] } = this.#asked;
    return codes.filter((each) => isAlive(each) && each.name === code?.name);
  }

  /** Show what was asked for, from where it is by now. @param {Kind} name */
  showStep(name) {
    const isSent = name === "signup" || (name === "code" ? this.#codes.length : isAlive(this.#asked[name]));
    this.#show(/** @type {StepName} */ (isSent ? `${name}-sent` : name));
  }

  hideStep() {
    for (const { title, panel } of Object.values(this.#steps)) title.hidden = panel.hidden = true;
  }

  /** Forget everything, when somebody has logged in or out. */
  clearSteps() {
    forgetAsked(this.#client);
    this.hideStep();
    for (const { panel } of Object.values(this.#steps)) {
      for (const each of panel.querySelectorAll("form")) clearForm(this.#view, each);
      for (const place of panel.querySelectorAll(partSelector("to"))) place.textContent = "";
    }
    for (const resend of Object.values(this.#resends)) resend.clear();
  }

  /**
   * Create the account, or ask for one where it is to be confirmed first.
   *
   * @param {any} values username unless it is the address, email, password
   */
  async signUp({ username, email, password }) {
    const { isNamedByEmail, email: wanted } = this.#site;
    try {
      if (!isNamedByEmail) return await registerWithEmail(this.#client, username ?? "", password, email);
      await this.#askToSignUp(email);
    } catch (error) {
      const isHelped = isNamedByEmail || wanted !== "required";
      throw error.status === TOO_MANY && isHelped ? this.#tooMany(error, isNamedByEmail ? "no-mail-this-time" : "without-address") : error;
    }
    if (!this.#view.part("signup-panel").hidden) this.#showTab();
  }

  /** The password is chosen where the mailed link leads to. @param {string} email */
  async #askToSignUp(email) {
    await this.#ask("signup", email, async () => ({ lasts: await requestRegistration(this.#client, email, undefined) }));
  }

  /** @param {StepName} name @param {...Node} children @returns {{title: HTMLElement, panel: HTMLElement}} */
  #makeStep(name, ...children) {
    const title = set(make("h2", `${name}-title`, this.#view.text(TITLES[name])), { tabindex: "-1", hidden: "" });
    return { title, panel: set(make("div", `step ${name}-step`, ...children), { hidden: "" }) };
  }

  /** What will happen, or has happened. @param {StepName} name */
  #explanation(name) {
    return make("p", "explanation", ...this.#view.pieces(`text:${name}`, { name: make("bdi", "to"), count: CODE_DIGITS }));
  }

  /** Whom to send a mail to. @param {"forgot" | "code"} name @param {string} verb @param {(name: string) => Promise<void>} send */
  #askStep(name, verb, send) {
    const view = this.#view;
    /** @type {Record<string, string>} */
    const kind = this.#site.isNamedByEmail
      ? { type: "email", inputmode: "email", autocomplete: "username email" }
      : { type: "text", autocomplete: "username" };
    const element = form(
      `${name}-form`,
      this.#explanation(name),
      field(view, `${name}-username`, view.text(this.#site.isNamedByEmail ? "email" : "name-or-email"), {
        name: "username",
        autocapitalize: "none",
        spellcheck: "false",
        ...kind,
      }),
      submit(view.text(verb), view.text("sending")),
    );
    element.append(this.#wayBack());
    startForm(
      view,
      element,
      ({ username }) => (username ? {} : { username: view.text(this.#site.isNamedByEmail ? "enter-your-email" : "enter-username") }),
      async ({ username }) => {
        try {
          await send(username);
        } catch (error) {
          throw error.status === TOO_MANY ? this.#tooMany(error, "too-many-mails") : error;
        }
        if (!this.#steps[name].panel.hidden) this.showStep(name);
      },
    );
    return this.#makeStep(name, element);
  }

  /** @param {"forgot" | "signup"} kind @param {string} other @param {(name: string) => Promise<void>} send */
  #sentStep(kind, other, send) {
    return this.#makeStep(`${kind}-sent`, this.#explanation(`${kind}-sent`), ...this.#resendPart(kind, other, send), this.#wayBack());
  }

  /** Another mail, or one to somebody else. @param {Kind} kind @param {string} other @param {(name: string) => Promise<void>} send */
  #resendPart(kind, other, send) {
    const view = this.#view;
    const button = makeButton("", "button small", () => {});
    const status = set(make("p", "status muted"), { role: "status" });
    const again = makeButton(view.text(other), "button small", () => this.#askAnew(kind));
    // Whether there is anybody to send a mail to, only an account that does not exist yet is sure of.
    const isSure = kind === "signup";
    const done = isSure ? "sent-again" : "asked-again";
    this.#resends[kind] = startResend(view, button, status, () => send(this.#asked[kind]?.name ?? ""), done);
    const hint = make("p", "muted", view.text(isSure ? "nothing-came" : "nothing-came-rule"));
    return [make("div", "again", button, again), status, hint];
  }

  /** @param {string} other */
  #codeStep(other) {
    const view = this.#view;
    const element = form(
      "code-entry-form",
      this.#explanation("code-sent"),
      field(view, "code-digits", view.text("code"), { name: "code", ...CODE_FIELD }),
      submit(view.text("log-in"), view.text("logging-in")),
    );
    element.append(...this.#resendPart("code", other, (name) => this.#askForCode(name)), this.#wayBack());
    startForm(view, element, ({ code }) => this.#checkCode(code), ({ code }) => this.#verify(cleanCode(code)));
    return this.#makeStep("code-sent", element);
  }

  /** @param {string} code @returns {Record<string, string>} */
  #checkCode(code) {
    const problem = codeProblem(this.#view, code, "enter-mailed-code");
    return problem ? { code: problem } : {};
  }

  /** @param {string} code */
  async #verify(code) {
    const view = this.#view;
    const { name = "" } = this.#asked.code ?? {};
    let refusal;
    for (const each of this.#codes) {
      try {
        return await verifyLoginCode(this.#client, each.challenge, code);
      } catch (error) {
        if (error.error === "second_factor_required") {
          // The code stays good for whoever comes back.
          if (this.#steps["code-sent"].panel.hidden) return;
          // The second step uses up the code of the first.
          return this.#goOn({ refusal: error, name, first: view.text("another-mail-first"), again: () => this.#forgetCode() });
        }
        if (error.error !== "invalid_code" && error.error !== "invalid_challenge") throw error;
        refusal = error;
        each.tries += 1;
        if (error.error === "invalid_challenge" || each.tries >= MOST_TRIES) each.expires = 0;
        keepAsked(this.#client);
      }
    }
    // The name stays, for another mail.
    if (!this.#codes.length) throw new WordedError(refusal ?? {}, view.text("mailed-code-over"));
    view.part("code-digits").select();
    throw new WordedError(refusal, view.text("mailed-code-wrong"), "code");
  }

  /** @param {string} name */
  async #askForLink(name) {
    await this.#ask("forgot", name, async () => {
      await forgotPassword(this.#client, name);
      return { lasts: RESET_S };
    });
  }

  /** @param {string} name */
  async #askForCode(name) {
    await this.#ask("code", name, async () => {
      const { challenge, expiresIn } = await requestLoginCode(this.#client, name);
      return { lasts: expiresIn, challenge };
    });
  }

  /**
   * Ask for a mail, and keep that it was asked for, unless somebody has logged in meanwhile, or wants one for another name.
   *
   * @param {Kind} kind
   * @param {string} name
   * @param {() => Promise<{lasts: number, challenge?: string}>} send returns the seconds for which the mail is good
   */
  async #ask(kind, name, send) {
    const all = this.#asked;
    const before = all[kind];
    const { lasts, challenge } = await send();
    if (all !== this.#asked || all[kind] !== before) return;
    const sent = Date.now();
    const expires = sent + 1000 * lasts;
    all[kind] = { name, sent, expires };
    if (challenge) all.codes = [{ name, challenge, expires, tries: 0 }, ...(all.codes ?? []).filter(isAlive)].slice(0, MOST_CODES);
    keepAsked(this.#client);
    this.#count(kind);
  }

  /** Let nobody ask again for as long as the API sends no other mail. @param {Kind} kind */
  #count(kind) {
    this.#resends[kind].clear();
    this.#resends[kind].wait(((this.#asked[kind]?.sent ?? 0) - Date.now()) / 1000 + PAUSE_S);
  }

  /** @param {any} error @param {string} key */
  #tooMany(error, key) {
    return new WordedError(error, this.#view.text(key, { again: whenAgain(error.retryAfter, this.#view.words) }));
  }

  /** @param {Kind} kind */
  #askAnew(kind) {
    delete this.#asked[kind];
    keepAsked(this.#client);
    if (kind !== "signup") return this.#show(kind);
    this.#showTab();
    this.#view.part("signup-username").focus();
  }

  #forgetCode() {
    delete this.#asked.code;
    delete this.#asked.codes;
    keepAsked(this.#client);
  }

  /** @param {StepName} name */
  #show(name) {
    this.hideStep();
    const { title, panel } = this.#steps[name];
    title.hidden = panel.hidden = false;
    const to = this.#asked[/** @type {Kind} */ (name.split("-")[0])]?.name ?? "";
    for (const place of panel.querySelectorAll(partSelector("to"))) place.textContent = to;
    const input = panel.querySelector("input");
    if (input?.name === "username") input.value ||= to || this.#view.part("login-username").value;
    (input ?? title).focus();
    this.#view.tell("shown", { title: title.textContent });
  }

  #wayBack() {
    return make("p", "aside", set(make("a", "", this.#view.text("back-to-login")), { href: "#login" }));
  }
}
