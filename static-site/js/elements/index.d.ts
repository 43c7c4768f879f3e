export { whenFresh } from "./core/when-fresh.js";
export { Account } from "./account.js";
export { Guard } from "./guard.js";
export { MailLink } from "./mail-link.js";
export { SignIn } from "./sign-in.js";
export { User } from "./user.js";
export { clientOf, shareClient } from "./core/clients.js";
export { addWords, languages } from "./core/languages.js";
export type { LychgateElement, LychgateEventMap } from "./types.d.ts";
