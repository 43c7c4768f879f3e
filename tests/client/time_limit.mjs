// The time limit of a client's requests, which ends when a test says so: no machine is too slow for it.

/** Milliseconds. The limit of a client whose limit a test ends. */
export const LIMIT_MS = 1_000_000;

/** Return what ends the limit of the last request. Until the test is over. @param {import("node:test").TestContext} context */
export function endTimeByHand(context) {
  const alarms = [];
  const { setTimeout: real } = globalThis;
  context.mock.method(globalThis, "setTimeout", (ring, ms, ...more) => {
    if (ms === LIMIT_MS) alarms.push(ring);
    return real(ring, ms, ...more);
  });
  return () => alarms.at(-1)();
}
