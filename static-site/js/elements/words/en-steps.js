/** English: what a log-in needs beside its two forms, loaded with that. */
export default {
  // Names and passwords
  "choose-username": "Choose a username.",
  "choose-password": "Choose a password.",
  "at-least": { one: "Use at least {count} character.", other: "Use at least {count} characters." },
  "at-most": { one: "Use at most {count} character.", other: "Use at most {count} characters." },
  "contains-username": "It must not contain the username.",
  "contains-email": "It must not contain the e-mail address.",
  "too-many": "{count} too many",
  "has-username": "has your username",
  "has-email": "has your e-mail address",
  enough: { one: "{count} character ✓", other: "{count} characters ✓" },
  "of-enough": "{length} of {min}",

  // Going on to another page
  "go-on": "Go on",
  "sent-back": "The page you wanted sent you back here.",
  "go-there": "Go there",

  // Signing up
  "signing-up": "Signing up…",
  optional: "(optional)",
  "username-hint": "3 or more letters, digits or {signs}",
  "email-hint": "For a forgotten password",
  "password-hint": { one: "{count} or more characters, spaces too", other: "{count} or more characters, spaces too" },
  "passphrase-advice": "A few random words are easy to remember and hard to guess.",
  suggest: "Suggest some",
  "passphrase-missing": "The words could not be loaded. Please try again.",
  email: "E-mail address",

  // A passphrase
  copy: "Copy",
  copied: "Copied",
  selected: "Selected",
  "suggest-another": "Another",

  // Passkeys at the log-in
  "log-in-with-passkey": "Log in with a passkey",
  "passkey-refused": "This passkey is not good for this site any more. Log in another way.",
  "passkey-added": "A passkey was added to your account. Next time, log in with it.",
  "passkey-address": "Passkeys need an address with a name: {link}",
};
