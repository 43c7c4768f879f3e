export class Account extends LychgateElement {
    /** @param {View} view */
    build(view: View): any[];
    /** @param {State} state @param {{why: string, error?: unknown, before: State | ""}} how */
    show(state: State, { why, error, before }: {
        why: string;
        error?: unknown;
        before: State | "";
    }): void | Promise<void>;
    /**
     * Ask who it is, for a call of the page's own that the API has refused with `insufficient_user_authentication`.
     *
     * @returns {Promise<boolean>} whether the session is fresh now; false if the user, or the end of the session, has
     *   cancelled. Throws an Error while nobody is logged in.
     */
    askPassword(): Promise<boolean>;
    #private;
}
export type View = import("./core/view.js").View;
export type State = import("./core/element.js").State;
export type Change = import("../lychgate.js").Change;
import { LychgateElement } from "./core/element.js";
export type { LychgateEventMap } from "./types.d.ts";
