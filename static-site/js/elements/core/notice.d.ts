/** What an element says at its end. */
export class Notice {
    /** @param {import("./view.js").View} view */
    constructor(view: import("./view.js").View);
    /** The place, which is in the element from its beginning, so that screen readers know it. */
    region: any;
    /** @param {string} text */
    say(text: string): void;
    /**
     * Show a problem until it is dismissed or solved.
     *
     * @param {string} text
     * @param {{label: string, run: () => void}} [action]
     */
    warn(text: string, action?: {
        label: string;
        run: () => void;
    }): void;
    /** Remove the notice, if there is one. */
    hush(): void;
    #private;
}
