/** All that is done with an account, which is loaded together. */

import "../core/confirmation.js";

export { startChangingWays } from "./changing-ways.js";
export { startDeletion } from "./deletion.js";
export { startEnding } from "./ending.js";
export { startPasswordChange } from "./password-change.js";
