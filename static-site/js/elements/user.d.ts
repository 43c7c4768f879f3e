/** @typedef {import("./core/view.js").View} View */
export class User extends LychgateElement {
    /** @param {View} view */
    build(view: View): any[];
    /** @param {import("./core/element.js").State} state @param {{error?: unknown}} how */
    show(state: import("./core/element.js").State, { error }: {
        error?: unknown;
    }): any;
    #private;
}
export type View = import("./core/view.js").View;
import { LychgateElement } from "./core/element.js";
export type { LychgateEventMap } from "./types.d.ts";
