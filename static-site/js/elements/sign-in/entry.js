/**
 * The logged-out view: log in and sign up, two tabs of one card, and what is loaded when it is needed: what is done by mail,
 * passkeys, the second step. The address says which is shown, so that each can be linked to. Keeps no password.
 */

import { NetworkError } from "../../lychgate.js";
import { make, set } from "../core/dom.js";
import { field, form, passwordField, submit } from "../core/fields.js";
import { clearForm, showTally, startForm } from "../core/forms.js";
import { describe, isNoApi } from "../core/messages.js";
import { learnOptions, USUAL } from "../core/options.js";
import { checkLogin, checkSignUp, tallyOf } from "../core/rules.js";

const TABS = { login: "log-in", signup: "sign-up" };
const STEPS = { forgot: "forgot", code: "log-in-with-code" };
const NAMES = { ...TABS, ...STEPS };

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("./second-step.js").Due} Due */

/**
 * The card, as it is before anything is known.
 *
 * @param {View} view
 * @returns {HTMLElement}
 */
export function makeEntry(view) {
  const title = set(make("h1", "logged-out-title", view.text("welcome")), { id: view.id("title"), tabindex: "-1" });
  const welcome = make("div", "welcome", title, make("p", "lead", view.text("lead")), set(make("div", "gate"), { "aria-hidden": "true" }));
  const tabs = make("div", "tabs entry-tabs", ...Object.keys(TABS).map((name) => makeTab(view, name)));
  set(tabs, { role: "tablist", "aria-label": view.text("log-in-or-sign-up") });
  const entry = make(
    "div",
    "entry",
    tabs,
    hide(make("h2", "login-only", view.text("log-in"))),
    hide(set(make("p", "message signup-closed", view.text("signup-closed")), { role: "status" })),
    make("div", "panels", makePanel(view, "login", makeLogin(view)), makePanel(view, "signup", makeSignUp(view))),
  );
  return set(make("section", "logged-out", make("div", "gatehouse card", welcome, entry)), { "aria-labelledby": title.id });
}

/** @param {View} view @param {string} name */
function makeTab(view, name) {
  return set(make("a", `show-${name}`, view.text(TABS[name])), {
    id: view.id(`show-${name}`),
    href: `#${name}`,
    role: "tab",
    "aria-controls": view.id(`${name}-panel`),
  });
}

/** @param {View} view @param {string} name @param {HTMLElement} child */
function makePanel(view, name, child) {
  return set(make("div", `${name}-panel`, child), {
    id: view.id(`${name}-panel`),
    role: "tabpanel",
    "aria-labelledby": view.id(`show-${name}`),
  });
}

/** @param {View} view */
function makeLogin(view) {
  const element = form(
    "login-form",
    nameField(view, "login", "username webauthn"),
    passwordField(view, "login-password", view.text("password"), { name: "password" }),
    submit(view.text("log-in"), view.text("logging-in")),
  );
  const ways = make("p", "ways mail-ways", link("#forgot", view.text("forgot")), " ", link("#code", view.text("log-in-with-code")));
  const offer = view.pieces("new-here", { link: link("#signup", view.text("sign-up")) });
  element.append(hide(ways), make("p", "aside signup-offer", ...offer));
  return element;
}

/** @param {View} view */
function makeSignUp(view) {
  const hint = view.pieces("username-hint", { signs: make("span", "nowrap", ". _ @ + -") });
  const email = field(view, "signup-email", view.text("email"), { name: "email", type: "email", autocomplete: "email" }, view.text("email-hint"));
  email.querySelector("label")?.append(make("span", "signup-email-optional muted", ` ${view.text("optional")}`));
  const suggestion = set(make("p", "suggestion", view.text("passphrase-advice")), { role: "status" });
  const suggest = set(make("button", "suggest button small", view.text("suggest")), { type: "button" });
  return form(
    "signup-form",
    nameField(view, "signup", "username", hint),
    hide(email),
    passwordField(
      view,
      "signup-password",
      view.text("password"),
      { name: "password", autocomplete: "new-password" },
      { hint: [view.text("password-hint", { count: USUAL.passwordMin })], hasTally: true },
    ),
    make("div", "tip", suggestion, make("div", "", suggest)),
    submit(view.text("sign-up"), view.text("signing-up")),
  );
}

