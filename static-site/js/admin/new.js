/** The form of a new account. It has no password: whoever gets the link sets the first one. */

import { whenFresh } from "../elements/core/confirm-dialog.js";
import { find, make, set } from "../elements/core/dom.js";
import { field, form, submit } from "../elements/core/fields.js";
import { clearForm, startForm } from "../elements/core/forms.js";
import { describe } from "../elements/core/messages.js";
import { ApiError, SessionEnded } from "../lychgate.js";
import { createUser } from "../lychgate-admin.js";
import { rolesOf } from "./actions.js";
import { showLink } from "./link.js";
import { link } from "./parts.js";

const PLAIN = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };

/** @typedef {import("./administration.js").Desk} Desk */

/** @param {Desk} desk */
export function startNew(desk) {
  const { client, site, view } = desk;
  const isNeeded = site.email === "required";
  const hasEmail = site.email !== "off" && !site.isNamedByEmail;
  const name = site.isNamedByEmail
    ? field(view, "new-username", "E-mail address", { ...PLAIN, name: "username", type: "email" }, "It is the username too, and gets the link by mail")
    : field(view, "new-username", "Username", { ...PLAIN, name: "username", type: "text" }, "3 or more letters, digits or . _ @ + -");
  const email = field(view, "new-email", "E-mail address", { ...PLAIN, name: "email", type: "email" }, `${isNeeded ? "" : "Optional. "}It gets a link by mail too`);
  const roles = field(view, "new-roles", "Roles", { ...PLAIN, name: "roles", type: "text", value: "user" }, "With spaces between them. Who has admin sees this page");
  find(email, "input").required = isNeeded;
  const element = form(
    "new-form",
    name,
    ...(hasEmail ? [email] : []),
    roles,
    make("div", "actions", submit("Create the account", "Creating…", "button primary"), set(link("Cancel", "#"), { "data-part": "button quiet" })),
  );
  const heading = set(make("h1", "", "New account"), { id: "new-title", tabindex: "-1" });
  const section = set(
    make(
      "section",
      "desk",
      make("p", "back", link("All users", "#")),
      heading,
      make("p", "muted lead-in", "It has no password yet. You get a link with which its owner sets the first one."),
      make("div", "card new-card", element),
    ),
    { "aria-labelledby": heading.id },
  );

  startForm(
    view,
    element,
    ({ username, email: address, roles: typed }) => ({
      ...(!username && { username: site.isNamedByEmail ? "Enter an e-mail address." : "Enter a username." }),
      ...(hasEmail && isNeeded && !address && { email: "Enter an e-mail address." }),
      ...(!rolesOf(typed).length && { roles: "Name at least one. What everybody has is user." }),
    }),
    async ({ username, email: address, roles: typed }) => {
      /** @type {import("../lychgate-admin.js").CreatedUser | undefined} */
      let made;
      let isRefused = false;
      const isDone = await whenFresh(view, {
        title: "Create the account?",
        consequence: "You get a link with which its owner sets the first password.",
        verb: "Create the account",
        busy: "Creating…",
        failed: () => (isRefused ? "Nothing has changed." : "The account may be there all the same."),
        task: async (signal) => {
          const user = { username, email: address || undefined, roles: rolesOf(typed) };
          try {
            made = await desk.ask(createUser(client, user, { signal }));
          } catch (error) {
            isRefused = error instanceof ApiError && error.status < 500;
            throw error.error === "username_taken" ? taken(error, view) : error;
          }
        },
      }).catch((error) => {
        // There is no form any more.
        if (error instanceof SessionEnded) return false;
        throw error;
      });
      if (!isDone || !made) return;
      const { user } = made;
      desk.known.set(user.id, user);
      const mailedTo = site.email === "off" ? "" : (user.email ?? "");
      await showLink(view, made, { user, isFirst: true, mailedTo });
      if (!client.user) return;
      desk.onCreated();
      location.replace(`#user=${user.id}`);
    },
  );

  return { element: section, clear: () => clearForm(view, element) };
}

/** As an error of the field. @param {ApiError} error @param {import("../elements/core/view.js").View} view */
function taken(error, { words }) {
  return new ApiError({ ...error, status: 422, error: "validation_failed", errors: [{ field: "username", message: describe(error, words) }] });
}
