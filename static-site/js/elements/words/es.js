/** Español: lo que dice cada elemento, y el inicio de sesión. Las claves son las de en.js. */
export default {
  "try-again": "Reintentar",
  trying: "Reintentando…",
  dismiss: "Cerrar",
  username: "Nombre de usuario",
  show: "Mostrar",
  hide: "Ocultar",
  "show-field": "Mostrar: {field}",
  "hide-field": "Ocultar: {field}",
  unreachable: "No se puede acceder al servicio. Comprueba tu conexión y vuelve a intentarlo.",
  password: "Contraseña",

  "enter-username": "Escribe tu nombre de usuario.",
  "enter-your-email": "Escribe tu correo electrónico.",
  "enter-password": "Escribe tu contraseña.",

  "one-moment": "Un momento…",
  welcome: "Hola",
  lead: "Tu cuenta en este sitio.",
  "lead-on": "Inicia sesión y seguirás a la página que querías.",
  "log-in-or-sign-up": "Iniciar sesión o registrarse",
  "log-in": "Iniciar sesión",
  "log-out": "Cerrar sesión",
  "sign-up": "Registrarse",
  "logging-in": "Iniciando sesión…",
  forgot: "¿Olvidaste tu contraseña?",
  "log-in-with-code": "Entrar con un código",
  "new-here": "¿Es tu primera vez? {link}",
  "signup-closed": "Por ahora nadie puede registrarse. Si tienes una cuenta, puedes iniciar sesión.",
  "one-more-step": "Un paso más",

  account: "Cuenta",
};
