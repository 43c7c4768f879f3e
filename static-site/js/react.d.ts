/**
 * Who is logged in, and the client. It is the elements' own session: a component that uses this is rendered anew when somebody
 * logs in or out, in whichever tab.
 *
 * @param {{api?: string, storage?: StorageMode}} [options] as the elements' attributes
 * @returns {SessionState}
 */
export function useSession({ api, storage }?: {
    api?: string;
    storage?: StorageMode;
}): SessionState;
export { whenFresh } from "./elements/core/when-fresh.js";
/** Every way to log in. @type {(props: SignInProps) => import("react").ReactElement} */
export const SignIn: (props: SignInProps) => import("react").ReactElement;
/** All that somebody can change of the account. @type {(props: AccountProps) => import("react").ReactElement} */
export const Account: (props: AccountProps) => import("react").ReactElement;
/** Who is logged in, and the way out; or the way in. @type {(props: UserProps) => import("react").ReactElement} */
export const User: (props: UserProps) => import("react").ReactElement;
/** Shows its children to whoever is logged in. @type {(props: GuardProps) => import("react").ReactElement} */
export const Guard: (props: GuardProps) => import("react").ReactElement;
/** What a mailed link leads to. @type {(props: MailLinkProps) => import("react").ReactElement} */
export const MailLink: (props: MailLinkProps) => import("react").ReactElement;
export type Client = import("./lychgate.js").Client;
export type StorageMode = import("./lychgate.js").StorageMode;
export type UserAccount = import("./lychgate.js").User;
export type AccountProps = import("./react-jsx.d.ts").AccountProps;
export type GuardProps = import("./react-jsx.d.ts").GuardProps;
export type MailLinkProps = import("./react-jsx.d.ts").MailLinkProps;
export type SignInProps = import("./react-jsx.d.ts").SignInProps;
export type UserProps = import("./react-jsx.d.ts").UserProps;
export type SessionState = {
    /**
     * who is logged in
     */
    user: UserAccount | null;
    /**
     * whether the session of an earlier page is still asked for
     */
    isLoading: boolean;
    /**
     * why that, or the last refresh or log-out, has failed; `null` if it has not
     */
    error: unknown;
    /**
     * the elements' own; `null` on a server and in the first render after it
     */
    client: Client | null;
};
export type Store = {
    subscribe: (listener: () => void) => () => void;
    snapshot: () => SessionState;
};
export { clientOf, shareClient } from "./elements/core/clients.js";
