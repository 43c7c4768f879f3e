import type { LychgateElement } from "./types.d.ts";
export declare class Account extends LychgateElement {
    /**
     * Ask who it is, for a call of the page's own that the API has refused with `insufficient_user_authentication`.
     *
     * @returns {Promise<boolean>} whether the session is fresh now; false if the user, or the end of the session, has
     *   cancelled. Throws an Error while nobody is logged in.
     */
    askPassword(): Promise<boolean>;
}
export type { LychgateElement, LychgateEventMap } from "./types.d.ts";
