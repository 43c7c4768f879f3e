/** What was refused of a form, and where that is shown. Loaded when it has happened. */

import { ApiError } from "../../lychgate.js";
import { make, partSelector } from "./dom.js";
import { describeField, fieldErrors } from "./messages.js";

/** @typedef {import("./view.js").View} View */

/**
 * The messages of an error: those for fields, each a text or the parts of one, and that for the form; and the field whose
 * value is to be typed once more.
 *
 * @typedef {{fields: Record<string, any>, general: string, toRetype?: HTMLInputElement | null}} Problems
 */

const REFUSED_STATUS = 401;

/** @param {View} view @param {unknown} error @param {HTMLFormElement} form @param {string} general @returns {Problems} */
export function place(view, error, form, general) {
  if (!(error instanceof ApiError)) return { fields: {}, general };
  if (error.error === "username_taken") return { fields: { username: [general, " ", wayToLogIn(view)] }, general: "" };
  const { refused } = form.dataset;
  if (error.error === "invalid_credentials") {
    if (refused) return { fields: { [refused]: view.text("wrong-password") }, general: "" };
    if (isAddressForName(view, form)) general = view.text("name-is-no-address", { problem: general, way: view.text("log-in-with-code") });
  }
  /** @type {Record<string, any>} */
  const fields = {};
  const others = [];
  for (const problem of fieldErrors(error)) {
    const message = describeField(problem, view.words);
    if (form.querySelector(`input[name="${CSS.escape(problem.field)}"]`)) fields[problem.field] ??= message;
    else others.push(message);
  }
  if (others.length) return { fields, general: others.join(" ") };
  /** @type {HTMLInputElement | null} */
  const toRetype = error.status === REFUSED_STATUS ? form.querySelector("[type=password]") : null;
  return { fields, general: Object.keys(fields).length ? "" : general, toRetype };
}

/** Whether somebody may have typed an address where accounts have usernames, and a mailed code takes either. @param {View} view @param {HTMLFormElement} form */
function isAddressForName(view, form) {
  /** @type {HTMLInputElement | null} */
  const name = form.querySelector("input[name=username]:not([type=email], [readonly])");
  return !!name?.value.includes("@") && !!view.root.querySelector(`${partSelector("mail-ways")}:not([hidden])`);
}

/** The tab follows the address, and takes the typed name along. @param {View} view */
function wayToLogIn(view) {
  const link = make("a", "nowrap", view.text("log-in-instead"));
  link.href = "#login";
  return link;
}
