/** The change of the password, folded away until somebody wants it. Keeps no password. */

import { byId } from "./dom.js";
import { startFold } from "./fold.js";
import { clearForm, passwordProblem, showTally, startForm } from "./forms.js";
import { SessionEnded } from "./lychgate.js";
import { say } from "./notice.js";
import { learnOptions } from "./options.js";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @param {Client} client
 * @param {() => void} onChanged is called after a change, which ends the other sessions
 */
export function startPasswordChange(client, onChanged) {
  const form = byId("password-form");
  const fold = startFold(byId("password-fold"), form);
  const username = () => {
    if (!client.user) throw new SessionEnded();
    return client.user.username;
  };

  startForm(
    form,
    ({ current_password: current, new_password: next }) => {
      const problem = passwordProblem(next, username()) || sameProblem(current, next);
      return {
        ...(current ? {} : { current_password: "Enter your password." }),
        ...(problem && { new_password: problem }),
      };
    },
    async ({ current_password: current, new_password: next }) => {
      await client.changePassword(current, next);
      fold.close();
      say("Your password is changed. Other devices have to log in with the new one.");
      onChanged();
    },
  );
  // Few who are logged in need to know how long a password has to be.
  byId("password-fold").addEventListener("toggle", ({ target }) => target.open && learnOptions());
  byId("new-password").addEventListener("input", ({ target }) => {
    showTally(byId("new-password-tally"), target.value, username());
  });

  return {
    show: () => fold.fill(username()),
    clear: fold.clear,
  };
}

/** A password is the same in each form that Unicode has for it. @returns {string} "" for none */
function sameProblem(current, next) {
  const isSame = current.normalize("NFC") === next.normalize("NFC");
  return isSame ? "This is your password already. Choose another one." : "";
}
