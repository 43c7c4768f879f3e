export class SignIn extends LychgateElement {
    /** @param {View} view */
    build(view: View): Promise<any[]>;
    #private;
}
export type View = import("./core/view.js").View;
export type State = import("./core/element.js").State;
export type Session = ReturnType<typeof import("./sign-in/session.js").startSession>;
import { LychgateElement } from "./core/element.js";
export type { LychgateEventMap } from "./types.d.ts";
