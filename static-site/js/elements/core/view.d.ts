/** One element's, from the moment that it is in the document to the moment that it is not. */
export class View {
    /**
     * @param {HTMLElement} root what has the parts in it
     * @param {() => Client} findClient is called when the client is wanted first: from then on it looks after the session
     * @param {Words} words
     */
    constructor(root: HTMLElement, findClient: () => Client, words: Words);
    root: HTMLElement;
    words: import("./languages.js").Words;
    notice: Notice;
    /** Is aborted when the element leaves the document. */
    signal: AbortSignal;
    /** @returns {Client} */
    get client(): Client;
    /** @param {string} name @returns {any} the first part of that name, which must exist */
    part(name: string): any;
    /** @param {string} name @returns {string} an id for labels and ARIA, which no other element of the page has */
    id(name: string): string;
    /** @param {string} key @param {Record<string, string | number>} [values] @returns {string} */
    text(key: string, values?: Record<string, string | number>): string;
    /** A text with elements in it. @param {string} key @param {Record<string, string | number | Node>} values */
    pieces(key: string, values: Record<string, string | number | Node>): (string | Node)[];
    /** The same as `addEventListener`, until the view's end. @param {EventTarget} target @param {string} type @param {(event: any) => void} listener */
    listen(target: EventTarget, type: string, listener: (event: any) => void): void;
    /** Hear of changes of the session, until the view's end. @param {(change: Change) => void} listener */
    onChange(listener: (change: Change) => void): void;
    /**
     * Tell the page. @param {"logged-in" | "logged-out" | "error" | "step-up" | "shown" | "passkey-added"} type @param {object} [detail]
     */
    tell(type: "logged-in" | "logged-out" | "error" | "step-up" | "shown" | "passkey-added", detail?: object): void;
    end(): void;
    #private;
}
export type Client = import("../../lychgate.js").Client;
export type Change = import("../../lychgate.js").Change;
export type Words = import("./languages.js").Words;
export type SiteOptions = import("./options.js").SiteOptions;
import { Notice } from "./notice.js";
