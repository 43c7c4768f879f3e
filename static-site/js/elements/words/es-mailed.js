/** Español: adonde lleva un enlace de un correo. */
export default {
  "register:title": "Confirma tu cuenta",
  "register:text":
    "Alguien se ha registrado aquí con tu correo electrónico. Elige aquí la contraseña. El botón crea la cuenta, confirma la dirección e inicia tu sesión.",
  "register:only": "Púlsalo solo si quieres esta cuenta.",
  "register:why": "Si no fuiste tú quien se registró, cierra esta página: entonces no habrá cuenta.",
  "register:hint": {
    one: "{count} carácter o más, también espacios. Sin contraseña, entras con una llave de acceso o con un código por correo",
    other: "{count} caracteres o más, también espacios. Sin contraseña, entras con una llave de acceso o con un código por correo",
  },
  "register:verb": "Sí, crear mi cuenta",
  "register:busy": "Creando la cuenta…",
  "register:done-title": "Tu cuenta está lista",
  "register:done-text": "Tu dirección está confirmada, y has iniciado sesión.",
  "register:gone-text":
    "Se ha usado, tiene más de una hora o no está entero. Si ya pulsaste el botón, tu cuenta existe: inicia sesión. Si no, regístrate otra vez y recibirás otro correo.",
  "register:gone-next": "Registrarse otra vez",
  "register:taken-text":
    "Ya hay una cuenta con esta dirección. Inicia sesión, o elige otra contraseña si la has olvidado.",

  "email:title": "Confirma tu dirección",
  "email:text": "El botón confirma que este correo electrónico es tuyo. Tu cuenta recibirá allí sus correos.",
  "email:only": "Púlsalo solo si lo has pedido en tu cuenta.",
  "email:why": "Si no, cierra esta página: no cambia nada.",
  "email:verb": "Confirmar la dirección",
  "email:busy": "Confirmando…",
  "email:done-title": "Tu dirección está confirmada",
  "email:done-text": "Tu cuenta tiene ahora esta dirección.",
  "email:done-elsewhere":
    "La cuenta que lo pidió tiene ahora esta dirección. Aquí ha iniciado sesión otra cuenta. Puedes cerrar esta página.",
  "email:gone-text":
    "Se ha usado, tiene más de una hora o no está entero, o tu cuenta tiene otra dirección desde entonces. Si ya pulsaste el botón, la dirección está confirmada. Si no, tu cuenta envía otro correo.",
  "email:gone-next": "Ver tu cuenta",

  "reset:title": "Elige otra contraseña",
  "reset:text": "La anterior deja de valer, y terminan todas las sesiones. Entras con la nueva.",
  "reset:field": "Contraseña nueva",
  "reset:hint": {
    one: "{count} carácter o más, también espacios, sin tu nombre de usuario",
    other: "{count} caracteres o más, también espacios, sin tu nombre de usuario",
  },
  "reset:hint:email": {
    one: "{count} carácter o más, también espacios, sin tu dirección",
    other: "{count} caracteres o más, también espacios, sin tu dirección",
  },
  "reset:verb": "Cambiar la contraseña",
  "reset:busy": "Cambiando…",
  "reset:done-title": "Tu contraseña ha cambiado",
  "reset:done-text":
    "Han terminado todas las sesiones. Entra con la contraseña nueva. Si tu cuenta tiene una aplicación de autenticación o llaves de acceso, siguen como estaban.",
  "reset:gone-text":
    "Se ha usado, tiene más de 30 minutos o no está entero, o la contraseña ha cambiado desde entonces. Tu contraseña es la de antes, salvo que acabes de cambiarla.",
  "reset:gone-next": "Pedir otro correo",

  "gone-title": "Este enlace ya no vale",
  "no-link-title": "Abre el enlace de tu correo",
  "no-link-text": "Esta página lo ha olvidado, o no estaba entero. El correo todavía lo tiene, y puedes abrirlo otra vez.",
  "taken-title": "La dirección ya tiene una cuenta",
  "taken-text": "Otra cuenta ha confirmado esta dirección, así que esta no puede tenerla. Entra allí, o usa otra dirección.",
  "to-your-account": "A tu cuenta",
  "to-login": "Al inicio de sesión",

  "offer-passkey":
    "Crea una llave de acceso, y tu huella, tu cara o un PIN te dejan entrar aquí: nada que recordar ni que escribir.",
  "offer-passkey-alone":
    "No tienes contraseña. Crea una llave de acceso, y tu huella, tu cara o un PIN te dejan entrar aquí. Sin ella, hace falta cada vez un código por correo.",
  "make-passkey": "Crear una llave de acceso",
  "not-now": "Ahora no",
  "passkey-is-made": "Tienes una llave de acceso",
  "passkey-is-made-text": "Desde ahora entras con ella. En tu cuenta puedes ponerle nombre y añadir otras.",
};
