/**
 * The form that deletes the account, in its fold. The password confirms it, and where the account has
 * a second factor or no password, so does the question for who it is.
 */

import { whenFresh } from "../core/confirm-dialog.js";
import { find, make, makeButton, partSelector, set } from "../core/dom.js";
import { form, passwordField, submit, usernameField } from "../core/fields.js";
import { startFold } from "../core/fold.js";
import { startForm } from "../core/forms.js";
import { known } from "../core/ways-known.js";

/** @typedef {import("../core/view.js").View} View */

/**
 * @param {View} view
 * @param {() => void} onDeleted is called before the log-out that follows
 */
export function startDeletion(view, onDeleted) {
  const { client } = view;
  const details = view.part("delete-fold");
  const element = addForm(view, details);
  const fold = startFold(view, details, element);
  const hasPassword = () => known(view)?.password !== false;

  startForm(
    view,
    element,
    ({ password }) => (password || !hasPassword() ? {} : { password: view.text("enter-password") }),
    async ({ password }) => {
      const isDone = await whenFresh(view, {
        title: view.text("delete-account?"),
        consequence: view.text("delete-consequence"),
        verb: view.text("delete-for-good"),
        busy: view.text("deleting"),
        failed: () => view.text("account-may-be-there"),
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
      find(element, partSelector("field")).hidden = !hasPassword();
    },
    clear: fold.clear,
  };
}

/** @param {View} view @param {HTMLDetailsElement} details */
function addForm(view, details) {
  const element = form(
    "delete-form",
    make("p", "", view.text("delete-explained")),
    usernameField(view),
    passwordField(view, "delete-password", view.text("password"), { name: "password" }),
    make(
      "div",
      "actions",
      submit(view.text("delete-for-good"), view.text("deleting"), "button danger"),
      set(makeButton(view.text("cancel"), "button quiet", () => {}), { "data-cancel": "" }),
    ),
  );
  element.dataset.refused = "password";
  details.append(element);
  return element;
}
