/** The API's rules for names and passwords, as far as a page can know them. The API checks again, and more. */

import { markPart } from "./dom.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./options.js").SiteOptions} SiteOptions */
/** @typedef {Record<string, any>} Texts by the name of the field */

const USERNAME_CHARACTERS = /^[\p{L}\p{M}\p{Nd}._@+-]*$/u;
const USERNAME_MIN = 3;
const USERNAME_MAX = 254;

/** @param {View} view @param {SiteOptions} site @param {Texts} values of the fields that there are @returns {Texts} what is wrong with which */
export function checkSignUp(view, site, { username, email, password }) {
  const needsEmail = site.email === "required";
  return pick({
    username: username === undefined ? "" : usernameProblem(view, username),
    email: needsEmail && !email ? view.text("enter-email") : "",
    password: password === undefined ? "" : passwordProblem(view, site, password, username ?? ""),
  });
}

/** @param {View} view @param {string} username @returns {string} "" for none */
function usernameProblem(view, username) {
  const name = [...username.normalize("NFKC")];
  if (!name.length) return view.text("choose-username");
  if (!USERNAME_CHARACTERS.test(name.join(""))) return view.text("field:characters");
  if (name.length < USERNAME_MIN) return view.text("at-least", { count: USERNAME_MIN });
  return name.length > USERNAME_MAX ? view.text("at-most", { count: USERNAME_MAX }) : "";
}

/**
 * The API's rules, except the list of common passwords.
 *
 * @param {View} view
 * @param {SiteOptions} site
 * @param {string} password
 * @param {string} username "" for one that is not known
 * @returns {string} "" for none
 */
export function passwordProblem(view, site, password, username) {
  const length = lengthOf(password);
  if (!length) return view.text("choose-password");
  if (length < site.passwordMin) return view.text("at-least", { count: site.passwordMin });
  if (length > site.passwordMax) return view.text("at-most", { count: site.passwordMax });
  if (!contains(password, username)) return "";
  return view.text(site.isNamedByEmail ? "contains-email" : "contains-username");
}

/**
 * The character count of a password, for `showTally`.
 *
 * @param {View} view
 * @param {SiteOptions} site
 * @param {string} password
 * @param {string} username
 */
export function tallyOf(view, { passwordMin: min, passwordMax: max, isNamedByEmail }, password, username) {
  const length = lengthOf(password);
  if (length > max) return { text: view.text("too-many", { count: length - max }), isEnough: false };
  if (contains(password, username)) return { text: view.text(isNamedByEmail ? "has-email" : "has-username"), isEnough: false };
  if (length >= min) return { text: view.text("enough", { count: length }), isEnough: true };
  return { text: length ? view.text("of-enough", { length, min }) : "", isEnough: false };
}

/** Update the character count of a password. @param {HTMLElement} place @param {{text: string, isEnough: boolean}} tally */
export function showTally(place, { text, isEnough }) {
  place.textContent = text;
  markPart(place, "enough", isEnough);
}

/** @param {Texts} problems */
function pick(problems) {
  return Object.fromEntries(Object.entries(problems).filter(([, problem]) => problem));
}

/** @param {string} password @param {string} username */
function contains(password, username) {
  return Boolean(username) && fold(password).includes(fold(username));
}

/** Characters as the API counts them: code points after normalisation. @param {string} password */
function lengthOf(password) {
  return [...password.normalize("NFC")].length;
}

/** @param {string} text */
function fold(text) {
  return text.normalize("NFKC").toLowerCase();
}
