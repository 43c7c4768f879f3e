/** The elements in JSX, as components and by their own names, for React 18 and 19. */

import type { DetailedHTMLProps, HTMLAttributes, ReactNode } from "react";
import type { LychgateEventMap } from "./elements/types.d.ts";
import type { StorageMode } from "./lychgate.js";

interface Attributes {
    /** The API's root, `"/api"` by default. */
    api?: string | undefined;
    /** A BCP 47 tag; else the language of what is around it, else the browser's. */
    lang?: string | undefined;
    /** Where the refresh token is kept. Everything but `"cookie"` is for a page on another site than the API. */
    storage?: StorageMode | undefined;
}
interface Listeners {
    /** `event.detail.user` has logged in, or was logged in when the element came. */
    onLoggedIn?: ((event: LychgateEventMap["lychgate:logged-in"]) => void) | undefined;
    /** The session is over. */
    onLoggedOut?: ((event: LychgateEventMap["lychgate:logged-out"]) => void) | undefined;
    /** `event.detail.error` keeps the element from working. */
    onError?: ((event: LychgateEventMap["lychgate:error"]) => void) | undefined;
    /** The API wants a proof once more. */
    onStepUp?: ((event: LychgateEventMap["lychgate:step-up"]) => void) | undefined;
}
type Props<Own> = Attributes & Listeners & Own & Omit<HTMLAttributes<HTMLElement>, keyof Attributes | keyof Listeners | keyof Own | "children" | "dangerouslySetInnerHTML">;

export type SignInProps = Props<{
    /** A path of the page's own origin to go to after a log-in. */
    after?: string | undefined;
    /** Whether `?return=` of the address says where to go. */
    return?: boolean | undefined;
}>;
export type AccountProps = Props<{}>;
interface Pages {
    /** The path of the page to log in at. */
    signIn?: string | undefined;
    /** The path of the account's page. */
    account?: string | undefined;
}
export type UserProps = Props<Pages>;
export type GuardProps = Props<{
    /** The path to send everybody to who is not logged in; they come back by `?return=`. */
    signIn?: string | undefined;
    /** The role that somebody needs. */
    forRole?: string | undefined;
    /** Those with `data-part="logged-out"` are for everybody else. */
    children?: ReactNode;
}>;
/** Both pages are `"/"` by default. */
export type MailLinkProps = Props<Pages>;

/** In React 19 alone, which listens to events by their own names. */
type ElementProps<Element extends HTMLElement, Own> = Attributes &
    Own & { [Name in keyof LychgateEventMap as `on${Name}`]?: (event: LychgateEventMap[Name]) => void } & Omit<
        DetailedHTMLProps<HTMLAttributes<Element>, Element>,
        keyof Attributes | keyof Own
    > & { class?: string | undefined };

declare module "react" {
    namespace JSX {
        interface IntrinsicElements {
            "lychgate-sign-in": ElementProps<HTMLElementTagNameMap["lychgate-sign-in"], { after?: string | undefined; return?: "" | boolean | undefined }>;
            "lychgate-account": ElementProps<HTMLElementTagNameMap["lychgate-account"], {}>;
            "lychgate-user": ElementProps<HTMLElementTagNameMap["lychgate-user"], { "sign-in"?: string | undefined; account?: string | undefined }>;
            "lychgate-guard": ElementProps<HTMLElementTagNameMap["lychgate-guard"], { "sign-in"?: string | undefined; "for-role"?: string | undefined }>;
            "lychgate-mail-link": ElementProps<HTMLElementTagNameMap["lychgate-mail-link"], { "sign-in"?: string | undefined; account?: string | undefined }>;
        }
    }
}
