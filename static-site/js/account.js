/**
 * The logged-in view: who somebody is, their address and ways to log in, sessions and history, a new password, the
 * account's deletion.
 * Assembles the parts, each of which has a module of its own. Inserts all data into the document as text, never as markup.
 */

import { startDeletion } from "./deletion.js";
import { byId, make, whileBusy } from "./dom.js";
import { set } from "./fields.js";
import { startHistory } from "./history.js";
import { SessionEnded } from "./lychgate.js";
import { day } from "./moments.js";
import { say } from "./notice.js";
import { learnOptions, USUAL } from "./options.js";
import { addPart } from "./parts.js";
import { startPasswordChange } from "./password-change.js";
import { startSessions } from "./sessions.js";
import { loadStyles } from "./styles.js";
import { startWays } from "./ways.js";

const TEXTS = ["greeting-username", "profile-username", "profile-roles", "profile-created"];
/** For as long the account waits for its part about the address, so that nothing jumps. */
const PATIENCE_MS = 1000;
const KEPT = "lychgate site 2";
const KEPT_MS = 7 * 24 * 3_600_000;
/** Everybody has this one: it says nothing. */
const USUAL_ROLE = "user";

/** @typedef {ReturnType<typeof import("./lychgate.js").createClient>} Client */

/** @type {ReturnType<typeof start> | undefined} once somebody has logged in */
let parts;
/** @type {ReturnType<typeof import("./address.js").startAddress> | undefined} where accounts have addresses */
let address;
/** @type {((client: Client) => typeof address) | null} once it is loaded, where accounts have addresses */
let startAddress = null;
/** @type {import("./options.js").SiteOptions} */
let site = USUAL;
const loading = loadAddress().catch(() => {});
await loadStyles("/account.css");
await Promise.race([loading, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);

async function loadAddress() {
  site = await recall();
  if (site.email === "off") return;
  const { startAddress: begin } = await import("./address.js");
  startAddress = (client) => begin(client, site);
}

/** @param {Client} client @param {{farewell: (text: string) => void}} page */
export function showAccount(client, page) {
  parts ??= start(client, page);
  showUser(client);
  // What comes too late, comes all the same.
  loading.then(() => client.user && showUser(client));
  parts.load();
  // The site's options tell what may be added.
  loading.then(() => client.user && parts?.ways.load());
}

/** What the site allows. Each visit would ask for it, and few sites change: the browser remembers it for a week. */
async function recall() {
  try {
    const { until, ...kept } = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    if (until > Date.now()) return kept;
  } catch {
    // The browser allows no storage.
  }
  const site = await learnOptions();
  if (site === USUAL) return site;
  try {
    localStorage.setItem(KEPT, JSON.stringify({ ...site, until: Date.now() + KEPT_MS }));
  } catch {
    // As above.
  }
  return site;
}

/** Show who somebody is: it may have changed. @param {Client} client */
export function showUser(client) {
  if (!client.user) throw new SessionEnded();
  const { username, roles, created_at: createdAt } = client.user;
  for (const place of ["greeting-username", "profile-username"]) byId(place).textContent = username;
  const special = roles.filter((role) => role !== USUAL_ROLE);
  byId("profile-roles").textContent = special.join(", ");
  byId("profile-roles").parentElement.hidden = special.length === 0;
  if (parts) byId("administration").hidden = !roles.includes("admin");
  byId("profile-created").dateTime = createdAt;
  byId("profile-created").textContent = day(createdAt);
  parts?.passwordChange.show();
  parts?.deletion.show();
  address ??= startAddress?.(client);
  address?.show();
}

/** The browser has made a passkey by itself, after a log-in with the password. */
export function tellOfPasskey() {
  say("A passkey was added to your account. Next time, log in with it.");
  parts?.reload();
}

/** Remove all data of a user, before another may log in. */
export function clearAccount() {
  if (!parts) return;
  for (const place of TEXTS) byId(place).textContent = "";
  parts.clear();
  address?.clear();
}

/** @param {Client} client @param {{farewell: (text: string) => void}} page */
function start(client, page) {
  addProfile();
  const load = async () => {
    await Promise.all([sessions.load(), history.load()]);
  };
  // In the order in which they are shown.
  const passwordChange = startPasswordChange(client, load);
  const ways = startWays(client, () => site, {
    onChanged: load,
    onKnown() {
      passwordChange.show();
      deletion.show();
    },
  });
  const sessions = startSessions(client, () => history.load());
  const history = startHistory(client);
  const deletion = startDeletion(client, () => page.farewell("Your account is deleted."));
  const administration = set(make("a", "", "For administrators: all accounts"), { href: "/admin.html" });
  byId("logged-in").append(set(make("p", "developers", administration), { id: "administration", hidden: "" }));
  const inspector = set(make("a", "", "For developers: token inspector"), { href: "/inspector.html" });
  byId("logged-in").append(make("p", "developers", inspector));
  byId("reload-dashboard").addEventListener("click", () => whileBusy(byId("reload-dashboard"), load));
  return {
    load,
    ways,
    passwordChange,
    deletion,
    reload: () => Promise.all([load(), ways.load()]),
    clear() {
      for (const part of [sessions, history, ways, passwordChange, deletion]) part.clear();
    },
  };
}

function addProfile() {
  const row = (/** @type {string} */ name, /** @type {HTMLElement} */ value) => make("div", "", make("dt", "", name), value);
  const created = set(make("time"), { id: "profile-created" });
  const roles = row("Roles", set(make("dd"), { id: "profile-roles" }));
  addPart(
    "profile-title",
    "Account",
    "Your name and your password.",
    make(
      "dl",
      "profile",
      row("Username", make("dd", "", set(make("bdi"), { id: "profile-username" }))),
      row("Member since", make("dd", "", created)),
      set(roles, { hidden: "" }),
    ),
  );
}
