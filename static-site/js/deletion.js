/**
 * The deletion of the account, folded away until somebody wants it. The password confirms it, and where the account has
 * a second factor or no password, so does the question for who it is.
 */

import { whenFresh } from "./confirm-dialog.js";
import { find, make, makeButton } from "./dom.js";
import { form, passwordField, set, submit, usernameField } from "./fields.js";
import { startFold } from "./fold.js";
import { startForm } from "./forms.js";
import { addPart } from "./parts.js";
import { known } from "./ways-known.js";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @param {Client} client
 * @param {() => void} onDeleted is called before the log-out that follows
 */
export function startDeletion(client, onDeleted) {
  const { details, element } = addFold();
  const fold = startFold(details, element);
  const hasPassword = () => known()?.password !== false;

  startForm(
    element,
    ({ password }) => (password || !hasPassword() ? {} : { password: "Enter your password." }),
    async ({ password }) => {
      const isDone = await whenFresh(client, {
        title: "Delete the account?",
        consequence: "Your account and its history are deleted at once. Nobody can bring them back.",
        verb: "Delete for good",
        busy: "Deleting…",
        failed: () => "The account may still be there.",
        task: async (signal) => {
          await client.json("POST", "auth/delete-account", hasPassword() ? { password } : {}, { signal });
        },
      });
      if (!isDone) return;
      onDeleted();
      await client.logout();
    },
  );
  return {
    show() {
      fold.fill(client.user?.username ?? "");
      find(element, ".field").hidden = !hasPassword();
    },
    clear: fold.clear,
  };
}

function addFold() {
  const element = form(
    "delete-form",
    make(
      "p",
      "",
      "Your account and its history are deleted at once, and you are logged out everywhere. Your username is free for others then.",
    ),
    usernameField(),
    passwordField("delete-password", "Password", { name: "password" }),
    make(
      "div",
      "actions",
      submit("Delete for good", "Deleting…", "button danger"),
      set(makeButton("Cancel", "button quiet", () => {}), { "data-cancel": "" }),
    ),
  );
  element.dataset.refused = "password";
  const details = set(make("details", "fold", make("summary", "", "Delete my account"), element), { id: "delete-fold" });
  addPart("delete-title", "Delete account", "For good: nobody can bring it back.", details);
  return { details, element };
}
