import type { LychgateElement } from "./types.d.ts";
export declare class SignIn extends LychgateElement {
}
export type { LychgateElement, LychgateEventMap } from "./types.d.ts";
