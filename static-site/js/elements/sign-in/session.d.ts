/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../../lychgate.js").User} User */
/** @typedef {import("../../lychgate.js").Change} Change */
/**
 * @param {View} view
 * @param {object} element
 * @param {(name: string, made?: HTMLElement) => void} element.open shows one of the sections, or none
 * @param {() => void} element.clear empties the forms
 * @param {() => void} element.skip shows them, whatever there may be of a session
 * @param {ReturnType<typeof import("./leaving.js").startLeaving>} element.leaving
 */
export function startSession(view: View, { open, clear, skip, leaving }: {
    open: (name: string, made?: HTMLElement) => void;
    clear: () => void;
    skip: () => void;
    leaving: ReturnType<typeof import("./leaving.js").startLeaving>;
}): {
    /** @param {User} user @param {string} why @param {{isAlone: boolean, isSigningUp: boolean}} how */
    showLoggedIn({ id, username }: User, why: string, { isAlone, isSigningUp }: {
        isAlone: boolean;
        isSigningUp: boolean;
    }): void;
    /** @param {string} why */
    showLoggedOut(why: string): void;
    /** Say of a failure what goes on. @param {HTMLElement} card @param {HTMLElement} failure in it @param {unknown} error */
    explain(card: HTMLElement, failure: HTMLElement, error: unknown): void;
    /** @param {Change} change */
    hear({ type, error }: Change): void;
};
export type View = import("../core/view.js").View;
export type User = import("../../lychgate.js").User;
export type Change = import("../../lychgate.js").Change;
