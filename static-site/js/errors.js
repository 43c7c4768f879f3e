/**
 * The ways in which a call can fail. Owns the error classes; knows neither the network nor the page.
 */

/** Base class of everything the client throws on its own account. */
export class LychgateError extends Error {
  /**
   * @param {string} message
   * @param {{cause?: unknown}} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * Thrown if the API answered with an error (RFC 9457).
 *
 * @typedef {{field: string, message: string}} FieldError
 */
export class ApiError extends LychgateError {
  /**
   * @param {{status: number, error?: string, detail?: string, errors?: FieldError[], retryAfter?: number | null}} problem
   */
  constructor({ status, error = "", detail = "", errors = [], retryAfter = null }) {
    super(detail || `The API answered with status ${status}.`);
    /** The HTTP status. */
    this.status = status;
    /** The machine-readable code, "" if the answer had none. */
    this.error = error;
    /** The API's own words, "" if it had none. */
    this.detail = detail;
    /** What is wrong with which member of the body, with a 422. */
    this.errors = errors;
    /** Seconds to wait before the next attempt, null if the API did not say. */
    this.retryAfter = retryAfter;
  }
}

/** Thrown if no usable answer came: nothing is known about the session, which therefore goes on. */
export class NetworkError extends LychgateError {
  /**
   * @param {"unreachable" | "timeout" | "unreadable"} kind
   * @param {{cause?: unknown}} [options]
   */
  constructor(kind, options) {
    super(`No usable answer from the API: ${kind}.`, options);
    this.kind = kind;
  }
}

/** Thrown if the session a call was made for is over. */
export class SessionEnded extends LychgateError {
  /** @param {{cause?: unknown}} [options] the API's answer, if it was the API that said so */
  constructor(options) {
    super("The session has ended.", options);
  }
}
