/** What went wrong, in the reader's words. Knows the error codes, and not where the messages are shown. */

import { ApiError, NetworkError, SessionEnded } from "../../lychgate.js";

/** @typedef {import("./languages.js").Words} Words */

const LONG_S = 90;
/** An error's code, and no other key of our words: a proxy may call an error anything. */
const CODE = /^(?!(page_broken|service_broken|session_ended|too_many|too_slow)$)[a-z]+(_[a-z]+)+$/;

/** An error of the API in the words of the place where it happened, which say more than those for its code. */
export class WordedError extends ApiError {
  /** What to tell, unless it is told at a field. */
  text;

  /** @param {any} error @param {string} text for people @param {string} [field] that it is about, "" for the whole form */
  constructor(error, text, field = "") {
    super({ ...error, errors: field ? [{ field, message: text }] : [] });
    this.text = text;
  }
}

/**
 * @param {unknown} error
 * @param {Words} words
 * @returns {string} a message for the user: what happened and what to do
 */
export function describe(error, words) {
  if (error instanceof WordedError) return error.text;
  if (error instanceof SessionEnded) return words.text("session_ended");
  if (error instanceof NetworkError) return describeSilence(error, words);
  if (!(error instanceof ApiError)) return words.text("page_broken");
  if (error.status === 429) return words.text("too_many", { again: whenAgain(error.retryAfter, words) });
  if (CODE.test(error.error) && words.has(error.error)) return words.text(error.error);
  if (error.status >= 500) return words.text("service_broken", { again: whenAgain(error.retryAfter, words) });
  // The API's own sentences are English, and say more.
  if (words.language === "en" && error.detail && typeof error.detail === "string") return error.detail;
  const general = `error:${error.error}`;
  return words.has(general) ? words.text(general) : words.text("refused", { status: String(error.status) });
}

/** Those in the API's shape. @param {{errors?: unknown}} error @returns {import("../../lychgate.js").FieldError[]} */
export function fieldErrors({ errors }) {
  if (!Array.isArray(errors)) return [];
  return errors.filter((one) => typeof one?.field === "string" && typeof one.message === "string");
}

/**
 * @param {import("../../lychgate.js").FieldError} problem
 * @param {Words} words
 * @returns {string} the API's own sentence in English, unless that is of a username, and where the words do not know its code
 */
export function describeField({ code = "", limit = 0, message }, words) {
  const isTold = (words.language !== "en" || code === "contains_username") && words.has(`field:${code}`);
  return isTold ? words.text(`field:${code}`, { count: limit }) : message;
}

/** @param {NetworkError} error @param {Words} words */
function describeSilence({ cause }, words) {
  if (!navigator.onLine) return words.text("offline");
  const kind = cause instanceof Error || cause instanceof DOMException ? cause.name : "";
  if (kind === "AbortError") return words.text("too_slow");
  if (kind === "SyntaxError") return words.text("unreadable");
  return words.text("unreachable");
}

/** @param {number} seconds 0 for unknown @param {Words} words */
export function whenAgain(seconds, words) {
  if (!seconds) return words.text("again");
  if (seconds < LONG_S) return words.text("again-in-seconds", { count: seconds });
  return words.text("again-in-minutes", { count: Math.ceil(seconds / 60) });
}
