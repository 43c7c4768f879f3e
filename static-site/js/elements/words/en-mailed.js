/** English: what a mailed link leads to. */
export default {
  // A link for a new account
  "register:title": "Confirm your account",
  "register:text":
    "Somebody has signed up here with your e-mail address. Choose the password here. The button creates the account, confirms the address, and logs you in.",
  "register:only": "Press it only if you want this account.",
  "register:why": "If it was not you who signed up, close this page: there is no account then.",
  "register:hint": {
    one: "{count} or more characters, spaces too. Without one, a passkey or a mailed code logs you in",
    other: "{count} or more characters, spaces too. Without one, a passkey or a mailed code logs you in",
  },
  "register:verb": "Yes, create my account",
  "register:busy": "Creating the account…",
  "register:done-title": "Your account is ready",
  "register:done-text": "Your address is confirmed, and you are logged in.",
  "register:gone-text":
    "It was used, is older than an hour, or is not whole. If you have pressed the button before, your account exists: log in. If not, sign up again, and you get another mail.",
  "register:gone-next": "Sign up again",
  "register:taken-text": "There is an account under this address already. Log in, or choose a new password if you have forgotten it.",

  // A link for an address
  "email:title": "Confirm your address",
  "email:text": "The button confirms that this e-mail address is yours. Your account then gets its mails there.",
  "email:only": "Press it only if you asked for it in your account.",
  "email:why": "If you did not, close this page: nothing changes.",
  "email:verb": "Confirm the address",
  "email:busy": "Confirming…",
  "email:done-title": "Your address is confirmed",
  "email:done-text": "Your account has this address now.",
  "email:done-elsewhere":
    "The account that asked for it has this address now. Another account is logged in here. You can close this page.",
  "email:gone-text":
    "It was used, is older than an hour, or is not whole, or your account was given another address since. If you have pressed the button before, the address is confirmed. If not, your account sends another mail.",
  "email:gone-next": "Look into your account",

  // A link for another password
  "reset:title": "Choose a new password",
  "reset:text": "The old one is void then, and all sessions end. You log in with the new one.",
  "reset:field": "New password",
  "reset:hint": {
    one: "{count} or more characters, spaces too, without your username",
    other: "{count} or more characters, spaces too, without your username",
  },
  "reset:hint:email": {
    one: "{count} or more characters, spaces too, without your address",
    other: "{count} or more characters, spaces too, without your address",
  },
  "reset:verb": "Change the password",
  "reset:busy": "Changing…",
  "reset:done-title": "Your password is changed",
  "reset:done-text":
    "All sessions have ended. Log in with the new password. If your account has an authenticator app or passkeys, they stay as they were.",
  "reset:gone-text":
    "It was used, is older than 30 minutes, or is not whole, or the password has changed since. Your password is as it was, unless you have just changed it.",
  "reset:gone-next": "Ask for another mail",

  // What has become of it
  "gone-title": "This link is no longer good",
  "no-link-title": "Open the link in your mail",
  "no-link-text": "This page has forgotten it, or it was not whole. The mail still has it, and you can open it again.",
  "taken-title": "The address has an account already",
  "taken-text": "Another account has confirmed this address, so this one cannot have it. Log in there, or use another address.",
  "to-your-account": "To your account",
  "to-login": "To the log-in",

  // The offer of a passkey
  "offer-passkey": "Make a passkey, and your fingerprint, face or PIN logs you in here: nothing to remember or to type.",
  "offer-passkey-alone":
    "You have no password. Make a passkey, and your fingerprint, face or PIN logs you in here. Without one, it takes a mailed code each time.",
  "make-passkey": "Make a passkey",
  "not-now": "Not now",
  "passkey-is-made": "You have a passkey",
  "passkey-is-made-text": "It logs you in from now on. In your account you can name it, and add others.",
};
