/** English: what the account says. */
export default {
  // Before something important happens
  "proof-password": "You logged in a while ago, so please enter your password.",
  "proof-code": "This needs your password and a code of your authenticator app.",
  "proof-passkey": "You logged in a while ago, so please use a passkey.",
  "proof-none":
    "You logged in a while ago, and your account has neither a password nor a passkey that works here. Log out, and log in with a mailed code: then it can be done for 15 minutes.",
  "use-passkey-instead": "Use a passkey instead",
  "not-your-passkey": "This passkey is not good for your account.",

  // Lists
  loading: "Loading…",
  "load-again": "Load again",
  "out-of-date": "{problem} What you see here may be out of date.",
  "show-all": { one: "Show all {count}", other: "Show all {count}" },

  // Points in time
  "just-now": "just now",
  "day-and-time": "{day}, {time}",
  "used-within-hours": { one: "used within the last hour", other: "used within the last {count} hours" },
  "last-used": "last used {when}",
  "last-used-on": "last used on {day}",
  "last-used-between": "Last used between {from} and {to}",
};
