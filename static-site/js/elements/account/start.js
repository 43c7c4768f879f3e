/**
 * Assembles the account: who somebody is, their address and ways to log in, sessions and history, a new password, the
 * account's deletion. Each part has a module of its own. Inserts all data into the document as text, never as markup.
 */

import { SessionEnded } from "../../lychgate.js";
import { make, set, whileBusy } from "../core/dom.js";
import { load } from "../core/languages.js";
import { day } from "../core/moments.js";
import { USUAL } from "../core/options.js";
import { known } from "../core/ways-known.js";
import { startHistory } from "./history.js";
import { loadChanges, whatIsDone } from "./later.js";
import { addPart, fold } from "./parts.js";
import { startSessions } from "./sessions.js";
import { recall } from "./site.js";
import { startWays } from "./ways.js";

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */

const TEXTS = ["greeting-username", "profile-username", "profile-roles", "profile-created"];
/** For as long the account waits for its part about the address, so that nothing jumps. */
const PATIENCE_MS = 1000;
/** Everybody has this one: it says nothing. */
const USUAL_ROLE = "user";

/**
 * Put the parts there, empty.
 *
 * @param {View} view
 * @param {{onDeleted: () => void}} element
 * @returns {Promise<Account>} as soon as there is something to show
 */
export async function startAccount(view, { onDeleted }) {
  const account = new Account(view, onDeleted);
  await Promise.race([account.prepared, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  return account;
}

/** The account of whoever is logged in, in one element. */
export class Account {
  #view;
  /** @type {SiteOptions} */
  #site = USUAL;
  /** @type {{show: () => void, clear: () => void} | null} where accounts have addresses */
  #address = null;
  /** The forms for a new password and for the deletion, once they are there. @type {{show: () => void, clear: () => void}[]} */
  #forms = [];
  #ways;
  #sessions;
  #history;
  #onDeleted;

  /** @param {View} view @param {() => void} onDeleted */
  constructor(view, onDeleted) {
    this.#view = view;
    this.#onDeleted = onDeleted;
    const load = () => this.#load();
    // In the order in which they are shown.
    addProfile(view);
    this.#ways = startWays(view, () => this.#site, { onChanged: load, onKnown: () => this.#showForms() });
    this.#sessions = startSessions(view, () => this.#history.load());
    this.#history = startHistory(view);
    addPart(view, "delete-title", view.text("delete-title"), view.text("delete-subtitle"), fold("delete-fold", view.text("delete-my-account")));
    const again = view.part("reload-dashboard");
    again.addEventListener("click", () => whileBusy(again, load));
    /** Ends when it is known what the site allows. */
    this.prepared = this.#prepare().catch(() => {});
    for (const details of view.part("logged-in").querySelectorAll("details")) {
      details.addEventListener("toggle", () => {
        if (details.open && !this.#forms.length) this.#addForms(whatIsDone(view));
      });
    }
  }

  /** What is done here comes after what is seen, and again when somebody wants it. @param {ReturnType<typeof whatIsDone>} loading */
  async #addForms(loading) {
    const view = this.#view;
    const code = await loading;
    if (!code || this.#forms.length || view.signal.aborted) return;
    this.#forms = [
      code.startPasswordChange(view, () => this.#site, () => this.#load()),
      code.startDeletion(view, this.#onDeleted),
    ];
    if (view.client.user) this.#showForms();
  }

  #showForms() {
    this.#view.part("password-fold").hidden = known(this.#view)?.password === false;
    for (const form of this.#forms) form.show();
  }

  async #prepare() {
    const view = this.#view;
    this.#site = await recall(view.client);
    if (this.#site.email === "off") return;
    const [{ startAddress }] = await Promise.all([load(() => import("./address.js"), import.meta.url), view.words.load("steps", "changes")]);
    if (this.#site.isNamedByEmail) await speakOfAddresses(view).catch(() => {});
    if (!view.signal.aborted) this.#address = startAddress(view, this.#site);
  }

  /** Show whose account it is, and load what the API tells of it. */
  begin() {
    const { client, signal } = this.#view;
    const isThere = () => client.user && !signal.aborted;
    this.showUser();
    this.#load().then(() => {
      if (isThere()) this.#addForms(loadChanges(this.#view).catch(() => null));
    });
    // What comes too late, comes all the same. The site's options tell what may be added.
    this.prepared.then(() => {
      if (!isThere()) return;
      this.showUser();
      this.#ways.load();
    });
  }

  async #load() {
    await Promise.all([this.#sessions.load(), this.#history.load()]);
  }

  /** Load all again, after a change that was made elsewhere in the page. */
  async reload() {
    await Promise.all([this.#load(), this.#ways.load()]);
  }

  /** Show who somebody is: it may have changed. */
  showUser() {
    const view = this.#view;
    if (!view.client.user) throw new SessionEnded();
    const { username, roles, created_at: createdAt } = view.client.user;
    for (const place of ["greeting-username", "profile-username"]) view.part(place).textContent = username;
    const special = roles.filter((role) => role !== USUAL_ROLE);
    view.part("profile-roles").textContent = special.join(", ");
    view.part("profile-roles").parentElement.hidden = special.length === 0;
    view.part("profile-created").dateTime = createdAt;
    view.part("profile-created").textContent = day(view.words, createdAt);
    this.#showForms();
    this.#address?.show();
  }

  /** Remove all data of a user, before another may log in. */
  clear() {
    for (const place of TEXTS) this.#view.part(place).textContent = "";
    for (const part of [this.#sessions, this.#history, this.#ways, ...this.#forms]) part.clear();
    this.#address?.clear();
  }
}

/** Where the address is the username. @param {View} view */
async function speakOfAddresses(view) {
  (await import("../core/address-words.js")).speakOfAddresses(view.words);
  view.part("profile-title").nextElementSibling.textContent = view.text("profile-subtitle");
}

/** @param {View} view */
function addProfile(view) {
  const row = (/** @type {string} */ name, /** @type {HTMLElement} */ value) => make("div", "", make("dt", "", name), value);
  const roles = row(view.text("roles"), make("dd", "profile-roles"));
  addPart(
    view,
    "profile-title",
    view.text("profile-title"),
    view.text("profile-subtitle"),
    make(
      "dl",
      "profile",
      row(view.text("username"), make("dd", "", make("bdi", "profile-username"))),
      row(view.text("member-since"), make("dd", "", make("time", "profile-created"))),
      set(roles, { hidden: "" }),
    ),
    fold("password-fold", view.text("change-password")),
  );
}
