/**
 * One after the other: runs tasks that must not overlap. Knows nothing of what they do.
 */

/**
 * @param {string} name shared by all tabs of the origin
 * @param {LockManager | undefined} locks Web Locks; without them the tasks of this tab alone wait for each other
 * @returns {<T>(task: () => Promise<T>) => Promise<T>}
 */
export function createLock(name, locks) {
  if (locks) return (task) => locks.request(name, task);
  let last = Promise.resolve();
  return (task) => {
    const turn = last.then(task);
    last = turn.catch(() => {});
    return turn;
  };
}
