/**
 * The account's ways to log in: password, authenticator app, recovery codes and passkeys, what each of them is by now,
 * and how to add and remove it. What is shown once only, and what is seldom done, is loaded when it is wanted.
 */

import { NetworkError } from "../../lychgate.js";
import {
  addPasskey,
  beginTotp,
  getFactors,
  passkeysWork,
  removePasskey,
  removeTotp,
  renamePasskey,
  replaceRecoveryCodes,
} from "../../lychgate-factors.js";
import { confirm, whenFresh } from "../core/confirm-dialog.js";
import { device } from "../core/devices.js";
import { find, make, makeButton, markPart, partSelector, set, whileBusy } from "../core/dom.js";
import { withoutPasskey } from "../core/factor-words.js";
import { field, form, submit } from "../core/fields.js";
import { startForm } from "../core/forms.js";
import { loader } from "../core/loading.js";
import { describe, WordedError } from "../core/messages.js";
import { day, moment } from "../core/moments.js";
import { known, remember } from "../core/ways-known.js";
import { addPart, listParts, loadButton } from "./parts.js";

const FEW_CODES = 3;
const LONGEST_LABEL = 64;
const NOT_FOUND = 404;
const CONFLICT = 409;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */
/** @typedef {import("../../lychgate-factors.js").Factors} Factors */
/** @typedef {import("../../lychgate-factors.js").Passkey} Passkey */

/**
 * @param {View} view
 * @param {() => SiteOptions} theSite what the site allows, as far as is known
 * @param {object} page
 * @param {() => void} page.onKnown is told when it is known anew what there is
 * @param {() => void} page.onChanged is told when something was added or removed here
 */
