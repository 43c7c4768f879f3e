/** A call of the page's own that wants a fresh session. What asks for that is loaded when the API has refused the call. */

import { NetworkError } from "../../lychgate.js";
import { clientOf } from "./clients.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../types.d.ts").LychgateElement} LychgateElement */

/** The questions that are open, each for all calls that want it. @type {WeakMap<Client, Promise<boolean>>} */
const questions = new WeakMap();

/**
 * Make a call. If the API refuses it because the log-in is a while ago, ask who it is, and make it once more.
 *
 * @template Result
 * @param {(client: Client) => Promise<Result>} call
 * @param {object} [where]
 * @param {string} [where.api] the API's root, as in `clientOf`
 * @param {LychgateElement} [where.element] what the question is to be in, if not the account or another element of the page
 * @returns {Promise<Result>} throws what the call throws, the first time if the user cancels the question
 */
export async function whenFresh(call, { api, element } = {}) {
  const client = clientOf(api);
  try {
    return await call(client);
  } catch (error) {
    if (error?.error !== "insufficient_user_authentication") throw error;
    const question = questions.get(client) ?? ask(client, element);
    questions.set(client, question);
    if (!(await question)) throw error;
    return call(client);
  }
}

/** @param {Client} client @param {LychgateElement} [element] */
async function ask(client, element) {
  try {
    const { askInPage } = await import("./ask-password.js").catch((cause) => {
      throw new NetworkError("", { cause });
    });
    return await askInPage(client, element);
  } finally {
    questions.delete(client);
  }
}
