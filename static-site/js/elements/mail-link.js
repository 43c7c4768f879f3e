/**
 * `<lychgate-mail-link>`: what mailed links lead to, PAGE#PURPOSE=TOKEN. It takes the token out of the address, says what
 * will happen, and waits for the button. Programs that look at mails open each link, and some run its scripts: only the
 * button's request uses the token. Before that, no request has a session or a token. docs/elements.md
 */

import { ApiError, createClient } from "../lychgate.js";
import { confirmEmail, confirmRegistration, resetPassword } from "../lychgate-mail.js";
import { speakOfAddresses } from "./core/address-words.js";
import { rootOf } from "./core/clients.js";
import { find, make, set } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";
import { form, passwordField, submit, usernameField } from "./core/fields.js";
import { startForm } from "./core/forms.js";
// What goes wrong is told without the network, too.
import { fieldErrors } from "./core/messages.js";
import "./core/problems.js";
import { learnOptions, USUAL } from "./core/options.js";
import { passwordProblem, showTally, tallyOf } from "./core/rules.js";

/** @typedef {import("./core/view.js").View} View */
/** @typedef {import("../lychgate.js").Client} Client */
/** @typedef {keyof typeof PURPOSES} Purpose */
/** @typedef {"sign-in" | "account"} Place an attribute that names a page */
/** @typedef {[Place, string]} Way a page, and what is asked for there */

/**
 * What a link is for: what its token is used in, and where to go then, or if it is no longer good.
 *
 * @type {Record<"register" | "email" | "reset", {done: Way, next: string, gone: Way}>}
 */
const PURPOSES = {
  register: { done: ["account", ""], next: "to-your-account", gone: ["sign-in", "#signup"] },
  email: { done: ["account", ""], next: "to-your-account", gone: ["account", ""] },
  reset: { done: ["sign-in", "#login"], next: "log-in", gone: ["sign-in", "#forgot"] },
};

/**
 * What is shown once a link is used, or cannot be. Without a way it leads nowhere; `other` is a second one.
 *
 * @typedef {{name: "done" | "gone", title: string, text: string, next: string, way?: Way, other?: [string, Way]}} Outcome
 *   the texts are keys
 */

/** @type {Outcome} */
const NO_LINK = { name: "gone", title: "no-link-title", text: "no-link-text", next: "to-login", way: ["sign-in", ""] };
/** @type {Outcome} */
const TAKEN = { name: "gone", title: "taken-title", text: "taken-text", next: "log-in", way: ["sign-in", "#login"] };
/** For whoever has used another mail of the same sign-up, or signed up twice. @type {Outcome} */
const REGISTERED = { ...TAKEN, text: "register:taken-text", other: ["forgot", ["sign-in", "#forgot"]] };
/** For an account that is not the one whose session is here. @type {Outcome} */
const CONFIRMED_ELSEWHERE = { name: "done", title: "email:done-title", text: "email:done-elsewhere", next: "" };
/** What the API calls the password that a link lets choose. @type {Partial<Record<Purpose, string>>} */
const PASSWORDS = { register: "password", reset: "new_password" };

export class MailLink extends LychgateElement {
  static observedAttributes = [...LychgateElement.observedAttributes, "sign-in", "account"];
  static isSingle = true;
  static areas = /** @type {import("./core/languages.js").Area[]} */ (["steps", "mailed"]);

  /** What the link that was opened last is for, "" if there is none. @type {Purpose | ""} */
  #purpose = "";
  #token = "";
  /** What has become of it, null as long as it waits. @type {Outcome | null} */
  #outcome = NO_LINK;
  /** What the element shows. */
  #body = make("div", "mail-link");
  #site = USUAL;
  /** For what has no session. @type {Client | null} */
  #stranger = null;
  #isFollowing = false;
  /** What offers a passkey to a new account, once it is loaded; null where there is nothing to offer. */
  #offering = Promise.resolve(/** @type {typeof import("./account/passkey-offer.js") | null} */ (null));

  connectedCallback() {
    // At once, whatever keeps the element from working.
    if (location.href.includes("#")) this.#take();
    super.connectedCallback();
  }

