/**
 * What an administrator does to an account. Each action asks first, and says of a failure whether anything has changed. The
 * API decides: nothing is shown as done before it has answered.
 */

import { confirm, whenFresh } from "../elements/core/confirm-dialog.js";
import { find, make, makeButton, set } from "../elements/core/dom.js";
import { field, form, submit } from "../elements/core/fields.js";
import { startForm } from "../elements/core/forms.js";
import { ApiError, SessionEnded } from "../lychgate.js";
import { changeUser, deleteUser, logOutUser, removeSecondFactorOf, resetPasswordOf } from "../lychgate-admin.js";
import { showLink } from "./link.js";
import { called } from "./parts.js";

const SERVER_ERROR = 500;

/** @typedef {import("./administration.js").Desk} Desk */
/** @typedef {import("../lychgate.js").User} User */
/** @typedef {import("../elements/core/confirm-dialog.js").Question} Question */

/** @param {Desk} desk @param {{reload: (title: string) => Promise<void>}} page */
export function startActions(desk, { reload }) {
  const { client, site, view } = desk;
  const isOwn = (/** @type {User} */ user) => user.id === client.user?.id;

  /**
   * Ask, do it, and show what has become of the account.
   *
   * @param {Omit<Question, "task" | "failed">} question
   * @param {(signal: AbortSignal) => Promise<unknown>} call
   * @param {{success?: string, title: string, show?: () => Promise<unknown>}} after what to say or to show, and the part
   *   that gets the focus
   */
  async function act(question, call, { success, title, show }) {
    const { task, failed, wasRefused } = watched(call);
    const isDone = await confirm(view, { ...question, task, failed });
    if (!client.user) return;
    if (isDone && success) view.notice.say(success);
    // Another administrator may have changed it meanwhile.
    if (isDone || wasRefused()) await Promise.all([reload(isDone ? title : ""), isDone && show?.()]);
  }

  /** @param {(signal: AbortSignal) => Promise<unknown>} call */
  function watched(call) {
    let isRefused = false;
    return {
      wasRefused: () => isRefused,
      failed: () => (isRefused ? "Nothing has changed." : "It may have been done all the same."),
      /** @param {AbortSignal} signal */
      async task(signal) {
        isRefused = false;
        try {
          await desk.ask(call(signal));
        } catch (error) {
          isRefused = error instanceof ApiError && error.status < SERVER_ERROR;
          throw error;
        }
      },
    };
  }

  return {
    /** @param {User} user */
    state(user) {
      const name = called(user);
      const change = (/** @type {boolean} */ disabled) => async (/** @type {AbortSignal} */ signal) => {
        desk.onChanged(await changeUser(client, user.id, { disabled }, { signal }));
      };
      if (user.disabled) {
        return button("Enable the account", "button", "enable-user", () =>
          act(
            {
              title: "Enable the account?",
              consequence: `${name} can log in again. The sessions from before have ended for good.`,
              verb: "Enable",
              busy: "Enabling…",
            },
            change(false),
            { success: `${name} is enabled.`, title: "account-title" },
          ),
        );
      }
      const own = isOwn(user) ? " That is you: this page closes, and you cannot undo it yourself." : "";
      return button("Disable the account", "button", "disable-user", () =>
        act(
          {
            title: "Disable the account?",
            consequence: `${name} is logged out everywhere, and cannot log in until the account is enabled again.${own}`,
            verb: "Disable",
            busy: "Disabling…",
          },
          change(true),
          { success: `${name} is disabled.`, title: "account-title" },
        ),
      );
    },

    /** @param {User} user */
    resetLink(user) {
      const isMailed = site.email !== "off" && !!user.email_verified;
      return button("Link for a new password", "button", "reset-user", () => {
        /** @type {import("../lychgate-admin.js").PasswordLink | undefined} */
        let made;
        act(
          {
            title: "Make a link for a new password?",
            consequence: `Whoever has the link can set the password of ${called(user)}. It is shown to you once.${
              isMailed ? " A mail with another one goes to the confirmed address." : ""
            } Until one is used, the password and all sessions stay as they are.`,
            verb: "Make the link",
            busy: "Making…",
          },
          async (signal) => {
            made = await resetPasswordOf(client, user.id, { signal });
          },
          {
            title: "account-title",
            show: async () => made && showLink(view, made, { user, isFirst: false }),
          },
        );
      });
    },

    /** @param {User} user */
    logOut(user) {
      const own = isOwn(user) ? " That is you: this page closes." : "";
      return button("Log out everywhere", "button", "log-out-user", () =>
        act(
          {
            title: "Log out everywhere?",
            consequence: `${called(user)} has to log in again, on each device.${own}`,
            verb: "Log out everywhere",
            busy: "Logging out…",
            isUrgent: true,
          },
          (signal) => logOutUser(client, user.id, { signal }),
          { success: `${called(user)} is logged out everywhere.`, title: "sessions-title" },
        ),
      );
    },

    /** @param {User} user */
    removeFactor(user) {
      const told = site.email !== "off" && user.email_verified ? " A mail tells the owner." : "";
      return button("Remove the second factor", "button", "remove-factor", () =>
        act(
          {
            title: "Remove the second factor?",
            consequence: `The authenticator app and the recovery codes of ${called(user)} are void, and one factor is enough from then on. Be sure who has asked for it.${told}`,
            verb: "Remove",
            busy: "Removing…",
          },
          (signal) => removeSecondFactorOf(client, user.id, { signal }),
          { success: `${called(user)} has no second factor any more.`, title: "ways-title" },
        ),
      );
    },

    /** @param {User} user */
    roles(user) {
      const input = field(
        view,
        "roles",
        "Roles",
        { name: "roles", type: "text", value: user.roles.join(" "), autocomplete: "off", autocapitalize: "none", spellcheck: "false" },
        "With spaces between them. Who has admin sees this page.",
      );
      const { details, element, close } = fold("roles-fold", "Change roles", "roles-form", [input], submit("Save", "Saving…", "button primary"));
      startForm(
        view,
        element,
        ({ roles }) => (rolesOf(roles).length ? {} : { roles: "Name at least one. What everybody has is user." }),
        async ({ roles }) => {
          const isDone = await askFresh(
            { title: "Change the roles?", consequence: "They count at once.", verb: "Change the roles", busy: "Changing…" },
            async (signal) => desk.onChanged(await changeUser(client, user.id, { roles: rolesOf(roles) }, { signal })),
          );
          if (!isDone) return;
          close();
          view.notice.say(`${called(user)} has these roles now: ${rolesOf(roles).join(", ")}.`);
          await reload("account-title");
        },
      );
      return details;
    },

    /** @param {User} user */
    deletion(user) {
      const { username } = user;
      const input = field(view, "delete-name", "Type the username to confirm", {
        name: "confirmation",
        type: "text",
        autocomplete: "off",
        autocapitalize: "none",
        spellcheck: "false",
      });
      const own = isOwn(user) ? " This is your own account." : "";
      const text = make("p", "", "The account ", make("bdi", "named", username), ` goes at once, with its sessions and its history.${own} The username is free for others then.`);
      const { details, element } = fold("delete-fold", "Delete this account", "delete-form", [text, input], submit("Delete for good", "Deleting…", "button danger"));
      startForm(
        view,
        element,
        ({ confirmation }) => (normal(confirmation) === normal(username) ? {} : { confirmation: "This is not the username above." }),
        async () => {
          const isDone = await askFresh(
            { title: "Delete the account?", consequence: `${called(user)} is deleted for good.`, verb: "Delete for good", busy: "Deleting…" },
            (signal) => deleteUser(client, user.id, { signal }),
          );
          if (isDone) desk.onDeleted(user);
        },
      );
      return details;
    },
  };

  /** Do it for a form: with a question only if the log-in is a while ago. */
  async function askFresh(/** @type {Omit<Question, "task" | "failed">} */ question, /** @type {(signal: AbortSignal) => Promise<unknown>} */ call) {
    const { task, failed } = watched(call);
    try {
      return await whenFresh(view, { ...question, task, failed });
    } catch (error) {
      // There is no form any more.
      if (error instanceof SessionEnded) return false;
      throw error;
    }
  }
}

/** @param {string} text @returns {string[]} */
export function rolesOf(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** A name is the same in each form that Unicode has for it. @param {string} name */
function normal(name) {
  return name.trim().normalize("NFKC");
}

/** @param {string} text @param {string} parts @param {string} id @param {() => void} onClick */
function button(text, parts, id, onClick) {
  return set(makeButton(text, parts, onClick), { id });
}

/**
 * A form that is folded away until somebody wants it.
 *
 * @param {string} name
 * @param {string} title
 * @param {string} formName
 * @param {Node[]} children
 * @param {HTMLElement} send
 */
function fold(name, title, formName, children, send) {
  const cancel = makeButton("Cancel", "button quiet", () => close());
  const element = form(formName, ...children, make("div", "actions", send, cancel));
  const details = make("details", `${name} fold`, make("summary", "", title), element);
  const close = () => {
    details.open = false;
    find(details, "summary").focus();
  };
  details.addEventListener("toggle", () => details.open || element.reset());
  return { details, element, close };
}
