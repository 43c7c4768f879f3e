/**
 * `<lychgate-mail-link>`: what mailed links lead to, PAGE#PURPOSE=TOKEN. It takes the token out of the address, says what
 * will happen, and waits for the button. Programs that look at mails open each link, and some run its scripts: only the
 * button's request uses the token. Before that, no request has a session or a token. docs/elements.md
 */

import { ApiError, createClient } from "../lychgate.js";
import { confirmEmail, confirmRegistration, resetPassword } from "../lychgate-mail.js";
import { rootOf } from "./core/clients.js";
import { make, set } from "./core/dom.js";
import { define, LychgateElement } from "./core/element.js";
import { form, passwordField, submit, usernameField } from "./core/fields.js";
// What goes wrong is told without the network, too.
import "./core/messages.js";
import "./core/problems.js";
import { showTally, startForm } from "./core/forms.js";
import { learnOptions, USUAL } from "./core/options.js";
import { passwordProblem, tallyOf } from "./core/rules.js";

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
 * What is shown once a link is used, or cannot be.
 *
 * @typedef {{name: "done" | "gone", title: string, text: string, next: string, way: Way}} Outcome the texts are keys
 */

/** @type {Outcome} */
const NO_LINK = { name: "gone", title: "no-link-title", text: "no-link-text", next: "to-login", way: ["sign-in", ""] };
/** @type {Outcome} */
const TAKEN = { name: "gone", title: "taken-title", text: "taken-text", next: "log-in", way: ["sign-in", "#login"] };

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
    if (this.#purpose === "reset") learning.then((site) => this.#follow(view, site)).catch(() => {});
    else this.#offering = learning.then(({ hasPasskeys }) => (hasPasskeys ? import("./account/passkey-offer.js") : null)).catch(() => null);
  }

  /** @param {View} view @param {Purpose} purpose @returns {Node[]} */
  #question(view, purpose) {
    const button = submit(view.text(`${purpose}:verb`), view.text(`${purpose}:busy`));
    const element = form(`${purpose}-form`, ...(purpose === "reset" ? this.#passwordFields(view) : []), button);
    startForm(view, element, (values) => this.#check(view, purpose, values), (values) => this.#act(view, purpose, values));
    const text = make("p", "", view.text(`${purpose}:text`));
    if (purpose === "reset") return [text, element];
    const only = make("strong", "", view.text(`${purpose}:only`));
    return [text, make("p", "message", only, " ", view.text(`${purpose}:why`)), element];
  }

  /** @param {View} view @param {Purpose} purpose @param {import("./core/forms.js").Texts} values */
  #check(view, purpose, { new_password: password }) {
    const problem = purpose === "reset" ? passwordProblem(view, this.#site, password, "") : "";
    return problem ? { new_password: problem } : {};
  }

  /** @param {View} view */
  #passwordFields(view) {
    const hint = view.text("reset:hint", { count: this.#site.passwordMin });
    const attributes = { name: "new_password", autocomplete: "new-password" };
    const password = passwordField(view, "reset-password", view.text("reset:field"), attributes, { hint: [hint], hasTally: true });
    password.addEventListener("input", () => {
      const { value } = view.part("reset-password");
      showTally(view.part("reset-password-tally"), tallyOf(view, this.#site, value, ""));
    });
    return [usernameField(view), password];
  }

  /** @param {View} view @param {import("./core/options.js").SiteOptions} site */
  #follow(view, site) {
    this.#site = site;
    if (view.signal.aborted || this.#purpose !== "reset" || this.#outcome) return;
    view.part("reset-password-hint").textContent = view.text("reset:hint", { count: site.passwordMin });
  }

  /** @param {View} view @param {Purpose} purpose @param {import("./core/forms.js").Texts} values */
  async #act(view, purpose, values) {
    try {
      await this.#use(view, purpose, values);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.error === "email_taken") return this.#finish(view, TAKEN);
      if (error.error !== "link_expired" && !error.errors.some(({ field }) => field === "token")) throw error;
      const { gone } = PURPOSES[purpose];
      const next = `${purpose}:gone-next`;
      return this.#finish(view, { name: "gone", title: "gone-title", text: `${purpose}:gone-text`, next, way: gone });
    }
    const { done, next } = PURPOSES[purpose];
    const offer = purpose === "register" ? await this.#offering : null;
    this.#finish(view, { name: "done", title: `${purpose}:done-title`, text: `${purpose}:done-text`, next, way: done });
    if (!view.signal.aborted) await offer?.offerPasskey(view);
  }

  /** @param {View} view @param {Purpose} purpose @param {import("./core/forms.js").Texts} values */
  async #use(view, purpose, { new_password: password }) {
    const stranger = /** @type {Client} */ (this.#stranger);
    if (purpose === "reset") return resetPassword(stranger, this.#token, password);
    if (purpose === "email") await confirmEmail(stranger, this.#token);
    if (!this.#isFollowing) this.follow(view);
    this.#isFollowing = true;
    const { client } = view;
    if (purpose === "register") await confirmRegistration(client, this.#token);
    // Whoever is logged in here sees the address in all tabs.
    else await (client.user ? client.refresh("address confirmed") : client.restore()).catch(() => {});
  }

  /** @param {View} view @param {Outcome} outcome */
  #finish(view, outcome) {
    this.#token = "";
    this.#outcome = outcome;
    if (!view.signal.aborted) this.#tell(view, outcome);
  }

  /** @param {View} view @param {Outcome} outcome */
  #tell(view, { name, title, text, next, way }) {
    const [, asked] = way;
    const parts = [
      make("p", `${name}-text`, view.text(text)),
      make("p", "", set(make("a", `${name}-next button primary wide`, view.text(next)), { href: this.#address(way) })),
    ];
    const toLogin = () => set(make("a", "", view.text("to-login")), { href: this.#address(["sign-in", ""]) });
    // Who has come to the wrong form may only want to log in.
    if (asked && asked !== "#login") parts.push(make("p", "aside gone-aside", toLogin()));
    this.#show(view, name, view.text(title), ...parts);
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

define("lychgate-mail-link", MailLink);
