/**
 * The administration, once it is known that an administrator is there: the list, an account, a new one. The address says
 * which of them is shown, so that each can be linked to, and the browser's Back leads to the one before. Owns what happens
 * when the API says that the administrator is none any more.
 */

import { byId } from "../by-id.js";
import { find } from "../elements/core/dom.js";
import { describe } from "../elements/core/messages.js";
import { learnOptions, USUAL } from "../elements/core/options.js";
import { View } from "../elements/core/view.js";
import { remember } from "../elements/core/ways-known.js";
import { SessionEnded } from "../lychgate.js";
import { getFactors } from "../lychgate-factors.js";
import { startList } from "./list.js";
import { startNew } from "./new.js";
import { called, tellTitle } from "./parts.js";
import { startUser } from "./user.js";

const NOT_ALLOWED = "insufficient_scope";

/** @typedef {import("../lychgate.js").Client} Client */
/** @typedef {import("../lychgate.js").User} User */

/**
 * What the parts of the administration share.
 *
 * @typedef {object} Desk
 * @property {View} view
 * @property {Client} client
 * @property {import("../elements/core/options.js").SiteOptions} site
 * @property {<Answer>(call: Promise<Answer>) => Promise<Answer>} ask waits for a call; throws SessionEnded where the
 *   administrator is none any more, and the page shows nothing then
 * @property {Map<string, User>} known users by their ids, as they were seen last
 * @property {() => void} onCreated a user was made here
 * @property {(user: User) => void} onChanged a user was changed here
 * @property {(user: User) => void} onDeleted a user was deleted here
 */

/**
 * @param {Client} client
 * @param {import("../elements/core/languages.js").Words} words
 * @param {{refuse: () => void}} page
 * @returns {Promise<import("../elements/core/view.js").View["notice"]>} to be hushed when nothing may stay
 */
export async function startAdministration(client, words, { refuse }) {
  // Dialogs and times have words that are an account's.
  const [site] = await Promise.all([learnOptions(client).catch(() => USUAL), words.load("steps", "account", "changes")]);
  const view = new View(document.body, () => client, words);
  find(document, "[data-lychgate=notices]").append(view.notice.region);
  // The question for who it is asks for what there is.
  getFactors(client).then((told) => remember(view, told), () => {});

  /** @type {Desk} */
  const desk = {
    view,
    client,
    site,
    known: new Map(),
    async ask(call) {
      try {
        return await call;
      } catch (error) {
        if (error.error !== NOT_ALLOWED) throw error;
        refuse();
        throw new SessionEnded();
      }
    },
    onCreated: () => list.renew(),
    onChanged(user) {
      desk.known.set(user.id, user);
      list.update(user);
    },
    onDeleted(user) {
      desk.known.delete(user.id);
      list.remove(user);
      view.notice.say(`${called(user)} is deleted.`);
      // Back does not lead to an account that is gone.
      location.replace("#");
    },
  };
  const list = startList(desk);
  const user = startUser(desk);
  const fresh = startNew(desk);
  const views = { list, user, fresh };
  const root = byId("administration");
  root.replaceChildren(...Object.values(views).map(({ element }) => element));
  tellOfTrouble(view);

  /** @param {boolean} [isFirst] */
  const show = (isFirst = false) => {
    // Whoever is refused has nothing to show.
    if (!root.contains(list.element)) return;
    const [, id = ""] = /^#user=([\w.:|-]+)$/.exec(location.hash) ?? [];
    const name = id ? "user" : location.hash === "#new" ? "fresh" : "list";
    const left = user.leave();
    for (const [each, { element }] of Object.entries(views)) element.hidden = each !== name;
    fresh.clear();
    if (id) user.show(id);
    else if (name === "list") list.show();
    else tellTitle("New account");
    if (isFirst) return;
    if (name === "list") return list.focus(left);
    scrollTo(0, 0);
    views[name].element.querySelector("h1")?.focus();
  };
  addEventListener("hashchange", () => show());
  show(true);
  return view.notice;
}

/** A lost connection ends no session, but nothing here works meanwhile. @param {View} view */
function tellOfTrouble({ client, notice, words }) {
  let isTold = false;
  client.onChange(({ type, error }) => {
    if (type === "refresh-failed") {
      isTold = true;
      notice.warn(`${describe(error, words)} You are still logged in.`);
    } else if (isTold) {
      isTold = false;
      notice.hush();
    }
  });
}