  /** @param {View} view */
  build(view) {
    const stranger = createClient({ baseUrl: rootOf(this.getAttribute("api") ?? "/api"), storage: "memory" });
    view.signal.addEventListener("abort", () => stranger.close());
    this.#stranger = stranger;
    this.#isFollowing = false;
    this.#body = make("div", "mail-link");
    view.listen(window, "hashchange", () => {
      this.#take();
      this.#open(view);
    });
    this.#open(view);
    return [this.#body];
  }

  /** No session is looked for before somebody presses the button. */
  async begin() {
    this.become("logged-out", { why: "" });
  }

  /** Read the link, and take it out of the address. */
  #take() {
    const [, name = "", token = ""] = /^#([a-z]+)=([\w-]+)$/.exec(location.hash) ?? [];
    history.replaceState(null, "", location.pathname + location.search);
    this.#purpose = Object.hasOwn(PURPOSES, name) ? /** @type {Purpose} */ (name) : "";
    this.#token = token;
    this.#outcome = this.#purpose ? null : NO_LINK;
  }

  /** Show what the link is for, or what has become of it. @param {View} view */
  #open(view) {
    if (this.#outcome || !this.#purpose) return this.#tell(view, this.#outcome ?? NO_LINK);
    this.#show(view, this.#purpose, view.text(`${this.#purpose}:title`), ...this.#question(view, this.#purpose));
    if (this.#purpose === "email") return;
    const learning = learnOptions(/** @type {Client} */ (this.#stranger));
    learning.then((site) => this.#follow(view, site)).catch(() => {});
    if (this.#purpose === "reset") return;
    this.#offering = learning.then(({ hasPasskeys }) => (hasPasskeys ? import("./account/passkey-offer.js") : null)).catch(() => null);
  }

  /** @param {View} view @param {Purpose} purpose @returns {Node[]} */
  #question(view, purpose) {
    const button = submit(view.text(`${purpose}:verb`), view.text(`${purpose}:busy`));
    const element = form(`${purpose}-form`, ...(PASSWORDS[purpose] ? this.#passwordFields(view, purpose) : []), button);
    startForm(view, element, (values) => this.#check(view, purpose, values), (values) => this.#act(view, purpose, values));
    const text = make("p", "", view.text(`${purpose}:text`));
    if (purpose === "reset") return [text, element];
    const only = make("strong", "", view.text(`${purpose}:only`));
    return [text, make("p", "message", only, " ", view.text(`${purpose}:why`)), element];
  }

  /** @param {View} view @param {Purpose} purpose @param {import("./core/forms.js").Texts} values */
  #check(view, purpose, values) {
    const name = PASSWORDS[purpose];
    // A new account may do without one.
    if (!name || (purpose === "register" && !values[name])) return {};
    const problem = passwordProblem(view, this.#site, values[name], "");
    return problem ? { [name]: problem } : {};
  }

  /** @param {View} view @param {Purpose} purpose */
  #passwordFields(view, purpose) {
    const part = `${purpose}-password`;
    const attributes = { name: PASSWORDS[purpose] ?? "", autocomplete: "new-password" };
    const isNew = purpose === "register";
    const label = view.text(isNew ? "password" : "reset:field");
    const password = passwordField(view, part, label, attributes, { hint: this.#hint(view, purpose), hasTally: true });
    if (isNew) {
      find(password, "label").append(make("span", "muted", ` ${view.text("optional")}`));
      find(password, "input").required = false;
    }
    password.addEventListener("input", () => {
      showTally(view.part(`${part}-tally`), tallyOf(view, this.#site, view.part(part).value, ""));
    });
    return [usernameField(view), password];
  }

  /** @param {View} view @param {Purpose} purpose */
  #hint(view, purpose) {
    return view.text(`${purpose}:hint`, { count: this.#site.passwordMin });
  }

  /** @param {View} view @param {import("./core/options.js").SiteOptions} site */
  #follow(view, site) {
    this.#site = site;
    const purpose = this.#purpose;
    if (view.signal.aborted || !purpose || !PASSWORDS[purpose] || this.#outcome) return;
    if (site.isNamedByEmail) speakOfAddresses(view.words);
    view.part(`${purpose}-password-hint`).textContent = this.#hint(view, purpose);
  }

  /** @param {View} view @param {Purpose} purpose @param {import("./core/forms.js").Texts} values */
  async #act(view, purpose, values) {
    try {
      const outcome = await this.#use(view, purpose, values);
      if (outcome) return this.#finish(view, outcome);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.error === "email_taken") return this.#finish(view, purpose === "register" ? REGISTERED : TAKEN);
      // What the site does not do by mail, or no longer, is not found.
      const isOver = ["link_expired", "not_found"].includes(error.error) || fieldErrors(error).some(({ field }) => field === "token");
      if (!isOver) throw error;
      const { gone } = PURPOSES[purpose];
      const next = `${purpose}:gone-next`;
      return this.#finish(view, { name: "gone", title: "gone-title", text: `${purpose}:gone-text`, next, way: gone });
    }
    const { done, next } = PURPOSES[purpose];
    const offer = purpose === "register" ? await this.#offering : null;
    this.#finish(view, { name: "done", title: `${purpose}:done-title`, text: `${purpose}:done-text`, next, way: done });
    if (!view.signal.aborted) await offer?.offerPasskey(view);
  }

  /**
   * @param {View} view
   * @param {Purpose} purpose
   * @param {import("./core/forms.js").Texts} values
   * @returns {Promise<Outcome | void>} what has become of it, unless it is the usual
   */
  async #use(view, purpose, { password, new_password: newPassword }) {
    const stranger = /** @type {Client} */ (this.#stranger);
    if (purpose === "reset") return resetPassword(stranger, this.#token, newPassword);
    if (!this.#isFollowing) this.follow(view);
    this.#isFollowing = true;
    const { client } = view;
    if (purpose === "email") return this.#confirmEmail(client, stranger);
    const { username } = await confirmRegistration(client, this.#token, { password: password || null });
    // A password manager that looks at the form when it goes finds whose password it is.
    if (!view.signal.aborted) find(view.part("register-form"), "[name=username]").value = username;
  }

  /** @param {Client} client @param {Client} stranger @returns {Promise<Outcome | void>} */
  async #confirmEmail(client, stranger) {
    const before = await learnUser(client);
    await confirmEmail(stranger, this.#token);
    // Whoever is logged in here sees the address in all tabs. It may be somebody else, whose account is as it was.
    const user = await learnUser(client);
    if (!user || !before) return;
    const isAsBefore = before.id === user.id && before.email === user.email && before.email_verified === user.email_verified;
    if (isAsBefore) return CONFIRMED_ELSEWHERE;
  }

  /** @param {View} view @param {Outcome} outcome */
  #finish(view, outcome) {
    this.#token = "";
    this.#outcome = outcome;
    if (!view.signal.aborted) this.#tell(view, outcome);
  }

  /** @param {View} view @param {Outcome} outcome */
  #tell(view, { name, title, text, next, way, other }) {
    const asked = way?.[1];
    // Who has come to the wrong form may only want to log in.
    if (asked && asked !== "#login") other = ["to-login", ["sign-in", ""]];
    /** @param {string} parts @param {string} key @param {Way} way */
    const link = (parts, key, way) => set(make("a", parts, view.text(key)), { href: this.#address(way) });
    this.#show(
      view,
      name,
      view.text(title),
      make("p", `${name}-text`, view.text(text)),
      ...(way ? [make("p", "", link(`${name}-next button primary wide`, next, way))] : []),
      ...(other ? [make("p", "aside gone-aside", link("", ...other))] : []),
    );
  }

  /** @param {Way} way */
  #address([place, asked]) {
    return `${this.getAttribute(place) ?? "/"}${asked}`;
  }

  /** Show one view, and move the focus to its heading. @param {View} view @param {string} name @param {string} title @param {...Node} parts */
  #show(view, name, title, ...parts) {
    const isFirst = !this.#body.firstChild;
    const heading = set(make("h1", `${name}-title`, title), { id: view.id(`${name}-title`), tabindex: "-1" });
    this.#body.replaceChildren(
      set(make("section", `${name} card narrow mailed`, heading, ...parts), { "aria-labelledby": heading.id }),
    );
    if (!isFirst) heading.focus();
    view.tell("shown", { title });
  }
}

/** @param {Client} client @returns {Promise<import("../lychgate.js").User | null>} who is logged in; null for nobody, and if that cannot be learnt */
async function learnUser(client) {
  try {
    await (client.user ? client.refresh("address confirmed") : client.restore());
    return client.user;
  } catch {
    return null;
  }
}

define("lychgate-mail-link", MailLink);
