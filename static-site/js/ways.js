/**
 * The account's ways to log in: password, authenticator app, recovery codes and passkeys, what each of them is by now,
 * and how to add and remove it. What is shown once only, and what is seldom done, is loaded when it is wanted.
 */

import { confirm, whenFresh } from "./confirm-dialog.js";
import { device } from "./devices.js";
import { byId, find, make, makeButton, whileBusy } from "./dom.js";
import { withoutPasskey } from "./factor-words.js";
import { field, form, set, submit } from "./fields.js";
import { startForm } from "./forms.js";
import { loader } from "./loading.js";
import { NetworkError } from "./lychgate.js";
import {
  addPasskey,
  beginTotp,
  getFactors,
  passkeysWork,
  removePasskey,
  removeTotp,
  renamePasskey,
  replaceRecoveryCodes,
} from "./lychgate-factors.js";
import { describe } from "./messages.js";
import { day, moment } from "./moments.js";
import { say, warn } from "./notice.js";
import { addPart, listParts, loadButton } from "./parts.js";
import { known, remember } from "./ways-known.js";

const FEW_CODES = 3;
const LONGEST_LABEL = 64;
const NOT_FOUND = 404;
const CONFLICT = 409;
const LAST = "It is the only way into your account. Add another passkey first, or choose a password.";

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate-factors.js").Factors} Factors */
/** @typedef {import("./lychgate-factors.js").Passkey} Passkey */

/**
 * @param {Client} client
 * @param {() => import("./options.js").SiteOptions} theSite what the site allows, as far as is known
 * @param {object} page
 * @param {() => void} page.onKnown is told when it is known anew what there is
 * @param {() => void} page.onChanged is told when something was added or removed here
 */
