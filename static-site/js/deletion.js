/** The deletion of the account, folded away until somebody wants it. Its password is the confirmation. */

import { byId } from "./dom.js";
import { startFold } from "./fold.js";
import { startForm } from "./forms.js";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/**
 * @param {Client} client
 * @param {() => void} onDeleted is called before the log-out that follows
 */
export function startDeletion(client, onDeleted) {
  const form = byId("delete-form");
  const fold = startFold(byId("delete-fold"), form);
  startForm(
    form,
    ({ password }) => (password ? {} : { password: "Enter your password." }),
    async ({ password }) => {
      await client.json("POST", "auth/delete-account", { password });
      onDeleted();
      await client.logout();
    },
  );
  return { show: () => fold.fill(client.user?.username ?? ""), clear: fold.clear };
}
