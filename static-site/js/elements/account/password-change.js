/** The form for a new password, in its fold. Keeps no password. */

import { SessionEnded } from "../../lychgate.js";
import { whenFresh } from "../core/confirm-dialog.js";
import { make, makeButton, set } from "../core/dom.js";
import { form, passwordField, submit, usernameField } from "../core/fields.js";
import { startFold } from "../core/fold.js";
import { startForm } from "../core/forms.js";
import { learnOptions } from "../core/options.js";
import { passwordProblem, showTally, tallyOf } from "../core/rules.js";

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */

/**
 * @param {View} view
 * @param {() => SiteOptions} theSite what the site allows, as far as is known
 * @param {() => void} onChanged is called after a change, which ends the other sessions
 */
export function startPasswordChange(view, theSite, onChanged) {
  const { client } = view;
  /** @type {SiteOptions | null} once it was asked here */
  let site = null;
  const rules = () => site ?? theSite();
  const details = view.part("password-fold");
  const element = addForm(view, details, rules().passwordMin);
  const fold = startFold(view, details, element);
  const username = () => {
    if (!client.user) throw new SessionEnded();
    return client.user.username;
  };

  startForm(
    view,
    element,
    ({ current_password: current, new_password: next }) => {
      const problem = passwordProblem(view, rules(), next, username()) || sameProblem(view, current, next);
      return {
        ...(current ? {} : { current_password: view.text("enter-password") }),
        ...(problem && { new_password: problem }),
      };
    },
    async ({ current_password: current, new_password: next }) => {
      const isDone = await whenFresh(view, {
        title: view.text("change-password?"),
        consequence: view.text("change-password-consequence"),
        verb: view.text("change-password"),
        busy: view.text("changing"),
        failed: () => view.text("password-may-be-old"),
        task: (signal) => client.changePassword(current, next, { signal }),
      });
      if (!isDone) return;
      fold.close();
      view.notice.say(view.text("password-is-changed"));
      onChanged();
    },
  );
  // Few who are logged in need to know how long a password has to be.
  details.addEventListener("toggle", () => details.open && learnRules());
  if (details.open) learnRules();
  view.part("new-password").addEventListener("input", ({ target }) => {
    showTally(view.part("new-password-tally"), tallyOf(view, rules(), target.value, username()));
  });

  async function learnRules() {
    site = await learnOptions(client).catch(() => null);
    if (!site || view.signal.aborted) return;
    view.part("new-password-hint").textContent = view.text("new-password-hint", { count: site.passwordMin });
  }

  return {
    show() {
      fold.fill(username());
    },
    clear: fold.clear,
  };
}

/** @param {View} view @param {HTMLDetailsElement} details @param {number} least */
function addForm(view, details, least) {
  const element = form(
    "password-form",
    make("p", "muted", view.text("others-end-with-it")),
    usernameField(view),
    passwordField(view, "current-password", view.text("current-password"), { name: "current_password" }),
    passwordField(
      view,
      "new-password",
      view.text("new-password"),
      { name: "new_password", autocomplete: "new-password" },
      { hint: view.text("new-password-hint", { count: least }), hasTally: true },
    ),
    make(
      "div",
      "actions",
      submit(view.text("change-password"), view.text("changing"), "button primary"),
      set(makeButton(view.text("cancel"), "button quiet", () => {}), { "data-cancel": "" }),
    ),
  );
  element.dataset.refused = "current_password";
  details.append(element);
  return element;
}

/** A password is the same in each form that Unicode has for it. @returns {string} "" for none */
function sameProblem(view, current, next) {
  return current.normalize("NFC") === next.normalize("NFC") ? view.text("same-password") : "";
}
