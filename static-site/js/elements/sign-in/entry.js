/**
 * The logged-out view: log in and sign up, two tabs of one card, and what is loaded when it is needed: what is done by mail,
 * passkeys, the second step. The address says which is shown, so that each can be linked to. Keeps no password.
 */

import { ApiError } from "../../lychgate.js";
import { make, set } from "../core/dom.js";
import { explain, isNoApi } from "../core/explain.js";
import { field, form, passwordField, submit } from "../core/fields.js";
import { clearForm, startForm } from "../core/forms.js";
import { load } from "../core/languages.js";
import { learnOptions, USUAL } from "../core/options.js";

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
    make("div", "panels", makePanel(view, "login", makeLogin(view)), makePanel(view, "signup")),
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

/** @param {View} view @param {string} name @param {...HTMLElement} children */
function makePanel(view, name, ...children) {
  return set(make("div", `${name}-panel`, ...children), {
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
  element.append(hide(ways), hide(make("p", "aside signup-offer", ...offer)));
  return element;
}

/** @param {View} view @param {string} form @param {string} autocomplete @param {(string | Node)[]} [hint] */
export function nameField(view, form, autocomplete, hint) {
  const attributes = { name: "username", type: "text", autocomplete, autocapitalize: "none", spellcheck: "false" };
  return field(view, `${form}-username`, view.text("username"), attributes, hint);
}

/** @param {string} href @param {string} text */
function link(href, text) {
  return set(make("a", "", text), { href });
}

/** @param {HTMLElement} element */
export function hide(element) {
  element.hidden = true;
  return element;
}

/**
 * @template Code
 * @param {View} view
 * @param {() => Promise<Code>} get
 * @param {string} [base] both as for `load`
 * @returns {Promise<Code>} once its words are there too; throws NetworkError
 */
export async function withWords(view, get, base = import.meta.url) {
  const [code] = await Promise.all([load(get, base), view.words.load("steps")]);
  return code;
}

/** What signing up takes. Most people have an account. @param {View} view */
function loadSignUp(view) {
  return withWords(view, () => import("./sign-up.js"));
}

/** The same, before the card is there, if the address asks for it: null if not. @param {View} view */
export function loadWanted(view) {
  return wantedTab() === "signup" ? loadSignUp(view) : null;
}

/**
 * Let the card work, once it is in the document.
 *
 * @param {View} view
 * @param {object} element
 * @param {(title: string) => void} element.onTab is told the key of another title
 * @param {(isUnderWay: boolean) => void} element.onSignUp is told of the beginning and end of a sign-up
 * @param {typeof import("./sign-up.js") | null} element.wanted what `loadWanted` has loaded
 */
export function startEntry(view, { onTab, onSignUp, wanted }) {
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
  /** @type {ReturnType<typeof import("./sign-up.js").startSignUp> | null} once it was needed */
  let signUp = null;
  let isNamed = false;
  /** Milliseconds until the API is asked once more what it had no answer for. */
  let pause = 5000;

  const done = () => withPasskeys(({ upgrade }) => upgrade(view));
  startForm(
    view,
    view.part("login-form"),
    ({ username, password }) => ({
      ...(!username && { username: view.text(site.isNamedByEmail ? "enter-your-email" : "enter-username") }),
      ...(!password && { password: view.text("enter-password") }),
    }),
    ({ username, password }) =>
      client.login(username, password).then(done, (refusal) => goOn({ refusal, name: username, done })),
  );
  view.listen(view.root, "click", follow);
  view.listen(window, "hashchange", showTab);
  if (wanted) beginSignUp(wanted);

  /** Show what the address names. */
  function showTab() {
    const wanted = wantedTab();
    if (second && secondAt === wanted) return onTab("one-more-step");
    endSecondStep();
    const chosen = site.isOpen && wanted === "signup" && signUp ? wanted : "login";
    if (site.isOpen && wanted === "signup" && !signUp) showSignUp();
    const isStep = wanted in STEPS || (chosen === "signup" && signUp?.isSent());
    const step = isStep && site.email !== "off" ? wanted : "";
    const next = signUp?.carry(chosen) ?? "login-username";
    const focused = document.activeElement;
    for (const name of Object.keys(TABS)) {
      const tab = set(view.part(`show-${name}`), { "aria-selected": String(name === chosen) });
      tab.tabIndex = name === chosen ? 0 : -1;
      view.part(`${name}-panel`).hidden = name !== chosen || !!step;
    }
    view.part("entry-tabs").hidden = !site.isOpen || !!step;
    view.part("login-only").hidden = site.isOpen || !!step;
    view.part("signup-closed").hidden = site.isOpen || wanted !== "signup";
    mails?.hideStep();
    onTab(NAMES[step || chosen]);
    if (step) showStep(step);
    // A link to the other tab has gone with its own.
    else if (focused?.closest("[hidden]")) view.part(next).focus();
  }

  /** Show what the site allows. Throws if there is no API at all. */
  async function followOptions() {
    site = await learnOptions(client).catch((error) => {
      // A page of HTML, for each path that it does not have, is what many servers send.
      if (error.cause instanceof SyntaxError) throw new ApiError({ status: 404 });
      if (isNoApi(error)) throw error;
      setTimeout(() => view.signal.aborted || followOptions().catch(() => {}), (pause *= 2));
      return USUAL;
    });
    const hadFocus = view.part("signup-panel").contains(document.activeElement);
    const hasEmail = site.email !== "off";
    signUp?.follow(site);
    if (site.isNamedByEmail && !isNamed) {
      await prepareSignUp();
      (await withWords(view, () => import("./named-by-email.js"))).nameByEmail(view);
      isNamed = true;
    }
    view.part("mail-ways").hidden = !hasEmail;
    // Nobody needs these before the form is there.
    (window.requestIdleCallback ?? setTimeout)(async () => {
      if (view.signal.aborted) return;
      const signingUp = site.isOpen && prepareSignUp().catch(() => {});
      await Promise.all([signingUp, withPasskeys(({ offer }) => offer(view))]);
      // What is at the end comes last, so that it does not move.
      if (!view.signal.aborted) view.part("signup-offer").hidden = !site.isOpen;
    });
    showTab();
    if (hadFocus && !site.isOpen) view.part("login-username").focus();
  }

  /** Have the form for it, which then needs no network. */
  async function prepareSignUp() {
    const code = await loadSignUp(view);
    if (!signUp && !view.signal.aborted) beginSignUp(code);
  }

  /** @param {typeof import("./sign-up.js")} code */
  function beginSignUp(code) {
    signUp = code.startSignUp(view, { onSignUp, loadMails });
    signUp.follow(site);
  }

  function showSignUp() {
    prepareSignUp().then(() => wantedTab() === "signup" && showTab(), turnBack);
  }

  /** @param {string} step */
  function showStep(step) {
    loadMails().then((mails) => wantedTab() === step && mails.showStep(step), turnBack);
  }

  /** @param {unknown} error that keeps what the address names from being shown */
  async function turnBack(error) {
    location.hash = "login";
    view.notice.warn(await explain(error, view.words));
  }

  /** What is done by mail, loaded once. */
  function loadMails() {
    const loading = (loadingMails ??= withWords(view, () => import("./mail-entry.js")).then(
      ({ startSteps }) => (mails = startSteps(view, site, goOn, showTab)),
    ));
    loading.catch(() => (loadingMails = null));
    return loading;
  }

  /** Nobody waits for it. @param {(code: typeof import("./passkey-entry.js")) => unknown} use */
  function withPasskeys(use) {
    if (!site.hasPasskeys || view.signal.aborted) return;
    return withWords(view, () => import("./passkey-entry.js")).then((code) => !view.signal.aborted && use(code)).catch(() => {});
  }

  /** Ask for the second factor, if a log-in lacks no more. @param {Due} due */
  async function goOn(due) {
    if (due.refusal.error !== "second_factor_required") throw due.refusal;
    endSecondStep();
    const { showSecondStep } = await withWords(view, () => import("./second-step.js"));
    second = showSecondStep(view, due, leaveSecondStep);
    secondAt = wantedTab();
    mails?.hideStep();
    showTab();
  }

  function leaveSecondStep() {
    endSecondStep();
    showTab();
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

  return {
    showTab,
    followOptions,

    /** Clear all forms, when somebody has logged in or out. */
    clear() {
      clearForm(view, view.part("login-form"));
      signUp?.clear();
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
