/** The offer to make a passkey, for an account that has just been confirmed. Loaded only then, where the site has passkeys. */

import { addPasskey, getFactors, passkeysWork } from "../../lychgate-factors.js";
import { device } from "../core/devices.js";
import { make, makeButton, markPart, set, whileBusy } from "../core/dom.js";
import { withoutPasskey } from "../core/factor-words.js";
import { describe } from "../core/messages.js";

/** @typedef {import("../core/view.js").View} View */

/**
 * Offer a passkey, in the view that says that all is done.
 *
 * @param {View} view
 * @returns {Promise<void>} as soon as there is one, or at once where none can be made
 */
export async function offerPasskey(view) {
  if (!passkeysWork()) return;
  const { client, signal } = view;
  const hasPassword = await getFactors(client, { signal }).then(
    ({ password }) => password,
    () => true,
  );
  if (signal.aborted) return;
  const text = view.text(hasPassword ? "offer-passkey" : "offer-passkey-alone");
  const status = set(make("p", "form-error"), { role: "alert" });
  const button = set(makeButton(view.text("make-passkey"), "button primary wide", () => {}), {
    "data-busy": view.text("waiting-for-passkey"),
  });
  const offer = make("div", "passkey-offer offer", make("p", "", text), button, status);
  const next = view.part("done-next");
  next.parentElement.before(offer);
  next.textContent = view.text("not-now");
  markPart(next, "primary", false);
  return new Promise((resolve) => {
    button.addEventListener("click", () =>
      whileBusy(button, async () => {
        status.textContent = "";
        try {
          await addPasskey(client, device(view.words, navigator.userAgent).name, { signal });
        } catch (error) {
          status.textContent = withoutPasskey(view, error) ?? describe(error, view.words);
          return;
        }
        view.part("done-title").textContent = view.text("passkey-is-made");
        view.part("done-text").textContent = view.text("passkey-is-made-text");
        offer.remove();
        next.textContent = view.text("to-your-account");
        markPart(next, "primary", true);
        view.part("done-title").focus();
        resolve();
      }),
    );
  });
}
