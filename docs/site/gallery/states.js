/** What the gallery shows: each element with its states, as the name of a stubbed API and what is in the frame. */

/**
 * @typedef {object} Shown
 * @property {string} title
 * @property {string} api which of the stub's APIs answers: `stub.js`
 * @property {string} tag the element
 * @property {Record<string, string>} [attributes]
 * @property {string} [hash] what a mailed link has brought
 * @property {string} [inside] text of a child
 * @property {string} [outside] text of a child for everybody else
 * @property {string} [tip] what there is to try
 */

/** @type {Record<string, Shown[]>} by the element's name */
export const STATES = {
  "lychgate-sign-in": [
    {
      title: "Logged out",
      api: "logged-out",
      tag: "lychgate-sign-in",
      tip: "The name “second” leads to a second step, the password “wrong” is refused, any other logs in.",
    },
    { title: "Named by the address", api: "by-address", tag: "lychgate-sign-in" },
    { title: "Registration is closed", api: "closed", tag: "lychgate-sign-in" },
    { title: "Loading", api: "loading", tag: "lychgate-sign-in" },
    { title: "The API cannot be reached", api: "failed", tag: "lychgate-sign-in" },
    { title: "Logged in", api: "logged-in", tag: "lychgate-sign-in" },
  ],
  "lychgate-account": [
    { title: "Logged in", api: "logged-in", tag: "lychgate-account", tip: "Any password is right, but “wrong”." },
    { title: "With a second factor", api: "two-factors", tag: "lychgate-account" },
    { title: "Without mails", api: "mailless", tag: "lychgate-account" },
  ],
  "lychgate-user": [
    { title: "Logged in", api: "logged-in", tag: "lychgate-user", attributes: { account: "#account", "sign-in": "#sign-in" } },
    { title: "Logged out", api: "logged-out", tag: "lychgate-user", attributes: { "sign-in": "#sign-in" } },
    { title: "The API cannot be reached", api: "failed", tag: "lychgate-user" },
  ],
  "lychgate-guard": [
    { title: "Logged in", api: "logged-in", tag: "lychgate-guard", inside: "Only somebody who is logged in sees this." },
    {
      title: "Logged out",
      api: "logged-out",
      tag: "lychgate-guard",
      inside: "Only somebody who is logged in sees this.",
      outside: "Everybody else sees this.",
    },
    {
      title: "Without the role",
      api: "logged-in",
      tag: "lychgate-guard",
      attributes: { "for-role": "buyer", role: "buyer" },
      inside: "Only buyers see this.",
    },
    { title: "The API cannot be reached", api: "failed", tag: "lychgate-guard", inside: "Only somebody who is logged in sees this." },
  ],
  "lychgate-mail-link": [
    { title: "A new password", api: "logged-out", tag: "lychgate-mail-link", hash: "#reset=TOKEN" },
    { title: "An address to confirm", api: "logged-out", tag: "lychgate-mail-link", hash: "#email=TOKEN" },
    {
      title: "A link that is no longer good",
      api: "expired",
      tag: "lychgate-mail-link",
      hash: "#email=TOKEN",
      tip: "Nobody knows before the button is pressed: programs that look at mails open links, too.",
    },
    { title: "No link", api: "logged-out", tag: "lychgate-mail-link" },
  ],
};

/** The custom properties that the gallery changes, as docs/theming.md has them: their values by day and by night, or a length. */
export const COLOURS = {
  "--lychgate-accent": ["#24503c", "#9ad3b1"],
  "--lychgate-on-accent": ["#fffefa", "#0e1a13"],
  "--lychgate-ink": ["#1c2620", "#ecebe2"],
  "--lychgate-muted": ["#566059", "#a8b3aa"],
  "--lychgate-surface": ["#fffefa", "#19211d"],
  "--lychgate-sunken": ["#f0ece2", "#131a16"],
  "--lychgate-field": ["#ffffff", "#0c110e"],
  "--lychgate-line": ["#dcd6c7", "#2f3b35"],
  "--lychgate-edge": ["#7c7767", "#7d8b83"],
  "--lychgate-panel": ["#24503c", "#1c382b"],
  "--lychgate-on-panel": ["#f7f2e4", "#dfeee2"],
  "--lychgate-good": ["#1f5f3f", "#9ad3b1"],
  "--lychgate-warn": ["#85560f", "#e2b566"],
  "--lychgate-bad": ["#9c2a1c", "#ffa394"],
};
export const LENGTHS = {
  "--lychgate-radius": { least: 0, most: 28, usual: 9, unit: "px" },
  "--lychgate-gap": { least: 8, most: 40, usual: 20, unit: "px" },
};
export const FONTS = { usual: "", serif: "Georgia, serif", mono: "ui-monospace, monospace" };
