/**
 * What somebody who is not logged in does by mail: ask for a new password, log in with a code, sign up with an address.
 * Loaded only then. Each step takes the place of the two forms in the card. Keeps no password. A challenge is kept for the
 * tab, because a phone may forget the page while its owner looks for the mail.
 */

import { byId, find, make, makeButton } from "./dom.js";
import { field, form, set, submit } from "./fields.js";
import { clearForm, naming, startForm } from "./forms.js";
import { ApiError } from "./lychgate.js";
import {
  forgotPassword,
  registerWithEmail,
  requestLoginCode,
  requestRegistration,
  verifyLoginCode,
} from "./lychgate-mail.js";
import { whenAgain } from "./messages.js";
import { startResend } from "./resend.js";
import { loadStyles } from "./styles.js";

const KEPT = "lychgate code";
const DIGITS = 6;
const TOO_MANY = 429;

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {{name: string, challenge: string, expires: number, sent: number}} Asked times by `Date.now()` */

/** @type {Record<string, ReturnType<typeof startResend>>} by the names of the steps */
const resends = {};

/** @type {Client} */
let client;
/** @type {(due: import("./second-step.js").Due) => Promise<void>} */
let goOn;
/** @type {boolean} whether the address is the username */
let isNamedByEmail;
/** @type {Record<string, ReturnType<typeof makeStep>>} by their names, none until they have begun */
let steps = {};
/** @type {Promise<void> | null} */
let starting = null;
/** @type {Asked | null} the code that was asked for last */
let asked = null;
/** The name that somebody has forgotten the password of, "" for none. */
let forgotten = "";
/** @type {{email: string, password: () => string | undefined} | null} the sign-up whose address is to be confirmed */
let pending = null;

/**
 * Begin, once.
 *
 * @param {Client} theClient
 * @param {import("./options.js").SiteOptions} site
 * @param {typeof goOn} theGoOn asks for the second factor if a log-in lacks it
 */
export function startSteps(theClient, site, theGoOn) {
  goOn = theGoOn;
  starting ??= start(theClient, site).catch((error) => {
    starting = null;
    throw error;
  });
  return starting;
}

/** @param {Client} theClient @param {import("./options.js").SiteOptions} site */
async function start(theClient, site) {
  client = theClient;
  await loadStyles("/mails.css");
  isNamedByEmail = site.isNamedByEmail;
  asked = restoreAsked();
  steps = {
    forgot: makeStep("Forgot your password?", askStep("forgot", "Send the mail", ask)),
    "forgot-sent": makeStep(
      "Look into your mailbox",
      sentStep("forgot", () => forgotPassword(client, forgotten), "Another name"),
    ),
    code: makeStep("Log in with a code", askStep("code", "Send a code", askForCode)),
    "code-sent": makeStep("Enter the code", codeStep()),
    "signup-sent": makeStep(
      "Confirm your address",
      sentStep("signup", () => pending && requestRegistration(client, pending.email, pending.password()), "Another address"),
    ),
  };
  for (const step of Object.values(steps)) find(document, ".panels").before(step.title);
  for (const step of Object.values(steps)) find(document, ".panels").append(step.panel);
  explain();
}

/** Show what was asked for, from where it is by now. @param {string} name */
export function showStep(name) {
  if (name === "code" && isAlive(asked)) show("code-sent");
  else if (name === "forgot" && forgotten) show("forgot-sent");
  else show(name);
}

export function hideStep() {
  for (const { title, panel } of Object.values(steps)) title.hidden = panel.hidden = true;
}

/** Forget everything, when somebody has logged in or out. */
export function clearSteps() {
  asked = pending = null;
  forgotten = "";
  forget();
  hideStep();
  for (const { panel } of Object.values(steps)) {
    for (const each of panel.querySelectorAll("form")) clearForm(each);
    for (const place of panel.querySelectorAll("[data-to]")) place.textContent = "";
  }
  for (const resend of Object.values(resends)) resend.clear();
}

/**
 * Create the account, or ask for one where it is to be confirmed first.
 *
 * @param {{username?: string, email: string, password: string}} values
 */
export async function signUp({ username, email, password }) {
  if (!isNamedByEmail) return registerWithEmail(client, username ?? "", password, email);
  await requestRegistration(client, email, password || undefined);
  // The form keeps the password, for another mail, until it is cleared.
  pending = { email, password: () => byId("signup-password").value || undefined };
  steps["signup-sent"].to(email);
  resends.signup.clear();
  resends.signup.wait();
  for (const id of ["signup-panel", "entry-tabs"]) byId(id).hidden = true;
  show("signup-sent");
}

/** @param {string} title @param {Node[]} children */
function makeStep(title, children) {
  const heading = set(make("h2", "", title), { tabindex: "-1", hidden: "" });
  const panel = set(make("div", "step", ...children), { hidden: "" });
  return {
    title: heading,
    panel,
    /** @param {string} name whom the mail went to */
    to: (name) => (find(panel, "[data-to]").textContent = name),
  };
}

/** Whom to send a mail to. @param {string} name @param {string} verb @param {(name: string) => Promise<void>} send */
function askStep(name, verb, send) {
  const label = isNamedByEmail ? "E-mail address" : "Username or e-mail address";
  /** @type {Record<string, string>} */
  const kind = isNamedByEmail ? { type: "email", inputmode: "email", autocomplete: "username email" } : { type: "text" };
  const element = form(
    `${name}-form`,
    make("p", "explanation"),
    field(`${name}-username`, label, {
      name: "username",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      ...kind,
    }),
    submit(verb, "Sending…"),
  );
  element.append(make("p", "aside", wayBack()));
  startForm(
    element,
    ({ username }) => (username ? {} : { username: `Enter your ${naming.name}.` }),
    async ({ username }) => {
      try {
        await send(username);
      } catch (error) {
        throw error.status === TOO_MANY ? tooMany(error) : error;
      }
      show(`${name}-sent`);
    },
  );
  return [element];
}

