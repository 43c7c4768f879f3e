/**
 * How long an access token is still good, by this machine's clocks. Knows durations only: the times inside the
 * token are the server's, and the two clocks need not agree.
 */

/** @returns {{monotonic: number, wall: number}} a moment on both clocks, in milliseconds */
export function now() {
  return { monotonic: performance.now(), wall: Date.now() };
}

export class Lifetime {
  #started;

  /**
   * @param {number} seconds as the API gave it
   * @param {{monotonic: number, wall: number}} started when the token was asked for: it cannot be older than that
   */
  constructor(seconds, started) {
    this.seconds = seconds;
    this.#started = started;
  }

  /** Seconds left, 0 at the least. */
  left() {
    const { monotonic, wall } = now();
    // The monotonic clock may stand still while the machine sleeps, and the wall clock may be set: the later counts.
    const spent = Math.max(monotonic - this.#started.monotonic, wall - this.#started.wall);
    return Math.max(0, this.seconds - spent / 1000);
  }
}
