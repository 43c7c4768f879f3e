/**
 * Assembles the account: who somebody is, their address and ways to log in, sessions and history, a new password, the
 * account's deletion. Each part has a module of its own. Inserts all data into the document as text, never as markup.
 */

import { SessionEnded } from "../../lychgate.js";
import { make, set, whileBusy } from "../core/dom.js";
import { day } from "../core/moments.js";
import { USUAL } from "../core/options.js";
import { startDeletion } from "./deletion.js";
import { startHistory } from "./history.js";
import { addPart } from "./parts.js";
import { startPasswordChange } from "./password-change.js";
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
  #passwordChange;
  #ways;
  #sessions;
  #history;
  #deletion;

  /** @param {View} view @param {() => void} onDeleted */
  constructor(view, onDeleted) {
    this.#view = view;
    const load = () => this.#load();
    // In the order in which they are shown.
    addProfile(view);
    this.#passwordChange = startPasswordChange(view, () => this.#site, load);
    this.#ways = startWays(view, () => this.#site, {
      onChanged: load,
      onKnown: () => {
        this.#passwordChange.show();
        this.#deletion.show();
      },
    });
    this.#sessions = startSessions(view, askFirst(view), () => this.#history.load());
    this.#history = startHistory(view);
    this.#deletion = startDeletion(view, onDeleted);
    const again = view.part("reload-dashboard");
    again.addEventListener("click", () => whileBusy(again, load));
    /** Ends when it is known what the site allows. */
    this.prepared = this.#prepare().catch(() => {});
  }

  async #prepare() {
    const view = this.#view;
    this.#site = await recall(view.client);
    if (this.#site.email === "off") return;
    const { startAddress } = await import("./address.js");
    if (!view.signal.aborted) this.#address = startAddress(view, this.#site);
  }

  /** Show whose account it is, and load what the API tells of it. */
  begin() {
    const { client, signal } = this.#view;
    const isThere = () => client.user && !signal.aborted;
    this.showUser();
    this.#load();
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
    this.#passwordChange.show();
    this.#deletion.show();
    this.#address?.show();
  }

  /** Remove all data of a user, before another may log in. */
  clear() {
    for (const place of TEXTS) this.#view.part(place).textContent = "";
    for (const part of [this.#sessions, this.#history, this.#ways, this.#passwordChange, this.#deletion]) part.clear();
    this.#address?.clear();
  }
}

/**
 * The dialog is loaded when somebody needs it, and until then it takes nobody's time.
 *
 * @param {View} view
 */
function askFirst(view) {
  return async (/** @type {import("../core/confirm-dialog.js").Question} */ question) => {
    const { confirm } = await import("../core/confirm-dialog.js");
    return confirm(view, question);
  };
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
  );
}
