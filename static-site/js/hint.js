/**
 * The note to ourselves that this browser probably has a session, kept across reloads and shared by the tabs. It
 * is no secret and proves nothing; it only saves a first visit a refresh that must fail. Knows no token.
 */

const KEY = "lychgate.session";

/**
 * @typedef {object} Hint
 * @property {() => boolean} read
 * @property {(present: boolean) => void} write
 * @property {(listener: (present: boolean) => void) => void} watch calls the listener when another tab writes
 */

/** @returns {Hint} one in memory if the browser offers no storage, so that a session lasts until the reload */
export function createHint() {
  const storage = usableStorage();
  let inMemory = false;
  return {
    read: () => (storage ? storage.getItem(KEY) === "1" : inMemory),
    write(present) {
      inMemory = present;
      if (present) storage?.setItem(KEY, "1");
      else storage?.removeItem(KEY);
    },
    watch(listener) {
      if (!storage) return;
      globalThis.addEventListener?.("storage", (event) => {
        // A null key means that the whole storage was cleared.
        if (event.storageArea !== storage || (event.key !== KEY && event.key !== null)) return;
        listener(event.key === KEY && event.newValue === "1");
      });
    },
  };
}

/** @returns {Storage | null} null also for a storage that is there and refuses, as in some private windows */
function usableStorage() {
  try {
    const storage = globalThis.localStorage;
    storage.setItem(`${KEY}.probe`, "1");
    storage.removeItem(`${KEY}.probe`);
    return storage;
  } catch {
    return null;
  }
}
