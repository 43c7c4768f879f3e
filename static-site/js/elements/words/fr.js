/** Français : ce que dit chaque élément, et la connexion. Les clés sont celles de en.js. */
export default {
  "try-again": "Réessayer",
  trying: "Nouvel essai…",
  dismiss: "Fermer",
  username: "Nom d’utilisateur",
  show: "Voir",
  hide: "Masquer",
  "show-field": "Voir : {field}",
  "hide-field": "Masquer : {field}",
  unreachable: "Le service est injoignable. Vérifiez votre connexion et réessayez.",
  password: "Mot de passe",

  "enter-username": "Saisissez votre nom d’utilisateur.",
  "enter-your-email": "Saisissez votre adresse e-mail.",
  "enter-password": "Saisissez votre mot de passe.",

  "one-moment": "Un instant…",
  welcome: "Bienvenue",
  lead: "Votre compte sur ce site.",
  "lead-on": "Connectez-vous, et vous irez à la page que vous vouliez.",
  "log-in-or-sign-up": "Se connecter ou s’inscrire",
  "log-in": "Se connecter",
  "log-out": "Se déconnecter",
  "sign-up": "S’inscrire",
  "logging-in": "Connexion…",
  forgot: "Mot de passe oublié ?",
  "log-in-with-code": "Se connecter avec un code",
  "new-here": "Nouveau ici ? {link}",
  "signup-closed": "Les inscriptions sont fermées pour le moment. Si vous avez un compte, vous pouvez vous connecter.",
  "one-more-step": "Encore une étape",

  account: "Compte",
};
