/**
 * Forms: the checks before sending, and the display of errors at their fields. Knows the client only as a function to
 * call. Passwords are passed to that call and kept nowhere.
 */

import { byId, find, make, whileBusy } from "./dom.js";
import { ApiError } from "./lychgate.js";
import { describe } from "./messages.js";
import { passwordLength } from "./options.js";

const USERNAME_CHARACTERS = /^[\p{L}\p{M}\p{Nd}._@+-]*$/u;
const USERNAME_MIN = 3;
const USERNAME_MAX = 254;

/** What an account is named by, and whether it needs a password. */
export const naming = { name: "username", needsPassword: true };

/** @typedef {Record<string, any>} Texts by the name of the field */

/**
 * @param {HTMLFormElement} form its `data-refused` names the field that a 401 is about; without it, the whole form
 * @param {(values: Texts) => Texts} check returns errors that can be found without the API, which checks again
 * @param {(values: Texts) => Promise<unknown>} send
 */
export function startForm(form, check, send) {
  for (const reveal of form.querySelectorAll(".reveal")) {
    reveal.addEventListener("click", () => {
      const input = controlled(reveal);
      setRevealed(reveal, input.type === "password");
    });
  }
  form.addEventListener("input", (event) => showError(form, /** @type {any} */ (event.target).name, ""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(inputs(form).map(({ name, value }) => [name, value]));
    for (const name of ["username", "email"]) values[name] = values[name]?.trim();
    const errors = check(values);
    showErrors(form, errors);
    if (focusFirst(form, errors)) return;
    // The browser's form history would keep a password that is in a plain text field.
    conceal(form);
    whileBusy(find(form, "[type=submit]"), async () => {
      try {
        await send(values);
      } catch (error) {
        const { fields, general } = place(error, form);
        showErrors(form, fields, general);
        if (focusFirst(form, fields)) return;
        const password = /** @type {HTMLInputElement | null} */ (form.querySelector("[type=password]"));
        if (error instanceof ApiError && error.status === 401 && password) reenter(password);
        find(form, "[data-form-error]").scrollIntoView({ block: "nearest" });
      }
    });
  });
}

/** Clear a form when its view is left. @param {HTMLFormElement} form */
export function clearForm(form) {
  form.reset();
  conceal(form);
  showErrors(form, {});
  for (const tally of form.querySelectorAll(".tally")) tally.textContent = "";
}

/** @param {Texts} values @returns {Texts} */
export function checkLogin({ username, password }) {
  return pick({ username: username ? "" : `Enter your ${naming.name}.`, password: password ? "" : "Enter your password." });
}

/** @param {Texts} values @param {boolean} needsEmail @returns {Texts} */
export function checkSignUp({ username, email, password }, needsEmail) {
  return pick({
    username: username === undefined ? "" : usernameProblem(username),
    email: needsEmail && !email ? "Enter an e-mail address." : "",
    password: password || naming.needsPassword ? passwordProblem(password, username ?? email) : "",
  });
}

/** @param {string} username @returns {string} "" for none */
function usernameProblem(username) {
  const name = [...username.normalize("NFKC")];
  if (!name.length) return "Choose a username.";
  if (!USERNAME_CHARACTERS.test(name.join(""))) return "Only letters, digits, . _ @ + -";
  if (name.length < USERNAME_MIN) return `Use at least ${USERNAME_MIN} characters.`;
  return name.length > USERNAME_MAX ? `Use at most ${USERNAME_MAX} characters.` : "";
}

/** The API's rules, except the list of common passwords. @returns {string} "" for none */
export function passwordProblem(password, username) {
  const length = lengthOf(password);
  if (!length) return "Choose a password.";
  if (length < passwordLength.min) return `Use at least ${passwordLength.min} characters.`;
  if (length > passwordLength.max) return `Use at most ${passwordLength.max} characters.`;
  return contains(password, username) ? `It must not contain the ${naming.name}.` : "";
}

/** Update the character count of a password. @param {HTMLElement} place @param {string} password @param {string} username */
export function showTally(place, password, username) {
  const length = lengthOf(password);
  let text = "";
  if (length > passwordLength.max) text = `${length - passwordLength.max} too many`;
  else if (contains(password, username)) text = `has your ${naming.name}`;
  else if (length >= passwordLength.min) text = `${length} characters ✓`;
  else if (length) text = `${length} of ${passwordLength.min}`;
  place.textContent = text;
  place.classList.toggle("enough", text.endsWith("✓"));
}

/** Show or hide the password in a button's field. @param {Element} reveal @param {boolean} shown */
export function setRevealed(reveal, shown) {
  controlled(reveal).type = shown ? "text" : "password";
  find(reveal, "[data-verb]").textContent = shown ? "Hide" : "Show";
}

function controlled(reveal) {
  return byId(reveal.getAttribute("aria-controls"));
}

/** Let the user type a value once more, over the one that was wrong. @param {HTMLInputElement} input */
function reenter(input) {
  input.focus();
  input.select();
}

/** The tab follows the address, and takes the typed name along. */
function wayToLogIn() {
  const link = make("a", "nowrap", "Log in instead");
  link.href = "#login";
  return link;
}

/** Return the messages of an error: those for fields, a text or the parts of one, and that for the form. */
function place(error, form) {
  const general = describe(error);
  if (!(error instanceof ApiError)) return { fields: {}, general };
  if (error.error === "username_taken") return { fields: { username: [general, " ", wayToLogIn()] } };
  const { refused } = form.dataset;
  if (error.error === "invalid_credentials" && refused) return { fields: { [refused]: "This is not your password." } };
  const names = inputs(form).map(({ name }) => name);
  const fields = {};
  const others = [];
  for (const { field, message } of error.errors) {
    if (names.includes(field)) fields[field] ??= message;
    else others.push(message);
  }
  if (others.length) return { fields, general: others.join(" ") };
  return { fields, general: Object.keys(fields).length ? "" : general };
}

function showErrors(form, fields, general = "") {
  for (const { name } of inputs(form)) showError(form, name, fields[name] ?? "");
  find(form, "[data-form-error]").textContent = general;
}

function showError(form, name, message) {
  const place = form.querySelector(`[data-error-for="${name}"]`);
  if (!place) return;
  place.replaceChildren(...[message].flat());
  const input = form.elements.namedItem(name);
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function focusFirst(form, fields) {
  const first = inputs(form).find(({ name }) => fields[name]);
  first?.focus();
  return Boolean(first);
}

function conceal(form) {
  for (const reveal of form.querySelectorAll(".reveal")) setRevealed(reveal, false);
}

/** @returns {HTMLInputElement[]} */
function inputs(form) {
  return [...form.querySelectorAll("input[name]")];
}

function pick(problems) {
  return Object.fromEntries(Object.entries(problems).filter(([, problem]) => problem));
}

function contains(password, username) {
  return Boolean(username) && fold(password).includes(fold(username));
}

/** Characters as the API counts them: code points after normalisation. */
function lengthOf(password) {
  return [...password.normalize("NFC")].length;
}

function fold(text) {
  return text.normalize("NFKC").toLowerCase();
}
