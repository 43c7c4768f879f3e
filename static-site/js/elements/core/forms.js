/**
 * Forms: the checks before sending, and the display of errors at their fields. Knows the client only as a function to
 * call. Passwords are passed to that call and kept nowhere.
 */

import { find, partSelector, whileBusy } from "./dom.js";
import { explain } from "./explain.js";
import { revealed, setRevealed } from "./fields.js";
import { load } from "./languages.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./options.js").SiteOptions} SiteOptions */
/** @typedef {Record<string, any>} Texts by the name of the field */

/**
 * @param {View} view
 * @param {HTMLFormElement} form its `data-refused` names the field that a 401 is about; without it, the whole form
 * @param {(values: Texts) => Texts} check returns errors that can be found without the API, which checks again
 * @param {(values: Texts) => Promise<unknown>} send
 */
export function startForm(view, form, check, send) {
  for (const reveal of form.querySelectorAll(partSelector("reveal"))) {
    reveal.addEventListener("click", () => setRevealed(view, reveal, revealed(reveal).type === "password"));
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
    conceal(view, form);
    whileBusy(find(form, "[type=submit]"), async () => {
      try {
        await send(values);
      } catch (error) {
        view.tell("error", { error });
        const { fields, general, toRetype } = await problemsOf(view, error, form);
        showErrors(form, fields, general);
        if (focusFirst(form, fields)) return;
        // Over the one that was wrong.
        toRetype?.focus();
        toRetype?.select();
        find(form, "[data-form-error]").scrollIntoView({ block: "nearest" });
      }
    });
  });
}

/** @param {View} view @param {unknown} error @param {HTMLFormElement} form @returns {Promise<import("./problems.js").Problems>} */
async function problemsOf(view, error, form) {
  const [general, problems] = await Promise.all([explain(error, view.words), load(() => import("./problems.js")).catch(() => null)]);
  return problems?.place(view, error, form, general) ?? { fields: {}, general };
}

/** Clear a form when its view is left. @param {View} view @param {HTMLFormElement} form */
export function clearForm(view, form) {
  form.reset();
  conceal(view, form);
  showErrors(form, {});
  for (const tally of form.querySelectorAll(partSelector("tally"))) tally.textContent = "";
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

function conceal(view, form) {
  for (const reveal of form.querySelectorAll(partSelector("reveal"))) setRevealed(view, reveal, false);
}

/** @returns {HTMLInputElement[]} */
function inputs(form) {
  return [...form.querySelectorAll("input[name]")];
}
