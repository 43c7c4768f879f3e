/** A form that is folded away until somebody wants it, with a button to fold it away again. */

import { find } from "./dom.js";
import { clearForm } from "./forms.js";

/** @param {import("./view.js").View} view @param {HTMLDetailsElement} details @param {HTMLFormElement} form in it, with a field for the username */
export function startFold(view, details, form) {
  const username = /** @type {HTMLInputElement} */ (form.elements.namedItem("username"));

  /** Forget what was typed. The username stays, for password managers. */
  const empty = () => {
    const { value } = username;
    clearForm(view, form);
    username.value = value;
  };
  const close = () => {
    empty();
    details.open = false;
    find(details, "summary").focus();
  };
  details.addEventListener("toggle", () => {
    if (!details.open) empty();
  });
  find(form, "[data-cancel]").addEventListener("click", close);

  return {
    close,

    /** @param {string} name */
    fill(name) {
      username.value = name;
    },

    clear() {
      details.open = false;
      clearForm(view, form);
      username.value = "";
    },
  };
}
