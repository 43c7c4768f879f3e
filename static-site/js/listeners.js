/**
 * Who wants to hear of something. Knows nothing of what is told.
 *
 * @template Event
 */
export class Listeners {
  #all = new Set();

  /** @param {(event: Event) => void} listener @returns {() => void} to stop listening */
  add(listener) {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  /** @param {Event} event */
  tell(event) {
    for (const listener of this.#all) {
      try {
        listener(event);
      } catch (error) {
        // A listener's own error is for the console; it must not be mistaken for a failed call.
        console.error(error);
      }
    }
  }
}
