/** Deutsch: was jedes Element sagt, und die Anmeldung. Die Schlüssel sind die von en.js. */
export default {
  "try-again": "Noch einmal versuchen",
  trying: "Wird versucht …",
  dismiss: "Schließen",
  username: "Benutzername",
  show: "Zeigen",
  hide: "Verbergen",
  "show-field": "Zeigen: {field}",
  "hide-field": "Verbergen: {field}",
  unreachable: "Der Dienst ist nicht zu erreichen. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
  password: "Passwort",

  "enter-username": "Geben Sie Ihren Benutzernamen ein.",
  "enter-your-email": "Geben Sie Ihre E-Mail-Adresse ein.",
  "enter-password": "Geben Sie Ihr Passwort ein.",

  "one-moment": "Einen Moment …",
  welcome: "Willkommen",
  lead: "Ihr Konto für diese Website.",
  "lead-on": "Nach der Anmeldung geht es weiter zu der Seite, zu der Sie wollten.",
  "log-in-or-sign-up": "Anmelden oder registrieren",
  "log-in": "Anmelden",
  "log-out": "Abmelden",
  "sign-up": "Registrieren",
  "logging-in": "Anmeldung läuft …",
  forgot: "Passwort vergessen?",
  "log-in-with-code": "Mit einem Code anmelden",
  "new-here": "Neu hier? {link}",
  "signup-closed": "Zurzeit kann sich niemand registrieren. Wenn Sie ein Konto haben, können Sie sich anmelden.",
  "one-more-step": "Noch ein Schritt",

  account: "Konto",
};
