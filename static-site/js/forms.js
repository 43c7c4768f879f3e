/**
 * The sign-up and log-in forms: their tabs, what is checked before sending, and errors where they belong. Knows the
 * client only as a function to call; a password leaves the field for that call and is kept nowhere.
 */

import { byId, whileBusy } from "./dom.js";
import { describe } from "./messages.js";
import { ApiError } from "./lychgate.js";

const USERNAME_CHARACTERS = /^[\p{L}\p{M}\p{Nd}._@+-]*$/u;
const USERNAME_MIN = 3;
const USERNAME_MAX = 254;
const PASSWORD_MIN = 15;
const PASSWORD_MAX = 256;
const NAMES = ["login", "signup"];

/** @typedef {{username?: string, password?: string}} FieldErrors */

/**
 * @param {object} actions
 * @param {(username: string, password: string) => Promise<unknown>} actions.login
 * @param {(username: string, password: string) => Promise<unknown>} actions.register
 */
export function startForms({ login, register }) {
  startTabs();
  startForm(byId("login-form"), checkLogin, login);
  startForm(byId("signup-form"), checkSignUp, register);
  const password = byId("signup-form").elements.namedItem("password");
  password.addEventListener("input", () => tally(password.value));
}

/** Empty both forms, so that nothing typed outlives the view. */
export function clearForms() {
  for (const name of NAMES) {
    const form = byId(`${name}-form`);
    form.reset();
    conceal(form);
    showErrors(form, {}, "");
  }
  tally("");
}

/** @returns {FieldErrors} */
function checkLogin(username, password) {
  return {
    ...(username ? {} : { username: "Enter your username." }),
    ...(password ? {} : { password: "Enter your password." }),
  };
}

/** @returns {FieldErrors} what can be told without the API, which has the last word */
function checkSignUp(username, password) {
  const errors = {};
  const name = [...username.normalize("NFKC")];
  if (!name.length) errors.username = "Choose a username.";
  else if (!USERNAME_CHARACTERS.test(name.join(""))) errors.username = "Use only letters, digits and . _ @ + -";
  else if (name.length < USERNAME_MIN) errors.username = `Use at least ${USERNAME_MIN} characters.`;
  else if (name.length > USERNAME_MAX) errors.username = `Use at most ${USERNAME_MAX} characters.`;
  const length = lengthOf(password);
  if (!length) errors.password = "Choose a password.";
  else if (length < PASSWORD_MIN) errors.password = `Use at least ${PASSWORD_MIN} characters; this has ${length}.`;
  else if (length > PASSWORD_MAX) errors.password = `Use at most ${PASSWORD_MAX} characters; this has ${length}.`;
  else if (username && fold(password).includes(fold(username))) {
    errors.password = "The password must not contain the username.";
  }
  return errors;
}

function startForm(form, check, send) {
  const username = form.elements.namedItem("username");
  const password = form.elements.namedItem("password");
  const reveal = form.querySelector(".reveal");
  reveal.addEventListener("click", () => {
    const hidden = password.type === "password";
    password.type = hidden ? "text" : "password";
    reveal.querySelector("[data-verb]").textContent = hidden ? "Hide" : "Show";
  });
  form.addEventListener("input", (event) => showError(form, event.target.name, ""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const errors = check(username.value.trim(), password.value);
    showErrors(form, errors, "");
    if (focusFirst(form, errors)) return;
    // Shown as plain text, a password would also be kept by the browser's form history.
    conceal(form);
    whileBusy(form.querySelector("[type=submit]"), async () => {
      try {
        await send(username.value.trim(), password.value);
      } catch (error) {
        const { fields, general } = place(error);
        showErrors(form, fields, general);
        if (focusFirst(form, fields)) return;
        if (error instanceof ApiError && error.status === 401) password.select();
        form.querySelector("[data-form-error]").scrollIntoView({ block: "nearest" });
      }
    });
  });
}

/** Sort an error into those of the fields and that of the form. */
function place(error) {
  const fields = {};
  if (error instanceof ApiError && error.error === "username_taken") return { fields: { username: describe(error) } };
  if (!(error instanceof ApiError) || error.status !== 422) return { fields, general: describe(error) };
  const others = [];
  for (const { field, message } of error.errors) {
    if (field === "username" || field === "password") fields[field] ??= message;
    else others.push(message);
  }
  const unplaced = others.length > 0 || Object.keys(fields).length === 0;
  return { fields, general: unplaced ? others.join(" ") || describe(error) : "" };
}

function showErrors(form, fields, general = "") {
  for (const name of ["username", "password"]) showError(form, name, fields[name] ?? "");
  form.querySelector("[data-form-error]").textContent = general;
}

function showError(form, name, message) {
  const place = form.querySelector(`[data-error-for="${name}"]`);
  if (!place) return;
  place.textContent = message;
  const input = form.elements.namedItem(name);
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function focusFirst(form, fields) {
  const name = ["username", "password"].find((candidate) => fields[candidate]);
  if (name) form.elements.namedItem(name).focus();
  return Boolean(name);
}

function conceal(form) {
  form.elements.namedItem("password").type = "password";
  form.querySelector("[data-verb]").textContent = "Show";
}

function tally(password) {
  const length = lengthOf(password);
  const place = byId("password-tally");
  place.classList.toggle("enough", length >= PASSWORD_MIN && length <= PASSWORD_MAX);
  if (!length) place.textContent = "";
  else if (length < PASSWORD_MIN) place.textContent = `${length} of ${PASSWORD_MIN}`;
  else place.textContent = length <= PASSWORD_MAX ? `${length} characters ✓` : `${length - PASSWORD_MAX} too many`;
}

/** Characters as the API counts them: code points after normalisation. */
function lengthOf(password) {
  return [...password.normalize("NFC")].length;
}

function fold(text) {
  return text.normalize("NFKC").toLowerCase();
}

function startTabs() {
  const select = (chosen) => {
    for (const name of NAMES) {
      const tab = byId(`show-${name}`);
      tab.setAttribute("aria-selected", String(name === chosen));
      tab.tabIndex = name === chosen ? 0 : -1;
      byId(`${name}-panel`).hidden = name !== chosen;
    }
  };
  for (const name of NAMES) {
    const other = NAMES.find((candidate) => candidate !== name);
    const tab = byId(`show-${name}`);
    tab.addEventListener("click", () => select(name));
    tab.addEventListener("keydown", (event) => {
      const target = { ArrowLeft: other, ArrowRight: other, Home: NAMES[0], End: NAMES.at(-1) }[event.key];
      if (!target) return;
      event.preventDefault();
      select(target);
      byId(`show-${target}`).focus();
    });
  }
}
