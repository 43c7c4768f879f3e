/** English: what the account says when it is shown. */
export default {
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

  // Ways to log in
  ways: "Ways to log in",
  "ways-text": "How you prove that it is you. With two of them, a stolen password is not enough.",
  "has-password": "You have one. Change it above.",
  "has-no-password": "None. You log in with a passkey or a mailed code.",
  "choose-one": "Choose one",
  "choose-by-mail": "Choose a password, by mail",
  "wants-second-factor": "A log-in with the password needs a second factor.",
  "has-passkeys": { one: "You have a passkey.", other: "You have {count} passkeys." },
  "only-password": "Only your password logs you in.",
  "only-mailed-code": "You log in with a mailed code.",

  // Passkeys
  "add-passkey": "Add a passkey",
  "passkey-everywhere": "Passkey, on all your devices",
  "passkey-here": "Passkey, on one device only",
  "passkey-made": "Made on {day}",
  "passkey-used": "used {when}",
  "passkey-unused": "not used yet",
  rename: "Rename",
  "rename-passkey": "Rename the passkey {label}",
  remove: "Remove",
  "remove-passkey": "Remove the passkey {label}",
  "no-passkeys-here": "Passkeys do not work in this browser.",
  "passkeys-need-a-name": "Passkeys need an address with a name: {address}",

  // An authenticator app
  app: "Authenticator app",
  "app-asks": "Asks for a code of your phone, too.",
  "app-on-since": "On since {day}",
  "set-up": "Set up",
  "set-up-the-app": "Set up the authenticator app",
  "remove-the-app": "Remove the authenticator app",

  // Recovery codes
  "recovery-codes": "Recovery codes",
  "codes-left": { one: "One is left.", other: "{count} are left." },
  "no-code-left": "None is left.",
  "codes-advice": "Make new ones before you need them.",
  "make-new-ones": "Make new ones",

  // The account, and who somebody is
  "welcome-name": "Welcome, {name}",
  "profile-title": "Account",
  "profile-subtitle": "Your name and your password.",
  "profile-subtitle:email": "Your address and your password.",
  "member-since": "Member since",
  roles: "Roles",

  // A new password
  "change-password": "Change password",

  // Sessions
  "sessions-title": "Sessions",
  "sessions-subtitle": "Where you are logged in. End a session that you do not know, and change your password.",
  "sessions-active": { one: "{count} session is active.", other: "{count} sessions are active." },
  "nowhere-else": "You are logged in nowhere else.",
  "appears-here": "When you log in elsewhere, that session appears here.",
  "used-now": "used now",
  "logged-in-when": "Logged in {when}",
  "bound-to-browser": "Bound to its browser: a copied cookie is worth nothing",
  "this-one": "This one",
  end: "End",
  "end-session-of": "End the session of {device} at {ip}",
  "end-others": "End all others",
  "log-out-everywhere": "Log out everywhere",

  // History
  "history-title": "History",
  "history-subtitle": "What happened with your account lately. If anything was not you, change your password.",
  "no-events": "Nothing has happened in the last 90 days.",
  "account-is-new": "Your account is new.",
  "nothing-else-yet": "Nothing else has happened yet.",
  "last-events": { one: "The last thing that happened.", other: "The last {count} things that happened." },
  "times-that-day": { one: "{event}, {count} time that day", other: "{event}, {count} times that day" },
  "as-administrator": "As administrator: {event}",
  "by-administrator": "by an administrator",
  "which-account": "which account",
  "event:registered": "Account made",
  "event:login_succeeded": "Logged in",
  "event:login_failed": "Log-in failed",
  "event:logged_out": "Logged out",
  "event:refresh_token_reused": "Session ended for safety: somebody used a copy of it",
  "event:session_revoked": "Session ended",
  "event:password_changed": "Password changed",
  "event:refresh_retried_elsewhere": "Session used from two places at once",
  "event:refresh_without_key": "Use of a session refused: its key was missing",
  "event:reauthenticated": "Confirmed that it was you",
  "event:roles_changed": "Roles changed",
  "event:email_verified": "E-mail address confirmed",
  "event:email_changed": "E-mail address changed",
  "event:password_reset": "New password chosen by a link",
  "event:second_factor_added": "Second factor added",
  "event:second_factor_removed": "Second factor removed",
  "event:second_factor_failed": "Second factor wrong, after the right password",
  "event:recovery_code_used": "Logged in with a recovery code",
  "event:passkey_added": "Passkey added",
  "event:passkey_removed": "Passkey removed",
  "event:account_disabled": "Account disabled",
  "event:account_enabled": "Account enabled",
  "event:password_link_made": "Link for a new password made",
  "event:account_deleted": "Account deleted",
  "means:refresh_without_key": "Somebody may have a copy of the session, which is of no use without the key. Or the browser itself has lost the key.",

  // The end of an account
  "delete-title": "Delete account",
  "delete-subtitle": "For good: nobody can bring it back.",
  "delete-my-account": "Delete my account",
  "account-is-deleted": "Your account is deleted.",

  // Everywhere in it
  cancel: "Cancel",

  // Devices
  "browser-on-system": "{browser} on {system}",
  "unknown-device": "Unknown device",
};