export function startWays(client, theSite, { onKnown, onChanged }) {
  const add = set(makeButton("Add a passkey", "button", () => addOne()), {
    id: "add-passkey",
    "data-busy": "Waiting for the passkey…",
  });
  const note = addressNote();
  // It holds its place until it is known what may be added.
  const actions = make("div", "actions unknown", add, note);
  add.hidden = !passkeysWork();
  note.hidden = !add.hidden;
  addPart(
    "ways-title",
    "Ways to log in",
    "How you prove that it is you. With two of them, a stolen password is not enough.",
    ...listParts("ul", "way-list", "ways-summary", set(loadButton("ways-retry", "Try again", "Trying…"), { hidden: "" })),
    actions,
  );

  const view = loader(
    { list: "way-list", summary: "ways-summary", retry: "ways-retry" },
    () => getFactors(client),
    (/** @type {Factors} */ factors) => {
      const site = theSite();
      remember(factors);
      byId("way-list").replaceChildren(...entries(factors));
      actions.hidden = !site.hasPasskeys;
      actions.classList.remove("unknown");
      onKnown();
      return summary(factors);
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
    if (hasPassword) return entry("password", "Password", ["You have one. Change it above."]);
    const choose = makeButton("Choose one", "button small", () => whileBusy(choose, sendLink));
    const text = "None. You log in with a passkey or a mailed code.";
    return entry("password", "Password", [text], set(choose, { "aria-label": "Choose a password, by mail" }));
  }

  async function sendLink() {
    try {
      const { forgotPassword } = await loaded(import("./lychgate-mail.js"));
      await forgotPassword(client, client.user?.username ?? "");
      say("A mail is on its way, with a link to choose a password.");
    } catch (error) {
      warn(describe(error));
    }
  }

  /** @param {Factors["totp"]} totp */
  function appEntry(totp) {
    const button = totp ? makeButton("Remove", "button small", askToRemoveApp) : makeButton("Set up", "button small", setUp);
    const does = totp ? "Remove" : "Set up";
    set(button, { "aria-label": `${does} the authenticator app`, "data-busy": totp ? "" : "One moment…" });
    if (!totp) return entry("app", "Authenticator app", ["Asks for a code of your phone, too."], button);
    return entry("app", "Authenticator app", ["On since ", dayOf(totp.added_at)], button);
  }

  /** @param {number} left */
  function codesEntry(left) {
    const button = makeButton("Make new ones", "button small", askToReplaceCodes);
    const text = left === 1 ? "One is left." : left ? `${left} are left.` : "None is left.";
    const advice = left > FEW_CODES ? "" : " Make new ones before you need them.";
    const element = entry("codes", "Recovery codes", [text, advice], button);
    element.classList.toggle("scarce", left <= FEW_CODES);
    return element;
  }

  /** @param {Passkey} passkey */
  function passkeyEntry(passkey) {
    const { id, label, created_at: created, last_used_at: used, backed_up: isSynced } = passkey;
    const name = set(make("bdi", "label"), {});
    name.textContent = label;
    const element = entry("passkey", name, [isSynced ? "Passkey, on all your devices" : "Passkey, on one device only"]);
    const times = make("p", "muted", make("span", "", "Made on ", dayOf(created)));
    times.append(make("span", "next", ...(used ? ["used ", moment(used)] : ["not used yet"])));
    element.append(times);
    const rename = makeButton("Rename", "button small quiet", () => renameIn(element, passkey));
    const remove = makeButton("Remove", "button small", () => askToRemove(passkey));
    set(rename, { "aria-label": `Rename the passkey ${label}` });
    set(remove, { "aria-label": `Remove the passkey ${label}` });
    element.append(make("div", "buttons", rename, remove));
    element.dataset.id = id;
    return element;
  }

  /** Show a form in place of a passkey's entry. @param {HTMLElement} element @param {Passkey} passkey */
  function renameIn(element, passkey) {
    const cancel = makeButton("Cancel", "button quiet", () => {
      const back = passkeyEntry(passkey);
      editing.replaceWith(back);
      find(back, ".buttons button").focus();
    });
    const rename = form(
      "rename-form",
      field("passkey-label", "Name of the passkey", {
        name: "label",
        type: "text",
        maxlength: String(LONGEST_LABEL),
        autocomplete: "off",
        value: passkey.label,
      }),
      make("div", "actions", submit("Save", "Saving…", "button primary"), cancel),
    );
    startForm(
      rename,
      ({ label }) => (label.trim() ? {} : { label: "Enter a name." }),
      async ({ label }) => {
        const renamed = await renamePasskey(client, passkey.id, label.trim());
        showWith((passkeys) => passkeys.map((each) => (each.id === renamed.id ? renamed : each)));
        find(byId("way-list"), `[data-id="${renamed.id}"] button`).focus();
        say("The passkey has a new name.");
      },
    );
    rename.addEventListener("keydown", (event) => event.key === "Escape" && cancel.click());
    const editing = make("li", "item editing", rename);
    element.replaceWith(editing);
    find(rename, "input").select();
  }

  /** Show other passkeys without asking the API. @param {(passkeys: Passkey[]) => Passkey[]} change */
  function showWith(change) {
    const factors = known();
    if (factors) view.show({ ...factors, passkeys: change(factors.passkeys) });
  }

  function setUp() {
    const button = find(byId("way-list"), "[data-kind=app] button");
    whileBusy(button, async () => {
      const isDone = await tried(async () => {
        let begun;
        const mayBegin = await whenFresh(client, {
          title: "Set up an authenticator app?",
          consequence: "From then on a log-in with the password needs a code of the app too.",
          verb: "Go on",
          busy: "One moment…",
          failed: () => "Nothing has changed.",
          task: async () => {
            begun = await beginTotp(client);
          },
        });
        if (!mayBegin || !begun) return false;
        const { setUpApp } = await loaded(import("./totp-setup.js"));
        return setUpApp(client, begun);
      });
      await settle(isDone, "Your account has a second factor now. Other sessions have ended.");
    });
  }

  async function askToRemoveApp() {
    const isDone = await confirm(client, {
      title: "Remove the authenticator app?",
      consequence: "A password alone logs in again then, and the recovery codes are void.",
      verb: "Remove the app",
      busy: "Removing…",
      failed: () => "The app may still be there.",
      task: () => removeTotp(client),
    });
    await settle(isDone, "The authenticator app is removed.");
  }

  async function askToReplaceCodes() {
    const isDone = await tried(async () => {
      /** @type {string[]} */
      let codes = [];
      const isMade = await confirm(client, {
        title: "Make new recovery codes?",
        consequence: "The ones that you have kept are void then.",
        verb: "Make new ones",
        busy: "Making…",
        failed: () => "The old ones may still be good.",
        task: async () => {
          codes = await replaceRecoveryCodes(client);
        },
      });
      if (!isMade) return false;
      const { showCodes } = await loaded(import("./recovery-codes.js"));
      return showCodes(client, codes);
    });
    await settle(isDone, "You have new recovery codes.");
  }

  function addOne() {
    whileBusy(add, async () => {
      const isDone = await tried(() =>
        whenFresh(client, {
          title: "Add a passkey?",
          consequence: "It logs you in without your password, by your fingerprint, face or PIN.",
          verb: "Add a passkey",
          busy: "Waiting for the passkey…",
          failed: () => "",
          task: async (signal) => {
            await addPasskey(client, device(navigator.userAgent).name, { signal });
          },
        }),
      );
      await settle(isDone, "You can log in with the new passkey.");
    });
  }

  /** @param {Passkey} passkey */
  async function askToRemove({ id, label }) {
    const isDone = await confirm(client, {
      title: "Remove the passkey?",
      consequence: `“${label}” logs you in no more. Where it is kept, you can delete it too.`,
      verb: "Remove the passkey",
      busy: "Removing…",
      failed: () => "The passkey is still there.",
      task: async () => {
        try {
          await removePasskey(client, id);
        } catch (error) {
          if (error.status === CONFLICT) error.detail = LAST;
          // It was removed already.
          if (error.status !== NOT_FOUND) throw error;
        }
      },
    });
    await settle(isDone, "The passkey is removed.");
  }

  /** Do it, and tell what goes wrong. @param {() => Promise<boolean>} action @returns {Promise<boolean>} */
  async function tried(action) {
    try {
      return await action();
    } catch (error) {
      if (client.user) warn(withoutPasskey(error) ?? describe(error));
      return false;
    }
  }

  /** Show what there is by now. @param {boolean} isDone @param {string} success */
  async function settle(isDone, success) {
    if (!client.user) return;
    if (isDone) {
      say(success);
      onChanged();
      await view.load();
    }
    // The button may have gone with its entry.
    if (isDone || document.activeElement === document.body) byId("ways-title").focus();
  }

  return {
    load: view.load,
    clear() {
      remember(null);
      actions.classList.add("unknown");
      view.clear();
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

/** @returns {HTMLElement} that says why no passkey can be added here */
function addressNote() {
  const { host, hostname, href } = location;
  const named = host.replace(hostname, "localhost");
  if (!/^127\.|^\[::1\]$/.test(hostname)) return make("p", "muted small", "Passkeys do not work in this browser.");
  const link = set(make("a", "nowrap", named), { href: href.replace(host, named) });
  return make("p", "muted small", "Passkeys need an address with a name: ", link);
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

/** @param {string} timestamp */
function dayOf(timestamp) {
  return set(make("time", "nowrap", day(timestamp)), { datetime: timestamp });
}

/** @param {Factors} factors */
function summary({ password, totp, passkeys }) {
  if (totp) return "A log-in with the password needs a second factor.";
  if (passkeys.length) return passkeys.length === 1 ? "You have a passkey." : `You have ${passkeys.length} passkeys.`;
  if (!password) return "You log in with a mailed code.";
  return "Only your password logs you in.";
}
