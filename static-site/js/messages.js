/** Error messages in plain English. Knows the error codes, and not where the messages are shown. */

import { ApiError, NetworkError, SessionEnded } from "./lychgate.js";

export const BY_CODE = {
  invalid_credentials: "Username and password do not match.",
  username_taken: "Already taken.",
  registration_closed: "Signing up is closed at the moment.",
  origin_rejected: "This site is not set up for log-ins from this address.",
};

/**
 * @param {unknown} error
 * @returns {string} a message for the user: what happened and what to do
 */
export function describe(error) {
  if (error instanceof SessionEnded) return "Your session has ended. Please log in again.";
  if (error instanceof NetworkError) return describeSilence(error);
  if (!(error instanceof ApiError)) return "Something went wrong in this page. Please reload it.";
  if (error.error in BY_CODE) return BY_CODE[error.error];
  if (error.status === 429) return `Too many attempts. ${whenAgain(error.retryAfter)}`;
  if (error.status >= 500) return `The service has a problem. ${whenAgain(error.retryAfter)}`;
  return error.detail || `The service refused this (status ${error.status}).`;
}

/** @param {NetworkError} error */
function describeSilence({ cause }) {
  if (!navigator.onLine) return "You are offline. Please try again when you are connected.";
  const kind = cause instanceof Error || cause instanceof DOMException ? cause.name : "";
  if (kind === "AbortError") return "The service took too long to answer. Please try again.";
  if (kind === "SyntaxError") return "The service gave an answer this page cannot read. Please try again.";
  return "The service cannot be reached. Check your connection and try again.";
}

/** @param {number} seconds 0 for unknown */
export function whenAgain(seconds) {
  if (!seconds) return "Please try again in a moment.";
  if (seconds < 90) return `Please try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
  return `Please try again in ${Math.ceil(seconds / 60)} minutes.`;
}