export function startWays(view, theSite, { onKnown, onChanged }) {
  const { client } = view;
  const add = set(makeButton(view.text("add-passkey"), "add-passkey button", () => addOne()), {
    "data-busy": view.text("waiting-for-passkey"),
  });
  const note = addressNote(view);
  // It holds its place until it is known what may be added.
  const actions = make("div", "actions unknown", add, note);
  add.hidden = !passkeysWork();
  note.hidden = !add.hidden;
  const retry = set(loadButton("ways-retry", view.text("try-again"), view.text("trying")), { hidden: "" });
  addPart(
    view,
    "ways-title",
    view.text("ways"),
    view.text("ways-text"),
    ...listParts("ul", "way-list", "ways-summary", retry),
    actions,
  );
  const list = view.part("way-list");

  const load = loader(
    view,
    { list: "way-list", summary: "ways-summary", retry: "ways-retry" },
    () => getFactors(client),
    (/** @type {Factors} */ factors) => {
      remember(view, factors);
      list.replaceChildren(...entries(factors));
      actions.hidden = !theSite().hasPasskeys;
      markPart(actions, "unknown", false);
      onKnown();
      return summary(view, factors);
    },
  );

  /** @param {Factors} factors @returns {HTMLElement[]} */
  function entries({ password, totp, recovery_codes_left: left, passkeys }) {
    const shown = [passwordEntry(password)];
    if (totp || theSite().hasTotp) shown.push(appEntry(totp));
    if (totp) shown.push(codesEntry(left));
    return [...shown, ...passkeys.map(passkeyEntry)];
  }

  /** @param {boolean} hasPassword */
  function passwordEntry(hasPassword) {
    const title = view.text("password");
    if (hasPassword) return entry("password", title, [view.text("has-password")]);
    const choose = makeButton(view.text("choose-one"), "button small", () => whileBusy(choose, sendLink));
    return entry("password", title, [view.text("has-no-password")], set(choose, { "aria-label": view.text("choose-by-mail") }));
  }

  async function sendLink() {
    try {
      const { forgotPassword } = await loaded(import("../../lychgate-mail.js"));
      await forgotPassword(client, client.user?.username ?? "");
      view.notice.say(view.text("password-link-sent"));
    } catch (error) {
      view.notice.warn(describe(error, view.words));
    }
  }

  /** @param {Factors["totp"]} totp */
  function appEntry(totp) {
    const title = view.text("app");
    if (!totp) {
      const begin = makeButton(view.text("set-up"), "button small", setUp);
      set(begin, { "aria-label": view.text("set-up-the-app"), "data-busy": view.text("one-moment") });
      return entry("app", title, [view.text("app-asks")], begin);
    }
    const remove = set(makeButton(view.text("remove"), "button small", askToRemoveApp), { "aria-label": view.text("remove-the-app") });
    return entry("app", title, view.pieces("app-on-since", { day: dayOf(view, totp.added_at) }), remove);
  }

  /** @param {number} left */
  function codesEntry(left) {
    const button = makeButton(view.text("make-new-ones"), "button small", askToReplaceCodes);
    const told = left ? view.text("codes-left", { count: left }) : view.text("no-code-left");
    const advice = left > FEW_CODES ? [] : [" ", view.text("codes-advice")];
    const element = entry("codes", view.text("recovery-codes"), [told, ...advice], button);
    markPart(element, "scarce", left <= FEW_CODES);
    return element;
  }

  /** @param {Passkey} passkey */
  function passkeyEntry(passkey) {
    const { id, label, created_at: created, last_used_at: used, backed_up: isSynced } = passkey;
    const element = entry("passkey", make("bdi", "label", label), [view.text(isSynced ? "passkey-everywhere" : "passkey-here")]);
    const use = used ? view.pieces("passkey-used", { when: moment(view.words, used) }) : [view.text("passkey-unused")];
    const made = make("span", "", ...view.pieces("passkey-made", { day: dayOf(view, created) }));
    element.append(make("p", "muted", made, make("span", "next", ...use)));
    const rename = makeButton(view.text("rename"), "button small quiet", () => renameIn(element, passkey));
    const remove = makeButton(view.text("remove"), "button small", () => askToRemove(passkey));
    set(rename, { "aria-label": view.text("rename-passkey", { label }) });
    set(remove, { "aria-label": view.text("remove-passkey", { label }) });
    element.append(make("div", "buttons", rename, remove));
    element.dataset.id = id;
    return element;
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
        const { setUpApp } = await loaded(import("./totp-setup.js"));
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
      const { showCodes } = await loaded(import("./recovery-codes.js"));
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
    if (isDone || document.activeElement === document.body) view.part("ways-title").focus();
  }

  return {
    load: load.load,
    clear() {
      remember(view, null);
      markPart(actions, "unknown", true);
      load.clear();
    },
  };
}

/** @param {Promise<any>} code that is being loaded */
async function loaded(code) {
  try {
    return await code;
  } catch (cause) {
    throw new NetworkError("", { cause });
  }
}

/** @param {View} view @returns {HTMLElement} that says why no passkey can be added here */
function addressNote(view) {
  const { host, hostname, href } = location;
  const named = host.replace(hostname, "localhost");
  if (!/^127\.|^\[::1\]$/.test(hostname)) return make("p", "muted small", view.text("no-passkeys-here"));
  const link = set(make("a", "nowrap", named), { href: href.replace(host, named) });
  return make("p", "muted small", ...view.pieces("passkeys-need-a-name", { address: link }));
}

/**
 * @param {string} kind
 * @param {string | Node} title
 * @param {(string | Node)[]} told
 * @param {HTMLElement} [button]
 */
function entry(kind, title, told, button) {
  const element = make("li", "item", make("p", "title", make("strong", "", title)), make("p", "muted", ...told));
  element.dataset.kind = kind;
  if (button) element.append(make("div", "buttons", button));
  return element;
}

/** @param {View} view @param {string} timestamp */
function dayOf(view, timestamp) {
  return set(make("time", "nowrap", day(view.words, timestamp)), { datetime: timestamp });
}

/** @param {View} view @param {Factors} factors */
function summary(view, { password, totp, passkeys }) {
  if (totp) return view.text("wants-second-factor");
  if (passkeys.length) return view.text("has-passkeys", { count: passkeys.length });
  return view.text(password ? "only-password" : "only-mailed-code");
}
