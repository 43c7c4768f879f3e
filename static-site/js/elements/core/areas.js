/** The catalogues of what only some elements say, or only at times. Loaded before the first of them. */

/** @typedef {import("./languages.js").Load} Load */
/** @typedef {import("./languages.js").Area} Area */

// Written out, because bundlers follow no name that is put together.
/** @type {Record<string, Record<Area, Load>>} */
export const AREAS = {
  en: {
    steps: () => import("../words/en-steps.js"),
    account: () => import("../words/en-account.js"),
    changes: () => import("../words/en-changes.js"),
    mailed: () => import("../words/en-mailed.js"),
  },
  de: {
    steps: () => import("../words/de-steps.js"),
    account: () => import("../words/de-account.js"),
    changes: () => import("../words/de-changes.js"),
    mailed: () => import("../words/de-mailed.js"),
  },
  fr: {
    steps: () => import("../words/fr-steps.js"),
    account: () => import("../words/fr-account.js"),
    changes: () => import("../words/fr-changes.js"),
    mailed: () => import("../words/fr-mailed.js"),
  },
  es: {
    steps: () => import("../words/es-steps.js"),
    account: () => import("../words/es-account.js"),
    changes: () => import("../words/es-changes.js"),
    mailed: () => import("../words/es-mailed.js"),
  },
  ar: {
    steps: () => import("../words/ar-steps.js"),
    account: () => import("../words/ar-account.js"),
    changes: () => import("../words/ar-changes.js"),
    mailed: () => import("../words/ar-mailed.js"),
  },
};
