/**
 * A button that sends a mail once more. The API sends one a minute to an address, so the button counts down, and as long
 * as the API says if it was asked too often. Knows no call: that is a function.
 */

import { ApiError } from "../../lychgate.js";
import { markPart } from "./dom.js";
import { describe } from "./messages.js";

/** @typedef {import("./view.js").View} View */

/** For as long after a mail the API sends no other one to the same address. */
export const PAUSE_S = 60;
const TOO_MANY = 429;
const MINUTE_S = 60;
const HOUR_S = 3600;
/** Up to here seconds are told. */
const LONG_S = 100;

/**
 * @param {View} view
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} status says what has become of it; a live region
 * @param {() => Promise<unknown>} send
 * @param {"sent-again" | "asked-again"} [done] what is said then: the other, where the API does not tell whether it sends one
 */
export function startResend(view, button, status, send, done = "sent-again") {
  /** When the next mail can be asked for, by `Date.now()`. */
  let readyAt = 0;
  let isBusy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const show = () => {
    clearTimeout(timer);
    // If somebody sets the clock back, nobody has to wait the longer.
    const left = Math.ceil((readyAt - Date.now()) / 1000);
    const waits = left > 0;
    button.textContent = waits ? sendAgainIn(view, left) : view.text("send-again");
    if (waits || isBusy) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    markPart(button, "counting", waits);
    if (waits && !view.signal.aborted) timer = setTimeout(show, 1000);
  };

  /** @param {number} [seconds] until the next mail can be asked for */
  const wait = (seconds = PAUSE_S) => {
    readyAt = Date.now() + 1000 * seconds;
    show();
  };

  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled")) return;
    isBusy = true;
    show();
    button.textContent = view.text("sending");
    status.textContent = "";
    try {
      await send();
      status.textContent = view.text(done);
      wait();
    } catch (error) {
      const isTooMuch = error instanceof ApiError && error.status === TOO_MANY;
      status.textContent = isTooMuch ? view.text("too-many-mails-look") : describe(error, view.words);
      if (isTooMuch) wait(error.retryAfter || PAUSE_S);
    } finally {
      isBusy = false;
      show();
    }
  });
  view.signal.addEventListener("abort", () => clearTimeout(timer));
  show();

  return {
    wait,

    /** Forget what was said and how long to wait. */
    clear() {
      readyAt = 0;
      status.textContent = "";
      show();
    },
  };
}

/** @param {View} view @param {number} seconds */
function sendAgainIn(view, seconds) {
  if (seconds < LONG_S) return view.text("send-again-in-seconds", { count: seconds });
  if (seconds < HOUR_S) return view.text("send-again-in-minutes", { count: Math.ceil(seconds / MINUTE_S) });
  return view.text("send-again-in-hours", { count: Math.ceil(seconds / HOUR_S) });
}
