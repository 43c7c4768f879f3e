/**
 * What somebody who is not logged in does by mail: ask for a new password, log in with a code, sign up with an address.
 * Loaded only then. Each step takes the place of the two forms in the card. Keeps no password. A challenge is kept for the
 * tab, because a phone may forget the page while its owner looks for the mail.
 */

import {
  forgotPassword,
  registerWithEmail,
  requestLoginCode,
  requestRegistration,
  verifyLoginCode,
} from "../../lychgate-mail.js";
import { apiOf } from "../core/clients.js";
import { find, make, makeButton, partSelector, set } from "../core/dom.js";
import { CODE_DIGITS, CODE_FIELD, hasDigits } from "../core/factor-words.js";
import { field, form, submit } from "../core/fields.js";
import { clearForm, startForm } from "../core/forms.js";
import { whenAgain, WordedError } from "../core/messages.js";
import { PAUSE_S, startResend } from "../core/resend.js";

const TOO_MANY = 429;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */
/** @typedef {import("./second-step.js").Due} Due */
/** @typedef {{name: string, challenge: string, expires: number, sent: number}} Asked times by `Date.now()` */
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
 */
export function startSteps(view, site, goOn) {
  const steps = new MailSteps(view, site, goOn);
  return {
    signUp: (/** @type {any} */ values) => steps.signUp(values),
    showStep: (/** @type {"forgot" | "code"} */ name) => steps.showStep(name),
    hideStep: () => steps.hideStep(),
    clearSteps: () => steps.clearSteps(),
  };
}

class MailSteps {
  #view;
  #client;
  #isNamedByEmail;
  #goOn;
  /** Where the challenge is kept. */
  #kept;
  /** @type {Record<string, ReturnType<typeof startResend>>} by the names of the steps */
  #resends = {};
  /** @type {Record<StepName, {title: HTMLElement, panel: HTMLElement}>} */
  #steps;
  /** @type {Asked | null} the code that was asked for last */
  #asked;
  /** The name that somebody has forgotten the password of, "" for none. */
  #forgotten = "";
  /** @type {{email: string} | null} the sign-up whose address is to be confirmed */
  #pending = null;