/** @param {View} view @param {string} form @param {string} autocomplete @param {(string | Node)[]} [hint] */
function nameField(view, form, autocomplete, hint) {
  const attributes = { name: "username", type: "text", autocomplete, autocapitalize: "none", spellcheck: "false" };
  return field(view, `${form}-username`, view.text("username"), attributes, hint);
}

/** @param {string} href @param {string} text */
function link(href, text) {
  return set(make("a", "", text), { href });
}

/** @param {HTMLElement} element */
function hide(element) {
  element.hidden = true;
  return element;
}

/**
 * Let the card work, once it is in the document.
 *
 * @param {View} view
 * @param {{onTab: (title: string) => void, onSignUp: (isUnderWay: boolean) => void}} element is told of another tab, and of
 *   the beginning and end of a sign-up
 */
export function startEntry(view, { onTab, onSignUp }) {
  const { client } = view;
  let site = USUAL;
  /** @type {Awaited<ReturnType<typeof import("./mail-entry.js").startSteps>> | null} once it was needed */
  let mails = null;
  /** @type {Promise<any> | null} */
  let loadingMails = null;
  /** @type {{hide: () => void} | null} the second step while it is shown */
  let second = null;
  /** What the address asked for when the second step began. */
  let secondAt = "";
  let isNamed = false;

  const done = () => withPasskeys(({ upgrade }) => upgrade(view));
  startForm(
    view,
    view.part("login-form"),
    (values) => checkLogin(view, site, values),
    ({ username, password }) =>
      client.login(username, password).then(done, (refusal) => goOn({ refusal, name: username, done })),
  );
  startForm(
    view,
    view.part("signup-form"),
    (values) => checkSignUp(view, site, values, !site.isNamedByEmail),
    async ({ username, email, password }) => {
      onSignUp(true);
      try {
        if (email) await (await loadMails()).signUp({ username, email, password });
        else await client.register(username, password);
      } finally {
        onSignUp(false);
      }
    },
  );
  view.part("signup-form").addEventListener("input", () => {
    const [name, password] = ["username", "password"].map((each) => view.part(`signup-${each}`).value);
    showTally(view.part("signup-password-tally"), tallyOf(view, site, password, name.trim()));
  });
  view.part("suggest").addEventListener("click", suggest);
  for (const name of Object.keys(TABS)) view.part(`show-${name}`).addEventListener("keydown", chooseByKey);
  view.listen(view.root, "click", follow);
  view.listen(window, "hashchange", () => onTab(showTab()));
  showTab();

  /** Show what the address names. @returns {string} its title */
  function showTab() {
    const wanted = wantedTab();
    if (second && secondAt === wanted) return view.text("one-more-step");
    endSecondStep();
    const chosen = site.isOpen && wanted === "signup" ? wanted : "login";
    const step = wanted in STEPS && site.email !== "off" ? wanted : "";
    const other = chosen === "login" ? "signup" : "login";
    const typed = view.part(`${other}-username`).value;
    if (view.part(`${chosen}-panel`).hidden && typed) view.part(`${chosen}-username`).value = typed;
    for (const name of Object.keys(TABS)) {
      const tab = set(view.part(`show-${name}`), { "aria-selected": String(name === chosen) });
      tab.tabIndex = name === chosen ? 0 : -1;
      view.part(`${name}-panel`).hidden = name !== chosen || !!step;
    }
    view.part("entry-tabs").hidden = !site.isOpen || !!step;
    view.part("signup-offer").hidden = !site.isOpen;
    view.part("login-only").hidden = site.isOpen || !!step;
    view.part("signup-closed").hidden = site.isOpen || wanted !== "signup";
    mails?.hideStep();
    if (!step) return view.text(TABS[chosen]);
    showStep(step);
    return view.text(STEPS[step]);
  }

  /** Show what the site allows. @returns {Promise<string>} the tab's title; throws if there is no API at all */
  async function followOptions() {
    site = await learnOptions(client).catch((error) => {
      // A page of HTML, for each path that it does not have, is what many servers send.
      if (isNoApi(error) || error.cause instanceof SyntaxError) throw error;
      return USUAL;
    });
    const hadFocus = view.part("signup-panel").contains(document.activeElement);
    const hasEmail = site.email !== "off";
    view.part("mail-ways").hidden = !hasEmail;
    view.part("signup-email-field").hidden = !hasEmail || site.isNamedByEmail;
    view.part("signup-email").required = site.email === "required";
    view.part("signup-email-optional").hidden = site.email === "required";
    view.part("signup-password-hint").textContent = view.text("password-hint", { count: site.passwordMin });
    if (site.isNamedByEmail && !isNamed) {
      isNamed = true;
      (await import("./named-by-email.js")).nameByEmail(view, site);
    }
    // Nobody needs it before the form is there.
    (window.requestIdleCallback ?? setTimeout)(() => withPasskeys(({ offer }) => offer(view)));
    const title = showTab();
    if (hadFocus && !site.isOpen) view.part("login-username").focus();
    return title;
  }

  /** @param {string} step */
  async function showStep(step) {
    try {
      const { showStep } = await loadMails();
      if (wantedTab() === step) showStep(step);
    } catch (error) {
      location.hash = "login";
      view.notice.warn(describe(error, view.words));
    }
  }

  /** What is done by mail, loaded once. */
  async function loadMails() {
    try {
      loadingMails ??= import("./mail-entry.js").then(({ startSteps }) => startSteps(view, site, goOn));
      return (mails = await loadingMails);
    } catch (cause) {
      loadingMails = null;
      throw new NetworkError("", { cause });
    }
  }

  /** Nobody waits for it. @param {(code: typeof import("./passkey-entry.js")) => unknown} use */
  function withPasskeys(use) {
    if (!site.hasPasskeys || view.signal.aborted) return;
    import("./passkey-entry.js").then((code) => !view.signal.aborted && use(code)).catch(() => {});
  }

  /** Ask for the second factor, if a log-in lacks no more. @param {Due} due */
  async function goOn(due) {
    if (due.refusal.error !== "second_factor_required") throw due.refusal;
    endSecondStep();
    try {
      const { showSecondStep } = await import("./second-step.js");
      second = await showSecondStep(view, due, leaveSecondStep);
    } catch (cause) {
      throw new NetworkError("", { cause });
    }
    secondAt = wantedTab();
    mails?.hideStep();
    onTab(showTab());
  }

  function leaveSecondStep() {
    endSecondStep();
    onTab(showTab());
  }

  function endSecondStep() {
    second?.hide();
    second = null;
  }

  /**
   * What links of the element lead to is in the element, whatever a `<base>` of the page makes of them. The tab that is
   * shown leads nowhere, and adds nothing to the history.
   *
   * @param {MouseEvent} event
   */
  function follow(event) {
    const target = /** @type {Element} */ (event.target).closest("a[href^='#']");
    if (!target || event.defaultPrevented) return;
    event.preventDefault();
    if (target.getAttribute("aria-selected") !== "true") location.hash = target.getAttribute("href") ?? "";
  }

  /** Two tabs by keyboard: ARIA Authoring Practices, tabs with automatic activation. @param {KeyboardEvent} event */
  function chooseByKey(event) {
    const [first, last] = Object.keys(TABS);
    const other = wantedTab() === first ? last : first;
    const target = { ArrowLeft: other, ArrowRight: other, Home: first, End: last }[event.key];
    if (!target) return;
    event.preventDefault();
    view.part(`show-${target}`).click();
    view.part(`show-${target}`).focus();
  }

  async function suggest() {
    const words = await import("./suggestion.js").catch(() => null);
    if (words) words.suggestAnother(view, site);
    else view.part("suggestion").textContent = view.text("passphrase-missing");
  }

  return {
    showTab,
    followOptions,

    /** Clear all forms, when somebody has logged in or out. */
    clear() {
      for (const form of ["login-form", "signup-form"]) clearForm(view, view.part(form));
      mails?.clearSteps();
      endSecondStep();
    },
  };
}

/** Take the tab out of the address, so that the next log-out shows the log-in. */
export function forgetTab() {
  if (Object.hasOwn(NAMES, location.hash.slice(1))) history.replaceState(history.state, "", location.href.split("#")[0]);
}

/** @returns {string} what the address asks for */
function wantedTab() {
  const wanted = location.hash.slice(1);
  return Object.hasOwn(NAMES, wanted) ? wanted : "login";
}
