/** What the site allows. Each visit would ask for it, and few sites change: the browser remembers it for a week. */

import { apiOf } from "../core/clients.js";
import { learnOptions, USUAL } from "../core/options.js";

/** @typedef {import("../../lychgate.js").Client} Client */
/** @typedef {import("../core/options.js").SiteOptions} SiteOptions */

const KEPT = "lychgate site 3";
const KEPT_MS = 7 * 24 * 3_600_000;

/** @param {Client} client @returns {Promise<SiteOptions>} what is usual, where the API does not tell it */
export async function recall(client) {
  const key = `${KEPT} ${apiOf(client)}`;
  try {
    const { until, ...kept } = JSON.parse(localStorage.getItem(key) ?? "{}");
    if (until > Date.now()) return { ...USUAL, ...kept };
  } catch {
    // The browser allows no storage.
  }
  const site = await learnOptions(client).catch(() => null);
  if (!site) return USUAL;
  try {
    localStorage.setItem(key, JSON.stringify({ ...site, until: Date.now() + KEPT_MS }));
  } catch {
    // As above.
  }
  return site;
}
