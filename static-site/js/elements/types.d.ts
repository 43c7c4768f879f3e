/** What the elements add to the types of a page: their names, and their events, which bubble. */

import type { Client, User } from "../lychgate.js";
import type { Account } from "./account.js";
import type { Guard } from "./guard.js";
import type { MailLink } from "./mail-link.js";
import type { SignIn } from "./sign-in.js";
import type { User as UserElement } from "./user.js";

/** The base of all elements. */
export declare class LychgateElement extends HTMLElement {
    /** The client, which all elements of the same API share. */
    get client(): Client;
    /** As `data-state`; "" before the element is in the document. `"forbidden"` is the guard's alone. */
    get state(): "" | "loading" | "logged-out" | "logged-in" | "failed" | "forbidden";
}

export interface LychgateEventMap {
    /** Somebody has logged in, or was logged in when the element came. */
    "lychgate:logged-in": CustomEvent<{ user: User }>;
    /** The session is over; `why` as in the client's changes. */
    "lychgate:logged-out": CustomEvent<{ why: string }>;
    /** The API cannot be reached, or something else is wrong that nobody can mend who fills in a form. */
    "lychgate:error": CustomEvent<{ error: unknown }>;
    /** The API wants the password, or another proof, once more. */
    "lychgate:step-up": CustomEvent<object>;
    /** The log-in, or what a mailed link leads to, shows another form; `title` is one for the page. */
    "lychgate:shown": CustomEvent<{ title: string }>;
    /** The browser has made a passkey by itself, after a log-in with a password. */
    "lychgate:passkey-added": CustomEvent<object>;
}

declare global {
    interface GlobalEventHandlersEventMap extends LychgateEventMap {}
    interface HTMLElementTagNameMap {
        "lychgate-sign-in": SignIn;
        "lychgate-account": Account;
        "lychgate-user": UserElement;
        "lychgate-guard": Guard;
        "lychgate-mail-link": MailLink;
    }
}
