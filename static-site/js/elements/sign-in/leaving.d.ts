/** @typedef {import("../core/view.js").View} View */
/**
 * @param {View} view
 * @param {HTMLElement} element whose attributes say where to go
 * @returns {{isAsked: boolean, mayLeaveAlone: () => boolean, leave: () => void, offer: () => void} | null} null to stay;
 *   `isAsked` if the visitor was sent here
 */
export function startLeaving(view: View, element: HTMLElement): {
    isAsked: boolean;
    mayLeaveAlone: () => boolean;
    leave: () => void;
    offer: () => void;
} | null;
export type View = import("../core/view.js").View;
