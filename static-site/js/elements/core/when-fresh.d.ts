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
export function whenFresh<Result>(call: (client: Client) => Promise<Result>, { api, element }?: {
    api?: string | undefined;
    element?: import("../types.d.ts").LychgateElement | undefined;
}): Promise<Result>;
export type Client = import("../../lychgate.js").Client;
export type LychgateElement = import("../types.d.ts").LychgateElement;
