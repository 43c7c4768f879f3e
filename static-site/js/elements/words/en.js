/** English: what every element says, and the log-in. Keys with an underscore are the API's codes of errors. */
export default {
  // Everywhere
  "try-again": "Try again",
  trying: "Trying…",
  dismiss: "Dismiss",
  username: "Username",
  show: "Show",
  hide: "Hide",
  "show-field": "Show: {field}",
  "hide-field": "Hide: {field}",
  unreachable: "The service cannot be reached. Check your connection and try again.",
  password: "Password",

  // Names and passwords
  "enter-username": "Enter your username.",
  "enter-your-email": "Enter your e-mail address.",
  "enter-password": "Enter your password.",

  // The log-in, <lychgate-sign-in>
  "one-moment": "One moment…",
  welcome: "Welcome",
  lead: "Your account for this site.",
  "lead-on": "Log in, and you go on to the page you wanted.",
  "log-in-or-sign-up": "Log in or sign up",
  "log-in": "Log in",
  "log-out": "Log out",
  "sign-up": "Sign up",
  "logging-in": "Logging in…",
  forgot: "Forgot your password?",
  "log-in-with-code": "Log in with a code",
  "new-here": "New here? {link}",
  "signup-closed": "Signing up is closed at the moment. If you have an account, you can log in.",
  "one-more-step": "One more step",

  // Who is logged in, <lychgate-user>
  account: "Account",
};
