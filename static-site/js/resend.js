/**
 * A button that sends a mail once more. The API sends one a minute to an address, so the button counts down, and as long
 * as the API says if it was asked too often. Knows no call: that is a function.
 */

import { ApiError } from "./lychgate.js";
import { describe } from "./messages.js";

/** For as long after a mail the API sends no other one to the same address. */
const PAUSE_S = 60;
const TOO_MANY = 429;

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} status says what has become of it; a live region
 * @param {() => Promise<unknown>} send
 */
export function startResend(button, status, send) {
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
    button.textContent = waits ? `Send again in ${duration(left)}` : "Send again";
    if (waits || isBusy) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    button.classList.toggle("counting", waits);
    if (waits) timer = setTimeout(show, 1000);
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
    button.textContent = "Sending…";
    status.textContent = "";
    try {
      await send();
      status.textContent = "Sent again. Only the newest mail counts.";
      wait();
    } catch (error) {
      const isTooMuch = error instanceof ApiError && error.status === TOO_MANY;
      status.textContent = isTooMuch ? "Too many mails were asked for. Look for the newest one." : describe(error);
      if (isTooMuch) wait(error.retryAfter || PAUSE_S);
    } finally {
      isBusy = false;
      show();
    }
  });
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

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 100) return `${seconds} s`;
  return seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}
