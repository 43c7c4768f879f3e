/** Français : où mène un lien reçu par e-mail. */
export default {
  "register:title": "Confirmez votre compte",
  "register:text":
    "Quelqu’un s’est inscrit ici avec votre adresse e-mail. Choisissez ici le mot de passe. Le bouton crée le compte, confirme l’adresse et vous connecte.",
  "register:only": "N’appuyez que si vous voulez ce compte.",
  "register:why": "Si ce n’est pas vous qui vous êtes inscrit, fermez cette page : il n’y aura pas de compte.",
  "register:hint": {
    one: "{count} caractère ou plus, espaces compris. Sans mot de passe, une clé d’accès ou un code par e-mail vous connecte",
    other: "{count} caractères ou plus, espaces compris. Sans mot de passe, une clé d’accès ou un code par e-mail vous connecte",
  },
  "register:verb": "Oui, créer mon compte",
  "register:busy": "Création du compte…",
  "register:done-title": "Votre compte est prêt",
  "register:done-text": "Votre adresse est confirmée, et vous êtes connecté.",
  "register:gone-text":
    "Il a été utilisé, date de plus d’une heure, ou n’est pas entier. Si vous avez déjà appuyé sur le bouton, votre compte existe : connectez-vous. Sinon, inscrivez-vous encore une fois, et vous recevrez un autre e-mail.",
  "register:gone-next": "S’inscrire à nouveau",
  "register:taken-text":
    "Il y a déjà un compte avec cette adresse. Connectez-vous, ou choisissez un nouveau mot de passe si vous l’avez oublié.",

  "email:title": "Confirmez votre adresse",
  "email:text": "Le bouton confirme que cette adresse e-mail est la vôtre. Votre compte y recevra alors ses e-mails.",
  "email:only": "N’appuyez que si vous l’avez demandé dans votre compte.",
  "email:why": "Sinon, fermez cette page : rien ne change.",
  "email:verb": "Confirmer l’adresse",
  "email:busy": "Confirmation…",
  "email:done-title": "Votre adresse est confirmée",
  "email:done-text": "Votre compte a maintenant cette adresse.",
  "email:done-elsewhere":
    "Le compte qui l’a demandé a maintenant cette adresse. Un autre compte est connecté ici. Vous pouvez fermer cette page.",
  "email:gone-text":
    "Il a été utilisé, date de plus d’une heure, ou n’est pas entier, ou votre compte a reçu une autre adresse depuis. Si vous avez déjà appuyé sur le bouton, l’adresse est confirmée. Sinon, votre compte envoie un autre e-mail.",
  "email:gone-next": "Voir votre compte",

  "reset:title": "Choisissez un nouveau mot de passe",
  "reset:text": "L’ancien ne vaut alors plus rien, et toutes les sessions se terminent. Vous vous connectez avec le nouveau.",
  "reset:field": "Nouveau mot de passe",
  "reset:hint": {
    one: "{count} caractère ou plus, espaces compris, sans votre nom d’utilisateur",
    other: "{count} caractères ou plus, espaces compris, sans votre nom d’utilisateur",
  },
  "reset:hint:email": {
    one: "{count} caractère ou plus, espaces compris, sans votre adresse",
    other: "{count} caractères ou plus, espaces compris, sans votre adresse",
  },
  "reset:verb": "Changer le mot de passe",
  "reset:busy": "Changement…",
  "reset:done-title": "Votre mot de passe est changé",
  "reset:done-text":
    "Toutes les sessions sont terminées. Connectez-vous avec le nouveau mot de passe. Si votre compte a une application d’authentification ou des clés d’accès, elles restent comme elles étaient.",
  "reset:gone-text":
    "Il a été utilisé, date de plus de 30 minutes, ou n’est pas entier, ou le mot de passe a changé depuis. Votre mot de passe est comme avant, sauf si vous venez de le changer.",
  "reset:gone-next": "Demander un autre e-mail",

  "gone-title": "Ce lien n’est plus valable",
  "no-link-title": "Ouvrez le lien dans votre e-mail",
  "no-link-text": "Cette page l’a oublié, ou il n’était pas entier. L’e-mail l’a encore, et vous pouvez l’ouvrir à nouveau.",
  "taken-title": "L’adresse a déjà un compte",
  "taken-text":
    "Un autre compte a confirmé cette adresse, celui-ci ne peut donc pas l’avoir. Connectez-vous à l’autre, ou prenez une autre adresse.",
  "to-your-account": "À votre compte",
  "to-login": "À la connexion",

  "offer-passkey":
    "Créez une clé d’accès, et votre empreinte, votre visage ou un code PIN vous connecte ici : rien à retenir, rien à taper.",
  "offer-passkey-alone":
    "Vous n’avez pas de mot de passe. Créez une clé d’accès, et votre empreinte, votre visage ou un code PIN vous connecte ici. Sans elle, il faut chaque fois un code par e-mail.",
  "make-passkey": "Créer une clé d’accès",
  "not-now": "Pas maintenant",
  "passkey-is-made": "Vous avez une clé d’accès",
  "passkey-is-made-text": "Désormais, elle vous connecte. Dans votre compte, vous pouvez la nommer et en ajouter d’autres.",
};
