/** Deutsch: wohin ein Link in einer E-Mail führt. */
export default {
  "register:title": "Bestätigen Sie Ihr Konto",
  "register:text":
    "Jemand hat sich hier mit Ihrer E-Mail-Adresse registriert. Wählen Sie hier das Passwort. Der Knopf legt das Konto an, bestätigt die Adresse und meldet Sie an.",
  "register:only": "Drücken Sie ihn nur, wenn Sie dieses Konto haben wollen.",
  "register:why": "Wenn nicht Sie sich registriert haben, schließen Sie diese Seite: dann gibt es kein Konto.",
  "register:hint": {
    one: "{count} oder mehr Zeichen, auch Leerzeichen. Ohne Passwort melden Sie sich mit einem Passkey oder einem Code aus einer E-Mail an",
    other: "{count} oder mehr Zeichen, auch Leerzeichen. Ohne Passwort melden Sie sich mit einem Passkey oder einem Code aus einer E-Mail an",
  },
  "register:verb": "Ja, mein Konto anlegen",
  "register:busy": "Das Konto wird angelegt …",
  "register:done-title": "Ihr Konto ist bereit",
  "register:done-text": "Ihre Adresse ist bestätigt, und Sie sind angemeldet.",
  "register:gone-text":
    "Er wurde verwendet, ist älter als eine Stunde oder nicht vollständig. Wenn Sie den Knopf schon gedrückt haben, gibt es Ihr Konto: melden Sie sich an. Wenn nicht, registrieren Sie sich noch einmal, dann kommt eine neue E-Mail.",
  "register:gone-next": "Noch einmal registrieren",
  "register:taken-text":
    "Unter dieser Adresse gibt es schon ein Konto. Melden Sie sich an, oder wählen Sie ein neues Passwort, wenn Sie es vergessen haben.",

  "email:title": "Bestätigen Sie Ihre Adresse",
  "email:text": "Der Knopf bestätigt, dass diese E-Mail-Adresse Ihre ist. Dorthin gehen dann die E-Mails Ihres Kontos.",
  "email:only": "Drücken Sie ihn nur, wenn Sie das in Ihrem Konto verlangt haben.",
  "email:why": "Wenn nicht, schließen Sie diese Seite: dann ändert sich nichts.",
  "email:verb": "Adresse bestätigen",
  "email:busy": "Wird bestätigt …",
  "email:done-title": "Ihre Adresse ist bestätigt",
  "email:done-text": "Ihr Konto hat jetzt diese Adresse.",
  "email:done-elsewhere":
    "Das Konto, das es verlangt hat, hat jetzt diese Adresse. Hier ist ein anderes Konto angemeldet. Sie können diese Seite schließen.",
  "email:gone-text":
    "Er wurde verwendet, ist älter als eine Stunde oder nicht vollständig, oder in Ihrem Konto steht seither eine andere Adresse. Wenn Sie den Knopf schon gedrückt haben, ist die Adresse bestätigt. Wenn nicht, schickt Ihr Konto eine neue E-Mail.",
  "email:gone-next": "Zu Ihrem Konto",

  "reset:title": "Wählen Sie ein neues Passwort",
  "reset:text": "Das alte gilt dann nicht mehr, und alle Sitzungen enden. Sie melden sich mit dem neuen an.",
  "reset:field": "Neues Passwort",
  "reset:hint": {
    one: "{count} oder mehr Zeichen, auch Leerzeichen, ohne Ihren Benutzernamen",
    other: "{count} oder mehr Zeichen, auch Leerzeichen, ohne Ihren Benutzernamen",
  },
  "reset:hint:email": {
    one: "{count} oder mehr Zeichen, auch Leerzeichen, ohne Ihre Adresse",
    other: "{count} oder mehr Zeichen, auch Leerzeichen, ohne Ihre Adresse",
  },
  "reset:verb": "Passwort ändern",
  "reset:busy": "Wird geändert …",
  "reset:done-title": "Ihr Passwort ist geändert",
  "reset:done-text":
    "Alle Sitzungen sind beendet. Melden Sie sich mit dem neuen Passwort an. Wenn Ihr Konto eine Authentifizierungs-App oder Passkeys hat, bleiben sie, wie sie waren.",
  "reset:gone-text":
    "Er wurde verwendet, ist älter als 30 Minuten oder nicht vollständig, oder das Passwort hat sich seither geändert. Ihr Passwort ist, wie es war, außer Sie haben es gerade geändert.",
  "reset:gone-next": "Neue E-Mail verlangen",

  "gone-title": "Dieser Link gilt nicht mehr",
  "no-link-title": "Öffnen Sie den Link in Ihrer E-Mail",
  "no-link-text": "Diese Seite kennt ihn nicht mehr, oder er war nicht vollständig. In der E-Mail steht er noch, und Sie können ihn wieder öffnen.",
  "taken-title": "Die Adresse hat schon ein Konto",
  "taken-text":
    "Ein anderes Konto hat diese Adresse bestätigt, deshalb kann dieses sie nicht haben. Melden Sie sich dort an, oder nehmen Sie eine andere Adresse.",
  "to-your-account": "Zu Ihrem Konto",
  "to-login": "Zur Anmeldung",

  "offer-passkey":
    "Legen Sie einen Passkey an, dann melden Ihr Fingerabdruck, Ihr Gesicht oder eine PIN Sie hier an: nichts zu merken und nichts zu tippen.",
  "offer-passkey-alone":
    "Sie haben kein Passwort. Legen Sie einen Passkey an, dann melden Ihr Fingerabdruck, Ihr Gesicht oder eine PIN Sie hier an. Ohne ihn braucht es jedes Mal einen Code aus einer E-Mail.",
  "make-passkey": "Passkey anlegen",
  "not-now": "Nicht jetzt",
  "passkey-is-made": "Sie haben einen Passkey",
  "passkey-is-made-text": "Von jetzt an meldet er Sie an. In Ihrem Konto können Sie ihm einen Namen geben und weitere anlegen.",
};
