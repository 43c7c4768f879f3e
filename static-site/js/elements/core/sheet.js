/** A dialog with steps, for what takes more than a question. It ends with the session, and forgets what was in it. */

import { make, set } from "./dom.js";

/** @typedef {import("./view.js").View} View */

/**
 * @typedef {object} Sheet
 * @property {HTMLDialogElement} dialog
 * @property {(title: string, ...parts: (string | Node)[]) => void} show shows a step, in place of the one before
 * @property {(isDone: boolean) => void} close
 * @property {(may: boolean) => void} allowCancel whether the Escape key closes it
 * @property {Promise<boolean>} closed whether it is done
 * @property {AbortSignal} signal ends what is under way with it
 */

/**
 * @param {View} view
 * @param {string} title
 * @param {{mayCancel?: boolean}} [how]
 * @returns {Promise<Sheet>}
 */
export async function openSheet(view, title, { mayCancel = true } = {}) {
  const end = new AbortController();
  const heading = set(make("h2", "sheet-title", title), { id: view.id("sheet-title"), tabindex: "-1" });
  const body = make("div", "sheet-body");
  const dialog = set(make("dialog", "card sheet", heading, body), {
    "aria-labelledby": heading.id,
    lang: view.words.language,
    dir: view.words.direction,
  });
  let isOver = false;
  let isDone = false;
  const close = (done) => {
    isOver = true;
    isDone = done;
    dialog.close();
  };
  const stop = view.client.onChange(({ type }) => {
    if (type === "logged-out" || type === "logged-in") close(false);
  });
  const closed = new Promise((resolve) => {
    const settle = () => {
      stop();
      end.abort();
      dialog.remove();
      resolve(isDone);
    };
    dialog.addEventListener("cancel", (event) => !mayCancel && event.preventDefault());
    dialog.addEventListener("close", () => {
      // Browsers close a dialog at the second Escape, whatever the page says.
      if (!isOver && !mayCancel && dialog.isConnected) return dialog.showModal();
      settle();
    });
    // With its element it is taken out of the document, and is never told that it is closed.
    view.signal.addEventListener("abort", settle, { signal: end.signal });
  });
  view.root.append(dialog);
  dialog.showModal();
  return {
    dialog,
    close,
    closed,
    signal: end.signal,
    allowCancel: (may) => (mayCancel = may),
    show(text, ...parts) {
      heading.textContent = text;
      body.replaceChildren(...parts);
      dialog.scrollTop = 0;
      (body.querySelector("[autofocus]") ?? heading).focus();
    },
  };
}
