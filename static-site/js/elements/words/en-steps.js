/** English: what a log-in needs beside its two forms, loaded with that. */
export default {
  // Going on to another page
  "go-on": "Go on",
  "sent-back": "The page you wanted sent you back here.",
  "go-there": "Go there",

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
