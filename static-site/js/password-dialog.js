/**
 * The dialog that asks for the password again. Loaded only when the API wants it. Knows one method of the client. The
 * password is passed to that and kept nowhere.
 */

import { make, makeButton } from "./dom.js";
import { clearForm, startForm } from "./forms.js";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/** @type {HTMLDialogElement} */
let dialog;
/** @type {any} */
let form;
/** @type {Promise<boolean> | null} the question that is open */
let asking = null;

/**
 * Ask until the API accepts the password, or the user or the end of the session cancels.
 *
 * @param {Client} client
 * @returns {Promise<boolean>} whether the session is fresh now
 */
export function confirmPassword(client) {
  if (!dialog) build(client);
  asking ??= ask(client).finally(() => (asking = null));
  return asking;
}

/** @param {Client} client */
function ask(client) {
  clearForm(form);
  form.elements.namedItem("username").value = client.user?.username ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirmed"), { once: true });
  });
}

/** @param {Client} client */
function build(client) {
  const field = "confirm-password";
  const title = set(make("h2", "", "Enter your password again"), { id: "confirm-title" });
  const reason = set(make("p", "muted", "You logged in a while ago. Ending sessions needs your password once more."), {
    id: "confirm-reason",
  });
  const username = set(make("input"), {
    name: "username",
    type: "text",
    autocomplete: "username",
    "aria-label": "Username",
    readonly: "",
    hidden: "",
  });
  const password = set(make("input"), {
    id: field,
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: "",
    autofocus: "",
    "aria-describedby": `${field}-error`,
  });
  const verb = set(make("span", "", "Show"), { "data-verb": "" });
  const reveal = set(makeButton("", "reveal", () => {}), { "aria-controls": field });
  reveal.append(verb, make("span", "sr-only", " password"));
  const submit = set(make("button", "button primary", "Continue"), { type: "submit", "data-busy": "Checking…" });
  form = set(make("form"), { method: "post", novalidate: "", "data-refused": "password" });
  form.append(
    set(make("p", "form-error"), { "data-form-error": "", role: "alert" }),
    username,
    make(
      "div",
      "field",
      set(make("label", "", "Password"), { for: field }),
      make("div", "with-button", password, reveal),
      set(make("p", "field-error"), { id: `${field}-error`, "data-error-for": "password" }),
    ),
    make("div", "actions", submit, makeButton("Cancel", "button quiet", () => dialog.close())),
  );
  dialog = set(make("dialog", "card", title, reason, form), {
    id: "confirm-dialog",
    "aria-labelledby": title.id,
    "aria-describedby": reason.id,
  });
  document.body.append(dialog);
  startForm(form, ({ password: typed }) => (typed ? {} : { password: "Enter your password." }), send(client));
  dialog.addEventListener("close", () => clearForm(form));
  client.onChange(({ type }) => {
    if (type === "logged-out" || type === "logged-in") dialog.close();
  });
}

/** @param {Client} client @returns {(values: Record<string, string>) => Promise<void>} */
function send(client) {
  return async ({ password }) => {
    const given = new AbortController();
    dialog.addEventListener("close", () => given.abort(), { once: true });
    try {
      await client.reauthenticate(password, { signal: given.signal });
    } catch (error) {
      // Whoever has cancelled is told of nothing.
      if (given.signal.aborted) return;
      throw error;
    }
    if (!given.signal.aborted) dialog.close("confirmed");
  };
}

/** @param {any} element @param {Record<string, string>} attributes @returns {any} the element */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
