import type { LychgateElement } from "./types.d.ts";
export declare class MailLink extends LychgateElement {
}
export type { LychgateElement, LychgateEventMap } from "./types.d.ts";
