/** The change of the password, folded away until somebody wants it. Keeps no password. */

import { whenFresh } from "./confirm-dialog.js";
import { byId, find, make, makeButton } from "./dom.js";
import { form, passwordField, set, submit, usernameField } from "./fields.js";
import { startFold } from "./fold.js";
import { passwordProblem, showTally, startForm } from "./forms.js";
import { SessionEnded } from "./lychgate.js";
import { say } from "./notice.js";
import { learnOptions, passwordLength } from "./options.js";
import { known } from "./ways-known.js";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @param {Client} client
 * @param {() => void} onChanged is called after a change, which ends the other sessions
 */
export function startPasswordChange(client, onChanged) {
  const { details, element } = addFold();
  const fold = startFold(details, element);
  const username = () => {
    if (!client.user) throw new SessionEnded();
    return client.user.username;
  };

  startForm(
    element,
    ({ current_password: current, new_password: next }) => {
      const problem = passwordProblem(next, username()) || sameProblem(current, next);
      return {
        ...(current ? {} : { current_password: "Enter your password." }),
        ...(problem && { new_password: problem }),
      };
    },
    async ({ current_password: current, new_password: next }) => {
      const isDone = await whenFresh(client, {
        title: "Change the password?",
        consequence: "Your account has a second factor, so a password alone does not change it. All other sessions end.",
        verb: "Change password",
        busy: "Changing…",
        failed: () => "The password may be as it was.",
        task: (signal) => client.changePassword(current, next, { signal }),
      });
      if (!isDone) return;
      fold.close();
      say("Your password is changed. Other devices have to log in with the new one.");
      onChanged();
    },
  );
  // Few who are logged in need to know how long a password has to be.
  details.addEventListener("toggle", () => details.open && learnOptions());
  byId("new-password").addEventListener("input", ({ target }) => {
    showTally(byId("new-password-tally"), target.value, username());
  });

  return {
    show() {
      fold.fill(username());
      details.hidden = known()?.password === false;
    },
    clear: fold.clear,
  };
}

/** Put the form at the end of the account's card. */
function addFold() {
  const least = set(make("span", "", String(passwordLength.min)), { "data-password-min": "" });
  const element = form(
    "password-form",
    make("p", "muted", "All other sessions end with it."),
    usernameField(),
    passwordField("current-password", "Current password", { name: "current_password" }),
    passwordField(
      "new-password",
      "New password",
      { name: "new_password", autocomplete: "new-password" },
      { hint: [least, " or more characters, spaces too, without your username"], tally: "new-password-tally" },
    ),
    make(
      "div",
      "actions",
      submit("Change password", "Changing…", "button primary"),
      set(makeButton("Cancel", "button quiet", () => {}), { "data-cancel": "" }),
    ),
  );
  element.dataset.refused = "current_password";
  const details = set(make("details", "fold", make("summary", "", "Change password"), element), { id: "password-fold" });
  find(byId("logged-in"), ".profile").after(details);
  return { details, element };
}

/** A password is the same in each form that Unicode has for it. @returns {string} "" for none */
function sameProblem(current, next) {
  const isSame = current.normalize("NFC") === next.normalize("NFC");
  return isSame ? "This is your password already. Choose another one." : "";
}
