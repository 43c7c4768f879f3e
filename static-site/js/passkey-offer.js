/** The offer to make a passkey, for an account that has just been confirmed. Loaded only then, where the site has passkeys. */

import { device } from "./devices.js";
import { byId, make, makeButton, whileBusy } from "./dom.js";
import { withoutPasskey } from "./factor-words.js";
import { set } from "./fields.js";
import { addPasskey, getFactors, passkeysWork } from "./lychgate-factors.js";
import { describe } from "./messages.js";

/**
 * Offer a passkey, in the view that says that all is done.
 *
 * @param {import("./lychgate.js").Client} client
 * @returns {Promise<void>} as soon as there is one, or at once where none can be made
 */
export async function offerPasskey(client) {
  if (!passkeysWork()) return;
  const hasPassword = await getFactors(client).then(
    ({ password }) => password,
    () => true,
  );
  const text = hasPassword
    ? "Make a passkey, and your fingerprint, face or PIN logs you in here: nothing to remember or to type."
    : "You have no password. Make a passkey, and your fingerprint, face or PIN logs you in here. Without one, it takes a mailed code each time.";
  const status = set(make("p", "form-error"), { role: "alert" });
  const button = set(makeButton("Make a passkey", "button primary wide", () => {}), { "data-busy": "Waiting for the passkey…" });
  const offer = set(make("div", "offer", make("p", "", text), button, status), { id: "passkey-offer" });
  const next = byId("done-next");
  next.closest("p").before(offer);
  next.textContent = "Not now";
  next.classList.remove("primary");
  return new Promise((resolve) => {
    button.addEventListener("click", () =>
      whileBusy(button, async () => {
        status.textContent = "";
        try {
          await addPasskey(client, device(navigator.userAgent).name);
        } catch (error) {
          status.textContent = withoutPasskey(error) ?? describe(error);
          return;
        }
        byId("done-title").textContent = "You have a passkey";
        byId("done-text").textContent = "It logs you in from now on. In your account you can name it, and add others.";
        offer.remove();
        next.textContent = "To your account";
        next.classList.add("primary");
        byId("done-title").focus();
        resolve();
      }),
    );
  });
}
