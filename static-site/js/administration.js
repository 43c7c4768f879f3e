/**
 * The administration, once it is known that an administrator is there: the list, an account, a new one. The address says
 * which of them is shown, so that each can be linked to, and the browser's Back leads to the one before. Owns what happens
 * when the API says that the administrator is none any more.
 */

import { startList } from "./admin-list.js";
import { startNew } from "./admin-new.js";
import { startUser } from "./admin-user.js";
import { called, tellTitle } from "./admin-parts.js";
import { byId } from "./dom.js";
import { SessionEnded } from "./lychgate.js";
import { getFactors } from "./lychgate-factors.js";
import { describe } from "./messages.js";
import { hush, say, warn } from "./notice.js";
import { learnOptions } from "./options.js";
import { loadStyles } from "./styles.js";
import { remember } from "./ways-known.js";

const NOT_ALLOWED = "insufficient_scope";

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").User} User */

/**
 * What the parts of the administration share.
 *
 * @typedef {object} Desk
 * @property {Client} client
 * @property {import("./options.js").SiteOptions} site
 * @property {<Answer>(call: Promise<Answer>) => Promise<Answer>} ask waits for a call; throws SessionEnded where the
 *   administrator is none any more, and the page shows nothing then
 * @property {Map<string, User>} known users by their ids, as they were seen last
 * @property {() => void} onCreated a user was made here
 * @property {(user: User) => void} onChanged a user was changed here
 * @property {(user: User) => void} onDeleted a user was deleted here
 */

/** @param {Client} client @param {{refuse: () => void}} page */
export async function startAdministration(client, { refuse }) {
  // In this order: the last one knows those before. That of dialogs is there before anything is to be shown once.
  const sheets = ["/account.css", "/sheet.css", "/admin.css"].map(loadStyles);
  const [site] = await Promise.all([learnOptions(), ...sheets]);
  // The question for who it is asks for what there is.
  getFactors(client).then(remember, () => {});

  /** @type {Desk} */
  const desk = {
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
      say(`${called(user)} is deleted.`);
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
  tellOfTrouble(client);

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
}

/** A lost connection ends no session, but nothing here works meanwhile. @param {Client} client */
function tellOfTrouble(client) {
  let isTold = false;
  client.onChange(({ type, error }) => {
    if (type === "refresh-failed") {
      isTold = true;
      warn(`${describe(error)} You are still logged in.`);
    } else if (isTold) {
      isTold = false;
      hush();
    }
  });
}
