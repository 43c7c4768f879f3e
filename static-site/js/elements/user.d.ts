import type { LychgateElement } from "./types.d.ts";
export declare class User extends LychgateElement {
}
export type { LychgateElement, LychgateEventMap } from "./types.d.ts";
