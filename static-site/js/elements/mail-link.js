/**
 * The page that mailed links lead to: account.html#PURPOSE=TOKEN. It takes the token out of the address, says what will
 * happen, and waits for the button. Programs that look at mails open each link, and some run its scripts: only the
 * button's request uses the token. Before that, no request has a session or a token.
 */

import { byId, find } from "./dom.js";
import { passwordProblem, showTally, startForm } from "./forms.js";
import { ApiError, createClient } from "./lychgate.js";
import { confirmEmail, confirmRegistration, resetPassword } from "./lychgate-mail.js";
import { learnOptions } from "./options.js";

/**
 * What a link is for: what to do with its token, what to say then, and what to do if the token is no longer good.
 *
 * @typedef {object} Purpose
 * @property {(client: import("./lychgate.js").Client, token: string, values: import("./forms.js").Texts) => Promise<void>} use
 * @property {Message} done
 * @property {Message} gone
 *
 * @typedef {{title: string, text: string, next: string, href: string}} Message the last two are those of a link
 */

/** @type {Record<string, Purpose>} */
const PURPOSES = {
  register: {
    use: async (client, token) => {
      await confirmRegistration(client, token);
    },
    done: { title: "Your account is ready", text: "Your address is confirmed, and you are logged in.", next: "To your account", href: "/" },
    gone: {
      title: "This link is no longer good",
      text: "It was used, is older than an hour, or is not whole. If you have pressed the button before, your account exists: log in. If not, sign up again, and you get another mail.",
      next: "Sign up again",
      href: "/#signup",
    },
  },
  email: {
    use: async (client, token) => {
      await confirmEmail(client, token);
      // Whoever is logged in here sees it in all tabs.
      await client.restore().catch(() => {});
    },
    done: { title: "Your address is confirmed", text: "Your account has this address now.", next: "To your account", href: "/" },
    gone: {
      title: "This link is no longer good",
      text: "It was used, is older than an hour, or is not whole, or you have asked for another mail since. If you have pressed the button before, the address is confirmed. If not, your account sends another mail.",
      next: "Look into your account",
      href: "/",
    },
  },
  reset: {
    use: (client, token, values) => resetPassword(client, token, values.new_password),
    done: { title: "Your password is changed", text: "All sessions have ended. Log in with the new password. If your account has an authenticator app or passkeys, they stay as they were.", next: "Log in", href: "/#login" },
    gone: {
      title: "This link is no longer good",
      text: "It was used, is older than 30 minutes, or is not whole, or the password has changed since. Your password is as it was, unless you have just changed it.",
      next: "Ask for another mail",
      href: "/#forgot",
    },
  },
};
/** @type {Message} */
const NO_LINK = {
  title: "Open the link in your mail",
  text: "This page has forgotten it, or it was not whole. The mail still has it, and you can open it again.",
  next: "To the log-in",
  href: "/",
};
/** @type {Message} */
const TAKEN = {
  title: "The address has an account already",
  text: "Another account has confirmed this address, so this one cannot have it. Log in there, or use another address.",
  next: "Log in",
  href: "/#login",
};
const VIEWS = [...Object.keys(PURPOSES), "done", "gone"];

/** What the link that was opened last is for. */
let purpose = "";
let token = "";
/** What offers a passkey to a new account, once it is loaded; null where there is nothing to offer. */
let offering = Promise.resolve(/** @type {typeof import("./passkey-offer.js") | null} */ (null));

for (const name of Object.keys(PURPOSES)) startForm(byId(`${name}-form`), (values) => check(name, values), act);
byId("reset-password").addEventListener("input", ({ target }) => showTally(byId("reset-tally"), target.value, ""));
addEventListener("hashchange", open);
open();

/** Read the link, and show what it is for. */
function open() {
  const [, name = "", value = ""] = /^#([a-z]+)=([\w-]+)$/.exec(location.hash) ?? [];
  if (location.href.includes("#")) history.replaceState(null, "", location.pathname);
  purpose = name in PURPOSES ? name : "";
  token = value;
  if (!purpose) return tell("gone", NO_LINK);
  show(purpose);
  if (purpose === "reset") learnOptions();
  if (purpose === "register") offering = loadOffer().catch(() => null);
}

async function loadOffer() {
  return (await learnOptions()).hasPasskeys ? import("./passkey-offer.js") : null;
}

/** @param {string} name @param {import("./forms.js").Texts} values */
function check(name, { new_password: password }) {
  const problem = name === "reset" ? passwordProblem(password, "") : "";
  return problem ? { new_password: problem } : {};
}

/** @param {import("./forms.js").Texts} values */
async function act(values) {
  const { use, done, gone } = PURPOSES[purpose];
  // A client looks after the session of this browser from the beginning: nobody has asked for that before.
  const client = createClient();
  try {
    await use(client, token, values);
    token = "";
    const offer = await offering;
    tell("done", done);
    await offer?.offerPasskey(client);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.error === "email_taken") tell("gone", TAKEN);
    else if (error.error === "link_expired" || error.errors.some(({ field }) => field === "token")) tell("gone", gone);
    else throw error;
  } finally {
    client.close();
  }
}

/** @param {"done" | "gone"} view @param {Message} message */
function tell(view, { title, text, next, href }) {
  byId(`${view}-title`).textContent = title;
  byId(`${view}-text`).textContent = text;
  byId(`${view}-next`).textContent = next;
  byId(`${view}-next`).href = href;
  byId("gone-aside").hidden = !href.includes("#") || href === "/#login";
  show(view);
}

/** Show one view, and move the focus to its heading. @param {string} name */
function show(name) {
  const isFirst = VIEWS.every((view) => byId(view).hidden);
  for (const view of VIEWS) byId(view).hidden = view !== name;
  document.title = `${find(byId(name), "h1").textContent} · Lychgate`;
  if (!isFirst) find(byId(name), "h1").focus();
}
