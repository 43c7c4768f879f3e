export class MailLink extends LychgateElement {
    /** @param {View} view */
    build(view: View): any[];
    /** No session is looked for before somebody presses the button. */
    begin(): Promise<void>;
    #private;
}
export type View = import("./core/view.js").View;
export type Client = import("../lychgate.js").Client;
export type Purpose = keyof typeof PURPOSES;
/**
 * an attribute that names a page
 */
export type Place = "sign-in" | "account";
/**
 * a page, and what is asked for there
 */
export type Way = [Place, string];
/**
 * the texts are keys
 */
export type Outcome = {
    name: "done" | "gone";
    title: string;
    text: string;
    next: string;
    way: Way;
};
import { LychgateElement } from "./core/element.js";
/** @typedef {import("./core/view.js").View} View */
/** @typedef {import("../lychgate.js").Client} Client */
/** @typedef {keyof typeof PURPOSES} Purpose */
/** @typedef {"sign-in" | "account"} Place an attribute that names a page */
/** @typedef {[Place, string]} Way a page, and what is asked for there */
/**
 * What a link is for: what its token is used in, and where to go then, or if it is no longer good.
 *
 * @type {Record<"register" | "email" | "reset", {done: Way, next: string, gone: Way}>}
 */
declare const PURPOSES: Record<"register" | "email" | "reset", {
    done: Way;
    next: string;
    gone: Way;
}>;
export {};
export type { LychgateEventMap } from "./types.d.ts";