/** @param {string} name @param {() => unknown} send @param {string} other */
function sentStep(name, send, other) {
  return [
    make("p", "explanation"),
    ...resendPart(name, async () => send(), other),
    make("p", "aside", wayBack()),
  ];
}

/** Another mail, or one to somebody else. */
function resendPart(name, send, other) {
  const button = makeButton("", "button small", () => {});
  const status = set(make("p", "status muted"), { role: "status" });
  const again = makeButton(other, "button small quiet", () => askAnew(name));
  resends[name] = startResend(button, status, send);
  const hint = "Nothing came? Look among unwanted mail.";
  const rule = name === "signup" ? "" : " Mails go to confirmed addresses only, and a few an hour.";
  return [make("div", "again", button, again), status, make("p", "muted", hint, rule)];
}

function codeStep() {
  const element = form(
    "code-entry-form",
    make("p", "explanation"),
    field("code-digits", "Code", {
      name: "code",
      type: "text",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
    }),
    submit("Log in", "Logging in…"),
  );
  element.append(...resendPart("code", () => askForCode(asked?.name ?? ""), "Another name"), make("p", "aside", wayBack()));
  startForm(
    element,
    ({ code }) => {
      const digits = code.replace(/\s/g, "");
      if (!digits) return { code: "Enter the code from the mail." };
      return new RegExp(`^\\d{${DIGITS}}$`).test(digits) ? {} : { code: `The code has ${DIGITS} digits.` };
    },
    verify,
  );
  return [element];
}

/** @param {import("./forms.js").Texts} values */
async function verify({ code }) {
  const { challenge = "" } = asked ?? {};
  try {
    await verifyLoginCode(client, challenge, code);
  } catch (error) {
    if (error.error === "invalid_code") {
      byId("code-digits").select();
      const message = "This is not the code. Look at the newest mail.";
      throw new ApiError({ ...error, status: 422, errors: [{ field: "code", message }] });
    }
    if (error.error === "second_factor_required") {
      // The second step uses up the code of the first.
      return goOn({ refusal: error, name: asked?.name ?? "", first: "Ask for another mail.", again: forget });
    }
    if (error.error !== "invalid_challenge") throw error;
    // The name stays, for another mail.
    if (asked) asked.expires = 0;
    keep();
    const detail = "This code is too old, or was tried too often. Let us send another one.";
    throw new ApiError({ ...error, status: 400, detail });
  }
}

async function ask(name) {
  await forgotPassword(client, name);
  forgotten = name;
  resends.forgot.clear();
  resends.forgot.wait();
}

async function askForCode(name) {
  const { challenge, expiresIn } = await requestLoginCode(client, name);
  const now = Date.now();
  asked = { name, challenge, expires: now + 1000 * expiresIn, sent: now };
  keep();
}

function tooMany(error) {
  const detail = `Too many mails were asked for from your network. ${whenAgain(error.retryAfter)}`;
  return new ApiError({ ...error, status: 400, detail });
}

/** @param {string} name */
function askAnew(name) {
  if (name === "signup") {
    pending = null;
    hideStep();
    for (const id of ["signup-panel", "entry-tabs"]) byId(id).hidden = false;
    byId("signup-username").focus();
    return;
  }
  if (name === "code") forget();
  else forgotten = "";
  show(name);
}

function show(name) {
  hideStep();
  const { title, panel, to } = steps[name];
  title.hidden = panel.hidden = false;
  if (name === "forgot-sent") to(forgotten);
  if (name === "code-sent" && asked) {
    to(asked.name);
    resends.code.clear();
    resends.code.wait((asked.sent - Date.now()) / 1000 + 60);
  }
  const typed = byId("login-username").value;
  const input = panel.querySelector("input");
  if (input?.name === "username" && !input.value) input.value = typed;
  (input ?? title).focus();
}

/** Say in each step what will happen. */
function explain() {
  const to = () => set(make("bdi"), { "data-to": "" });
  const texts = {
    forgot: ["We send a mail with a link to choose a new password, if the account has a confirmed address."],
    "forgot-sent": ["If there is an account ", to(), ", a mail with a link is on its way. The link is good for 30 minutes."],
    code: ["We send a mail with a code, if the account has a confirmed address. No password is needed."],
    "code-sent": [`If there is an account `, to(), `, a mail with ${DIGITS} digits is on its way. They are good for 10 minutes, here only.`],
    "signup-sent": [
      "A mail is on its way to ",
      to(),
      ". Open its link and press the button there. Your account exists from then on. The link is good for an hour.",
    ],
  };
  for (const [name, parts] of Object.entries(texts)) find(steps[name].panel, ".explanation").append(...parts);
}

function wayBack() {
  return set(make("a", "", "Back to the log-in"), { href: "#login" });
}

function isAlive(code) {
  return !!code && code.expires > Date.now();
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(asked));
  } catch {
    // The browser allows no storage.
  }
}

function forget() {
  asked = null;
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // As above.
  }
}

/** @returns {Asked | null} */
function restoreAsked() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return isAlive(kept) ? kept : null;
  } catch {
    return null;
  }
}