  /** @param {View} view @param {SiteOptions} site @param {(due: Due) => Promise<void>} goOn */
  constructor(view, site, goOn) {
    this.#view = view;
    this.#client = view.client;
    this.#isNamedByEmail = site.isNamedByEmail;
    this.#goOn = goOn;
    this.#kept = `lychgate code ${apiOf(view.client)}`;
    this.#asked = this.#restoreAsked();
    this.#steps = {
      forgot: this.#askStep("forgot", "send-mail", (name) => this.#ask(name)),
      "forgot-sent": this.#sentStep("forgot", () => forgotPassword(this.#client, this.#forgotten), "another-name"),
      code: this.#askStep("code", "send-code", (name) => this.#askForCode(name)),
      "code-sent": this.#codeStep(),
      "signup-sent": this.#sentStep("signup", () => this.#askToSignUp(), "another-address"),
    };
    const panels = view.part("panels");
    for (const { title } of Object.values(this.#steps)) panels.before(title);
    for (const { panel } of Object.values(this.#steps)) panels.append(panel);
  }

  /** Show what was asked for, from where it is by now. @param {"forgot" | "code"} name */
  showStep(name) {
    if (name === "code" && isAlive(this.#asked)) this.#show("code-sent");
    else if (name === "forgot" && this.#forgotten) this.#show("forgot-sent");
    else this.#show(name);
  }

  hideStep() {
    for (const { title, panel } of Object.values(this.#steps)) title.hidden = panel.hidden = true;
  }

  /** Forget everything, when somebody has logged in or out. */
  clearSteps() {
    this.#asked = this.#pending = null;
    this.#forgotten = "";
    this.#forget();
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
    if (!this.#isNamedByEmail) return registerWithEmail(this.#client, username ?? "", password, email);
    // The password is chosen where the mailed link leads to.
    await requestRegistration(this.#client, email, undefined);
    this.#pending = { email };
    this.#resends.signup.clear();
    this.#resends.signup.wait();
    this.#hideSignUp(true);
    this.#show("signup-sent");
  }

  async #askToSignUp() {
    if (this.#pending) await requestRegistration(this.#client, this.#pending.email, undefined);
  }

  /** @param {boolean} isHidden */
  #hideSignUp(isHidden) {
    for (const name of ["signup-panel", "entry-tabs"]) this.#view.part(name).hidden = isHidden;
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
    const kind = this.#isNamedByEmail
      ? { type: "email", inputmode: "email", autocomplete: "username email" }
      : { type: "text", autocomplete: "username" };
    const element = form(
      `${name}-form`,
      this.#explanation(name),
      field(view, `${name}-username`, view.text(this.#isNamedByEmail ? "email" : "name-or-email"), {
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
      ({ username }) => (username ? {} : { username: view.text(this.#isNamedByEmail ? "enter-your-email" : "enter-username") }),
      async ({ username }) => {
        try {
          await send(username);
        } catch (error) {
          throw error.status === TOO_MANY ? this.#tooMany(error) : error;
        }
        this.#show(`${name}-sent`);
      },
    );
    return this.#makeStep(name, element);
  }

  /** @param {"forgot" | "signup"} name @param {() => Promise<void>} send @param {string} other */
  #sentStep(name, send, other) {
    return this.#makeStep(`${name}-sent`, this.#explanation(`${name}-sent`), ...this.#resendPart(name, send, other), this.#wayBack());
  }

  /** Another mail, or one to somebody else. @param {string} name @param {() => Promise<void>} send @param {string} other */
  #resendPart(name, send, other) {
    const view = this.#view;
    const button = makeButton("", "button small", () => {});
    const status = set(make("p", "status muted"), { role: "status" });
    const again = makeButton(view.text(other), "button small quiet", () => this.#askAnew(name));
    this.#resends[name] = startResend(view, button, status, send);
    const hint = make("p", "muted", view.text(name === "signup" ? "nothing-came" : "nothing-came-rule"));
    return [make("div", "again", button, again), status, hint];
  }

  #codeStep() {
    const view = this.#view;
    const element = form(
      "code-entry-form",
      this.#explanation("code-sent"),
      field(view, "code-digits", view.text("code"), { name: "code", ...CODE_FIELD }),
      submit(view.text("log-in"), view.text("logging-in")),
    );
    const send = () => this.#askForCode(this.#asked?.name ?? "");
    element.append(...this.#resendPart("code", send, "another-name"), this.#wayBack());
    startForm(view, element, ({ code }) => this.#checkCode(code), ({ code }) => this.#verify(code));
    return this.#makeStep("code-sent", element);
  }

  /** @param {string} code @returns {Record<string, string>} */
  #checkCode(code) {
    const digits = code.replace(/\s/g, "");
    if (!digits) return { code: this.#view.text("enter-mailed-code") };
    return hasDigits(digits) ? {} : { code: this.#view.text("code-digits", { count: CODE_DIGITS }) };
  }

  /** @param {string} code */
  async #verify(code) {
    const view = this.#view;
    const { challenge = "", name = "" } = this.#asked ?? {};
    try {
      await verifyLoginCode(this.#client, challenge, code);
    } catch (error) {
      if (error.error === "invalid_code") {
        view.part("code-digits").select();
        throw new WordedError(error, view.text("mailed-code-wrong"), "code");
      }
      if (error.error === "second_factor_required") {
        // The second step uses up the code of the first.
        return this.#goOn({ refusal: error, name, first: view.text("another-mail-first"), again: () => this.#forget() });
      }
      if (error.error !== "invalid_challenge") throw error;
      // The name stays, for another mail.
      if (this.#asked) this.#asked.expires = 0;
      this.#keep();
      throw new WordedError(error, view.text("mailed-code-over"));
    }
  }

  /** @param {string} name */
  async #ask(name) {
    await forgotPassword(this.#client, name);
    this.#forgotten = name;
    this.#resends.forgot.clear();
    this.#resends.forgot.wait();
  }

  /** @param {string} name */
  async #askForCode(name) {
    const { challenge, expiresIn } = await requestLoginCode(this.#client, name);
    const now = Date.now();
    this.#asked = { name, challenge, expires: now + 1000 * expiresIn, sent: now };
    this.#keep();
  }

  /** @param {any} error */
  #tooMany(error) {
    return new WordedError(error, this.#view.text("too-many-mails", { again: whenAgain(error.retryAfter, this.#view.words) }));
  }

  /** @param {string} name */
  #askAnew(name) {
    if (name === "signup") {
      this.#pending = null;
      this.hideStep();
      this.#hideSignUp(false);
      this.#view.part("signup-username").focus();
      return;
    }
    if (name === "code") this.#forget();
    else this.#forgotten = "";
    this.#show(/** @type {StepName} */ (name));
  }

  /** @param {StepName} name */
  #show(name) {
    this.hideStep();
    const { title, panel } = this.#steps[name];
    title.hidden = panel.hidden = false;
    const to = { "forgot-sent": this.#forgotten, "code-sent": this.#asked?.name, "signup-sent": this.#pending?.email }[name];
    if (to) find(panel, partSelector("to")).textContent = to;
    if (name === "code-sent" && this.#asked) {
      this.#resends.code.clear();
      this.#resends.code.wait((this.#asked.sent - Date.now()) / 1000 + PAUSE_S);
    }
    const typed = this.#view.part("login-username").value;
    const input = panel.querySelector("input");
    if (input?.name === "username" && !input.value) input.value = typed;
    (input ?? title).focus();
  }

  #wayBack() {
    return make("p", "aside", set(make("a", "", this.#view.text("back-to-login")), { href: "#login" }));
  }

  #keep() {
    try {
      sessionStorage.setItem(this.#kept, JSON.stringify(this.#asked));
    } catch {
      // The browser allows no storage.
    }
  }

  #forget() {
    this.#asked = null;
    try {
      sessionStorage.removeItem(this.#kept);
    } catch {
      // As above.
    }
  }

  /** @returns {Asked | null} */
  #restoreAsked() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#kept) ?? "null");
      return isAlive(kept) ? kept : null;
    } catch {
      return null;
    }
  }
}

/** @param {Asked | null} code */
function isAlive(code) {
  return !!code && code.expires > Date.now();
}
