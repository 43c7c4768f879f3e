/**
 * What is done with the ways to log in: each is added, renamed and removed. What is shown once only is loaded when it is
 * wanted.
 */

import {
  addPasskey,
  beginTotp,
  removePasskey,
  removeTotp,
  renamePasskey,
  replaceRecoveryCodes,
} from "../../lychgate-factors.js";
import { confirm, whenFresh } from "../core/confirm-dialog.js";
import { device } from "../core/devices.js";
import { find, make, makeButton, partSelector, whileBusy } from "../core/dom.js";
import { withoutPasskey } from "../core/factor-words.js";
import { field, form, submit } from "../core/fields.js";
import { startForm } from "../core/forms.js";
import { load } from "../core/languages.js";
import { describe, WordedError } from "../core/messages.js";
import { known } from "../core/ways-known.js";

const LONGEST_LABEL = 64;
const NOT_FOUND = 404;
const CONFLICT = 409;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate-factors.js").Factors} Factors */
/** @typedef {import("../../lychgate-factors.js").Passkey} Passkey */

/**
 * @param {View} view
 * @param {object} ways
 * @param {HTMLElement} ways.list
 * @param {HTMLButtonElement} ways.add the button that adds a passkey
 * @param {{load: () => Promise<void>, show: (factors: Factors) => void}} ways.load
 * @param {(passkey: Passkey) => HTMLElement} ways.passkeyEntry
 * @param {() => void} ways.onChanged is told when something was added or removed here
 */
export function startChangingWays(view, { list, add, load, passkeyEntry, onChanged }) {
  const { client } = view;
  add.dataset.busy = view.text("waiting-for-passkey");

  async function sendLink() {
    try {
      const { forgotPassword } = await loaded(() => import("../../lychgate-mail.js"));
      await forgotPassword(client, client.user?.username ?? "");
      view.notice.say(view.text("password-link-sent"));
    } catch (error) {
      view.notice.warn(describe(error, view.words));
    }
  }

  /** Show a form in place of a passkey's entry. @param {HTMLElement} element @param {Passkey} passkey */
  function renameIn(element, passkey) {
    const cancel = makeButton(view.text("cancel"), "button quiet", () => {
      const back = passkeyEntry(passkey);
      editing.replaceWith(back);
      find(back, `${partSelector("buttons")} button`).focus();
    });
    const rename = form(
      "rename-form",
      field(view, "passkey-label", view.text("passkey-name"), {
        name: "label",
        type: "text",
        maxlength: String(LONGEST_LABEL),
        autocomplete: "off",
        value: passkey.label,
      }),
      make("div", "actions", submit(view.text("save"), view.text("saving"), "button primary"), cancel),
    );
    startForm(
      view,
      rename,
      ({ label }) => (label.trim() ? {} : { label: view.text("enter-name") }),
      async ({ label }) => {
        const renamed = await renamePasskey(client, passkey.id, label.trim());
        showWith((passkeys) => passkeys.map((each) => (each.id === renamed.id ? renamed : each)));
        find(list, `[data-id="${renamed.id}"] button`).focus();
        view.notice.say(view.text("passkey-renamed"));
      },
    );
    rename.addEventListener("keydown", (event) => event.key === "Escape" && cancel.click());
    const editing = make("li", "item editing", rename);
    element.replaceWith(editing);
    find(rename, "input").select();
  }

  /** Show other passkeys without asking the API. @param {(passkeys: Passkey[]) => Passkey[]} change */
  function showWith(change) {
    const factors = known(view);
    if (factors) load.show({ ...factors, passkeys: change(factors.passkeys) });
  }

  function setUp() {
    const button = find(list, "[data-kind=app] button");
    whileBusy(button, async () => {
      const isDone = await tried(async () => {
        let begun;
        const mayBegin = await whenFresh(view, {
          title: view.text("set-up-question"),
          consequence: view.text("set-up-consequence"),
          verb: view.text("go-on"),
          busy: view.text("one-moment"),
          failed: () => view.text("nothing-changed"),
          task: async () => {
            begun = await beginTotp(client);
          },
        });
        if (!mayBegin || !begun) return false;
        const { setUpApp } = await loaded(() => import("./totp-setup.js"));
        return setUpApp(view, begun);
      });
      await settle(isDone, view.text("app-is-on"));
    });
  }

  async function askToRemoveApp() {
    const isDone = await confirm(view, {
      title: view.text("remove-app-question"),
      consequence: view.text("remove-app-consequence"),
      verb: view.text("remove-app"),
      busy: view.text("removing"),
      failed: () => view.text("app-may-be-there"),
      task: () => removeTotp(client),
    });
    await settle(isDone, view.text("app-is-removed"));
  }

  async function askToReplaceCodes() {
    const isDone = await tried(async () => {
      /** @type {string[]} */
      let codes = [];
      const isMade = await confirm(view, {
        title: view.text("new-codes-question"),
        consequence: view.text("new-codes-consequence"),
        verb: view.text("make-new-ones"),
        busy: view.text("making"),
        failed: () => view.text("old-codes-may-be-good"),
        task: async () => {
          codes = await replaceRecoveryCodes(client);
        },
      });
      if (!isMade) return false;
      const { showCodes } = await loaded(() => import("./recovery-codes.js"));
      return showCodes(view, codes);
    });
    await settle(isDone, view.text("codes-are-new"));
  }

  function addOne() {
    whileBusy(add, async () => {
      const isDone = await tried(() =>
        whenFresh(view, {
          title: view.text("add-passkey-question"),
          consequence: view.text("add-passkey-consequence"),
          verb: view.text("add-passkey"),
          busy: view.text("waiting-for-passkey"),
          failed: () => "",
          task: async (signal) => {
            const ends = AbortSignal.any([signal, view.signal]);
            await addPasskey(client, device(view.words, navigator.userAgent).name, { signal: ends });
          },
        }),
      );
      await settle(isDone, view.text("passkey-is-added"));
    });
  }

  /** @param {Passkey} passkey */
  async function askToRemove({ id, label }) {
    const isDone = await confirm(view, {
      title: view.text("remove-passkey-question"),
      consequence: view.text("remove-passkey-consequence", { label }),
      verb: view.text("remove-the-passkey"),
      busy: view.text("removing"),
      failed: () => view.text("passkey-still-there"),
      task: async () => {
        try {
          await removePasskey(client, id);
        } catch (error) {
          if (error.status === CONFLICT) throw new WordedError(error, view.text("last-way-in"));
          // It was removed already.
          if (error.status !== NOT_FOUND) throw error;
        }
      },
    });
    await settle(isDone, view.text("passkey-is-removed"));
  }

  /** Do it, and tell what goes wrong. @param {() => Promise<boolean>} action @returns {Promise<boolean>} */
  async function tried(action) {
    try {
      return await action();
    } catch (error) {
      if (client.user && !view.signal.aborted) view.notice.warn(withoutPasskey(view, error) ?? describe(error, view.words));
      return false;
    }
  }

  /** Show what there is by now. @param {boolean} isDone @param {string} success */
  async function settle(isDone, success) {
    if (!client.user || view.signal.aborted) return;
    if (isDone) {
      view.notice.say(success);
      onChanged();
      await load.load();
    }
    // The button may have gone with its entry.
    if (isDone || document.activeElement === document.body) view.part("ways-title").focus({ preventScroll: true });
  }

  return { sendLink, renameIn, setUp, askToRemoveApp, askToReplaceCodes, addOne, askToRemove };
}

/** @template Code @param {() => Promise<Code>} code @returns {Promise<Code>} throws NetworkError */
function loaded(code) {
  return load(code, import.meta.url);
}
