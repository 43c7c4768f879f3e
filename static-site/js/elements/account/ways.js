/**
 * The account's ways to log in: password, authenticator app, recovery codes and passkeys, what each of them is by now,
 * and buttons to add and remove it. What they do has a module of its own.
 */

import { make, makeButton, markPart, set, whileBusy } from "../core/dom.js";
import { loader } from "../core/loading.js";
import { day, moment } from "../core/moments.js";
import { remember } from "../core/ways-known.js";
import { whatIsDone } from "./later.js";
import { addPart, listParts, loadButton } from "./parts.js";

const FEW_CODES = 3;

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */
/** @typedef {import("../../lychgate-factors.js").Factors} Factors */
/** @typedef {import("../../lychgate-factors.js").Passkey} Passkey */
/** @typedef {ReturnType<typeof import("./changing-ways.js").startChangingWays>} Changing */

/**
 * @param {View} view
 * @param {() => SiteOptions} theSite what the site allows, as far as is known
 * @param {object} page
 * @param {() => void} page.onKnown is told when it is known anew what there is
 * @param {() => void} page.onChanged is told when something was added or removed here
 */
export function startWays(view, theSite, { onKnown, onChanged }) {
  const { client } = view;
  const add = makeButton(view.text("add-passkey"), "add-passkey button", () => act((ways) => ways.addOne()));
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
    () => client.json("GET", "auth/factors"),
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
    const choose = makeButton(view.text("choose-one"), "button small", () => whileBusy(choose, () => act((ways) => ways.sendLink())));
    return entry("password", title, [view.text("has-no-password")], set(choose, { "aria-label": view.text("choose-by-mail") }));
  }

  /** @param {Factors["totp"]} totp */
  function appEntry(totp) {
    const title = view.text("app");
    if (!totp) {
      const begin = makeButton(view.text("set-up"), "button small", () => act((ways) => ways.setUp()));
      set(begin, { "aria-label": view.text("set-up-the-app"), "data-busy": view.text("one-moment") });
      return entry("app", title, [view.text("app-asks")], begin);
    }
    const remove = set(makeButton(view.text("remove"), "button small", () => act((ways) => ways.askToRemoveApp())), { "aria-label": view.text("remove-the-app") });
    return entry("app", title, view.pieces("app-on-since", { day: dayOf(view, totp.added_at) }), remove);
  }

  /** @param {number} left */
  function codesEntry(left) {
    const button = makeButton(view.text("make-new-ones"), "button small", () => act((ways) => ways.askToReplaceCodes()));
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
    const rename = makeButton(view.text("rename"), "button small quiet", () => act((ways) => ways.renameIn(element, passkey)));
    const remove = makeButton(view.text("remove"), "button small", () => act((ways) => ways.askToRemove(passkey)));
    set(rename, { "aria-label": view.text("rename-passkey", { label }) });
    set(remove, { "aria-label": view.text("remove-passkey", { label }) });
    element.append(make("div", "buttons", rename, remove));
    element.dataset.id = id;
    return element;
  }

  /** @type {Changing | null} once something is to be done */
  let changing = null;

  /** @param {(ways: Changing) => unknown} run */
  async function act(run) {
    const code = await whatIsDone(view);
    if (code) await run((changing ??= code.startChangingWays(view, { list, add, load, passkeyEntry, onChanged })));
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

/** Whether this browser has passkeys for a page at this address: the client's answer, without the client's code for them. */
function passkeysWork() {
  return "PublicKeyCredential" in globalThis && isSecureContext && !/^[\d.]+$|^\[/.test(location.hostname);
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
