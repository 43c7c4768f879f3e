/** English: what a log-in needs beside its two forms, loaded with that. */
export default {
  // What went wrong
  session_ended: "Your session has ended. Please log in again.",
  page_broken: "Something went wrong in this page. Please reload it.",
  too_many: "Too many attempts. {again}",
  service_broken: "The service has a problem. {again}",
  refused: "The service refused this (status {status}).",
  offline: "You are offline. Please try again when you are connected.",
  too_slow: "The service took too long to answer. Please try again.",
  unreadable: "The service gave an answer this page cannot read. Please try again.",
  invalid_credentials: "Username and password do not match.",
  username_taken: "Already taken.",
  registration_closed: "Signing up is closed at the moment.",
  origin_rejected: "This site is not set up for log-ins from this address.",
  "error:conflict": "This cannot be done as things are now. Please load the page again and look.",
  "error:insufficient_scope": "Your account may not do this.",
  again: "Please try again in a moment.",
  "again-in-seconds": { one: "Please try again in {count} second.", other: "Please try again in {count} seconds." },
  "again-in-minutes": { one: "Please try again in {count} minute.", other: "Please try again in {count} minutes." },
  "no-api": "No log-in answers at {api}. Whoever runs this page has to look at it.",

  // Names and passwords
  "wrong-password": "This is not your password.",
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

  // What becomes of a session
  "log-in-instead": "Log in instead",
  "account-ready": "Your account is ready.",
  "not-opened": "Your account cannot be opened yet",
  "keeps-trying": "You are still logged in, and this page keeps trying.",
  "still-logged-in": "{message} You are still logged in.",
  "service-back": "The service is back, and you are still logged in.",
  "you-are-logged-in": "You are logged in.",
  "you-are-logged-in-as": "You are logged in as {name}.",
  "you-are-logged-out": "You are logged out.",
  "logged-out-elsewhere": "You logged out in another tab.",
  "logged-in-elsewhere": "Another tab logged in as {name}. This tab follows.",
  "log-out-untold": "You are logged out here. This browser keeps trying to tell the service.",
  "log-out-told": "You are logged out, and the service has been told.",

  // What is wrong with the page around an element
  "bad-api": "This page names no address of an API: api=\"{api}\". It must be a path, such as /api, or begin with https://.",
  "bad-storage": "This page keeps tokens in \"{storage}\", which is no place for them. There are cookie, session, local and memory.",
  framed: "Another site shows this page in a frame. For your safety, open it in a window of its own.",
  "one-is-enough": "This page has more than one <{name}>. Only the first works.",

  // Codes and passkeys, wherever they are asked for
  "code-of-app": "Code of the app",
  "enter-code": "Enter the code of your app.",
  "code-digits": { one: "The code has {count} digit.", other: "The code has {count} digits." },
  "wrong-code": "Wrong, or used. Try the next one.",
  "use-passkey": "Use a passkey",
  "waiting-for-passkey": "Waiting for the passkey…",
  "passkey:cancelled": "No passkey was used. You can try again.",
  "passkey:exists": "This device has a passkey for your account already.",
  "passkey:unsupported": "This browser or device cannot make a passkey for this site.",
  "passkey:address": "Passkeys do not work at this address.",
  "passkey:failed": "The passkey did not work. Please try again.",
  "field:characters": "Only letters, digits, . _ @ + -",

  // What only members see, <lychgate-guard>
  "not-for-you": "Your account may not see this.",
};
