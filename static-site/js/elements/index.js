/** All elements, and what a page may want beside them: docs/elements.md */

export { clientOf, shareClient } from "./core/clients.js";
export { whenFresh } from "./core/when-fresh.js";
export { addWords, languages } from "./core/languages.js";
export { Account } from "./account.js";
export { Guard } from "./guard.js";
export { MailLink } from "./mail-link.js";
export { SignIn } from "./sign-in.js";
export { User } from "./user.js";
