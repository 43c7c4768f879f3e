/**
 * Signing up: the form, what it says while somebody types, and the keys of the tabs, which lead nowhere without it. Loaded when
 * nothing else is to be done, or when it is wanted.
 */

import { make, makeButton, set } from "../core/dom.js";
import { field, form, passwordField, submit } from "../core/fields.js";
import { clearForm, startForm } from "../core/forms.js";
import { load } from "../core/languages.js";
import { USUAL } from "../core/options.js";
import { checkSignUp, showTally, tallyOf } from "../core/rules.js";
import { askedOf, forgetAsked, isAlive } from "./asked.js";
import { hide, nameField } from "./entry.js";

const TABS = ["login", "signup"];

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */

/**
 * Put the form into its panel.
 *
 * @param {View} view
 * @param {{onSignUp: (isUnderWay: boolean) => void, loadMails: () => Promise<any>}} entry is told of the beginning and end of
 *   a sign-up, and loads what is done by mail
 */
export function startSignUp(view, { onSignUp, loadMails }) {
  let site = USUAL;
  const element = makeSignUp(view);
  view.part("signup-panel").append(element);
  startForm(
    view,
    element,
    (values) => checkSignUp(view, site, values),
    async ({ username, email, password }) => {
      onSignUp(true);
      try {
        if (email) await (await loadMails()).signUp({ username, email, password });
        else await view.client.register(username, password);
      } finally {
        onSignUp(false);
      }
    },
  );
  element.addEventListener("input", () => {
    if (site.isNamedByEmail) return;
    const [name, password] = ["username", "password"].map((each) => view.part(`signup-${each}`).value);
    showTally(view.part("signup-password-tally"), tallyOf(view, site, password, name.trim()));
  });
  for (const tab of TABS) view.part(`show-${tab}`).addEventListener("keydown", (event) => chooseByKey(view, event));
  view.part("suggest").addEventListener("click", async () => {
    const words = await load(() => import("./suggestion.js"), import.meta.url).catch(() => null);
    if (words) words.suggestAnother(view, site);
    else view.part("suggestion").textContent = view.text("passphrase-missing");
  });

  return {
    /** Show what the site allows. @param {SiteOptions} theSite */
    follow(theSite) {
      site = theSite;
      view.part("signup-email-field").hidden = site.email === "off" || site.isNamedByEmail;
      view.part("signup-email").required = site.email === "required";
      view.part("signup-email-optional").hidden = site.email === "required";
      if (site.isNamedByEmail) return;
      view.part("signup-password-hint").textContent = view.text("password-hint", { count: site.passwordMin });
    },

    /** Take a typed name along to another tab. @param {string} tab @returns {string} the part to go on with */
    carry(tab) {
      const typed = view.part(`${tab === "login" ? "signup" : "login"}-username`).value;
      if (view.part(`${tab}-panel`).hidden && typed) view.part(`${tab}-username`).value = typed;
      return `${tab}-${typed && !(site.isNamedByEmail && tab === "signup") ? "password" : "username"}`;
    },

    /** Whether a mail to confirm an address is on its way. */
    isSent: () => isAlive(askedOf(view.client).signup),

    clear() {
      clearForm(view, element);
      forgetAsked(view.client);
    },
  };
}

/** Two tabs by keyboard: ARIA Authoring Practices, tabs with automatic activation. @param {View} view @param {KeyboardEvent} event */
function chooseByKey(view, event) {
  const [first, last] = TABS.map((tab) => view.part(`show-${tab}`));
  const other = event.currentTarget === first ? last : first;
  const target = { ArrowLeft: other, ArrowRight: other, Home: first, End: last }[event.key];
  if (!target) return;
  event.preventDefault();
  target.click();
  target.focus();
}

/** @param {View} view */
function makeSignUp(view) {
  const hint = view.pieces("username-hint", { signs: make("span", "nowrap", ". _ @ + -") });
  const email = field(view, "signup-email", view.text("email"), { name: "email", type: "email", autocomplete: "email" }, view.text("email-hint"));
  email.querySelector("label")?.append(make("span", "signup-email-optional muted", ` ${view.text("optional")}`));
  const suggestion = set(make("p", "suggestion", view.text("passphrase-advice")), { role: "status" });
  const suggest = makeButton(view.text("suggest"), "suggest button small", () => {});
  return form(
    "signup-form",
    nameField(view, "signup", "username", hint),
    hide(email),
    passwordField(
      view,
      "signup-password",
      view.text("password"),
      { name: "password", autocomplete: "new-password" },
      { hint: view.text("password-hint", { count: USUAL.passwordMin }), hasTally: true },
    ),
    make("div", "tip", suggestion, make("div", "", suggest)),
    submit(view.text("sign-up"), view.text("signing-up")),
  );
}
