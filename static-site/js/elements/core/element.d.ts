/** Define an element, once, and only where there are elements. @param {string} name @param {typeof LychgateElement} element */
export function define(name: string, element: typeof LychgateElement): void;
/** The base of all elements. */
export class LychgateElement extends HTMLElement {
    static observedAttributes: string[];
    /** Whether a page has one at most: forms for the same password confuse password managers. */
    static isSingle: boolean;
    /** What words it needs beside the usual. @type {import("./languages.js").Area[]} */
    static areas: import("./languages.js").Area[];
    /** @type {View | null} while it is in the document and works */
    view: View | null;
    /** The client, which all elements of the API share. @returns {Client} */
    get client(): Client;
    /** @returns {State | ""} */
    get state(): State | "";
    /** Put what the element shows into the document. @param {View} view @returns {Node[] | Promise<Node[]>} */
    build(view: View): Node[] | Promise<Node[]>;
    /**
     * Show another state. The first call comes when the element is in the document and nothing is known.
     *
     * @param {State} state
     * @param {{why: string, error?: unknown, before: State | ""}} how the change's `why`, "" if nothing has happened
     */
    show(state: State, how: {
        why: string;
        error?: unknown;
        before: State | "";
    }): void;
    /** Hear of what does not change the state. @param {import("../../lychgate.js").Change} change */
    hear(change: import("../../lychgate.js").Change): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: any, before: any, after: any): void;
    /** Take away what `put` has put there. */
    clear(): void;
    /** @param {HTMLElement} frame all that the element shows */
    put(frame: HTMLElement): void;
    /** @param {View} view @param {Node[]} nodes */
    place(view: View, nodes: Node[]): void;
    /** Learn whether somebody is logged in, once the element shows something. @param {View} view */
    begin(view: View): Promise<void>;
    /** Hear of all that becomes of the session. @param {View} view */
    follow(view: View): void;
    /** Continue the session of an earlier page. */
    restore(): Promise<void>;
    /** Be in another state, and show and tell it. @param {State} state @param {{why: string, error?: unknown}} how */
    become(state: State, how: {
        why: string;
        error?: unknown;
    }): void;
    /** What a state of failure shows: what has happened, and a button. @param {View} view @param {unknown} error @returns {HTMLElement} */
    failure(view: View, error: unknown): HTMLElement;
    /** The API's root. @returns {string} */
    get root(): string;
    #private;
}
export type Client = import("../../lychgate.js").Client;
export type StorageMode = import("../../lychgate.js").StorageMode;
export type State = "loading" | "logged-out" | "logged-in" | "failed";
import { View } from "./view.js";
