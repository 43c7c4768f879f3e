/**
 * A call of the API that the user makes by hand, and what came of it: each request of this call and its answer, and no
 * other call of the page, whatever else it does meanwhile. Inserts all data into the document as text, never as markup.
 */

import { byId } from "../by-id.js";
import { find, make, whileBusy } from "../elements/core/dom.js";
import { describe } from "../elements/core/messages.js";
import { SessionEnded } from "../lychgate.js";
import { onCall, recordingFetch, shortened, statusPill } from "./calls.js";

/** @typedef {ReturnType<typeof import("../lychgate.js").createClient>} Client */
/** @typedef {import("../elements/core/languages.js").Words} Words */
/** @typedef {import("./calls.js").Call} Call */
/** @typedef {"session" | "none" | "broken"} Credential which access token goes along */
/** @typedef {{call: Call, isRefresh: boolean}} Step */

const API = new URL("/api/", document.baseURI);
const NO_CALL = "No call yet. The request and its answer will appear here.";
const NOT_BELOW = `Only paths below ${API.pathname}`;
const ANOTHER_PATH = "";
const HEADERS = { Accept: "application/json" };
const TICK_MS = 1000;

let sent = 0;
/** Rises when the user changes: an answer to another one's call is not shown. */
let version = 0;
/** Whether the headers of an answer are unfolded, for the next answer too. */
let headersAreOpen = false;

/** @param {Client} client @param {Words} words of errors @param {number} timeout milliseconds */
export function startCalls(client, words, timeout) {
  const form = byId("call-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(byId("call-send"), () => send(client, words, timeout));
  });
  byId("call-route").addEventListener("change", ({ target }) => {
    if (target.value === ANOTHER_PATH) byId("call-path").select();
    else byId("call-path").value = target.value;
    byId("call-path").focus();
    show();
  });
  // A list says that its value has changed after it has said that there was input.
  form.addEventListener("input", ({ target }) => target !== byId("call-route") && show());
  byId("copy-curl").addEventListener("click", () => copy(curlCommand(client, (token) => token), byId("curl-copied")));

  function show() {
    byId("call-path-error").textContent = "";
    byId("call-path").removeAttribute("aria-invalid");
    showRoute();
    showCurl(client);
  }
}

/** Show the command for the token that is there now. @param {Client} client */
export function showCurl(client) {
  byId("call-curl").textContent = curlCommand(client, shortened);
  byId("curl-hint").textContent = credential() === "none" || !target() ? "" : "The whole token is in it.";
}

/** Offer the routes that the API describes. Those in the document stay if it does not. @param {number} timeout */
export async function loadRoutes(timeout) {
  const request = new Request(new URL("openapi.json", API), { signal: AbortSignal.timeout(timeout), credentials: "omit" });
  const { paths } = await recordingFetch(request).then((answer) => answer.json());
  /** @type {Record<string, HTMLOptionElement[]>} */
  const groups = { "With an access token": [], "Open to everybody": [] };
  for (const [path, { get }] of Object.entries(paths)) {
    if (!get) continue;
    const option = make("option", "", `GET ${path}`);
    option.value = path.slice(1);
    groups[get.security?.length ? "With an access token" : "Open to everybody"].push(option);
  }
  const list = byId("call-route");
  const another = find(list, `option[value="${ANOTHER_PATH}"]`);
  list.replaceChildren(
    ...Object.entries(groups).map(([label, options]) => {
      const group = make("optgroup", "", ...options);
      group.label = label;
      return group;
    }),
    another,
  );
  showRoute();
}

/** Remove all data of a user, before another may log in. */
export function clearCall() {
  version += 1;
  byId("call-form").reset();
  byId("call-status").textContent = "";
  byId("call-curl").textContent = "";
  byId("call-result").replaceChildren(make("li", "empty", NO_CALL));
}

/** Copy a text, and say how it went. @param {string} text @param {HTMLElement} place @param {string} [done] */
export async function copy(text, place, done = "Copied.") {
  try {
    await navigator.clipboard.writeText(text);
    place.textContent = done;
  } catch {
    place.textContent = "The browser does not let this page copy.";
  }
}

/** Select the route that the path is, if it is one. */
function showRoute() {
  const list = byId("call-route");
  list.value = byId("call-path").value.trim();
  if (list.selectedIndex < 0) list.value = ANOTHER_PATH;
}

/** @returns {URL | null} the address that the form asks for, null if it is not below the API's root */
function target() {
  const path = byId("call-path").value.trim().replace(/#.*/, "").replace(/^\/+/, "");
  const inside = `/${path}`.startsWith(API.pathname) ? path.slice(API.pathname.length - 1) : path;
  if (!URL.canParse(inside, API.href)) return null;
  const url = new URL(inside, API);
  // The same as the client's own rule for where the token may go.
  const isBelow = url.origin === API.origin && url.pathname.startsWith(API.pathname) && !/%2f|%5c/i.test(url.pathname);
  return isBelow ? url : null;
}

/** @returns {Credential} */
function credential() {
  return find(byId("call-form"), "[name=credential]:checked").value;
}

/** @param {Client} client @returns {string | null} the access token that goes along */
function tokenFor(client) {
  const token = client.token?.accessToken ?? "";
  return { session: token, none: null, broken: broken(token) }[credential()];
}

/** Return the token with another signature. */
function broken(token) {
  const [header, payload, signature = ""] = token.split(".");
  return [header, payload, (signature.startsWith("A") ? "B" : "A") + signature.slice(1)].join(".");
}

/** @param {Client} client @param {(token: string) => string} written */
function curlCommand(client, written) {
  const url = target();
  if (!url) return `# ${NOT_BELOW}`;
  const token = tokenFor(client);
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const headers = [
    ...Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}`),
    ...(token === null ? [] : [`Authorization: Bearer ${written(token)}`]),
  ];
  const options = headers.map((header) => ` \\\n  --header ${quote(header)}`).join("");
  return `curl --include ${quote(url.href)}${options}`;
}

/** @param {Client} client @param {Words} words @param {number} timeout */
async function send(client, words, timeout) {
  const url = target();
  if (!url) {
    byId("call-path-error").textContent = NOT_BELOW;
    byId("call-path").setAttribute("aria-invalid", "true");
    byId("call-path").focus();
    return;
  }
  const how = credential();
  const token = tokenFor(client);
  const asked = version;
  // No server sees a fragment, and each copy that the client makes of the request keeps it.
  const mark = `call-${(sent += 1)}`;
  const marked = new URL(`#${mark}`, url);
  /** @type {RequestInit} */
  const init = { headers: { ...HEADERS }, credentials: "omit", cache: "no-store" };
  const exchange = new Exchange(mark, how);
  let problem = "";
  try {
    if (how === "session") await client.fetch(marked, init);
    else await recordingFetch(plainRequest(marked, init, token, timeout));
  } catch (error) {
    problem = error instanceof SessionEnded && !client.user ? "" : describe(error, words);
    if (how !== "session") problem = "The service cannot be reached.";
  }
  await exchange.end(problem, () => version === asked);
}

/** @param {URL} url @param {RequestInit} init @param {string | null} token @param {number} timeout */
function plainRequest(url, init, token, timeout) {
  const request = new Request(url, { ...init, redirect: "error", signal: AbortSignal.timeout(timeout) });
  if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

/** One call by hand: its own requests, and the refreshes that it has waited for. */
class Exchange {
  /** @type {Step[]} */
  #steps = [];
  /** @type {Call | null} the request under way; null while there is none, and the client may be refreshing for it */
  #underWay = null;
  #how;
  #stop;
  #ticker;
  #place = byId("call-result");

  /** @param {string} mark of the requests @param {Credential} how */
  constructor(mark, how) {
    this.#how = how;
    this.#stop = onCall((call) => this.#note(call, mark));
    this.#ticker = setInterval(() => this.#show(), TICK_MS);
    // What was there before leaves its room to what comes.
    this.#place.style.minHeight = `${this.#place.offsetHeight}px`;
    byId("call-status").textContent = "";
    this.#show();
  }

  /** @param {string} problem what went wrong, "" for nothing @param {() => boolean} isWanted whether it is to be shown */
  async end(problem, isWanted) {
    this.#stop();
    const last = this.#steps.findLast(({ isRefresh }) => !isRefresh)?.call;
    const body = (await last?.body) ?? "";
    clearInterval(this.#ticker);
    this.#place.style.minHeight = "";
    if (!isWanted()) return;
    this.#show(body);
    if (problem) this.#place.append(make("li", "form-error", problem));
    // Screen readers announce this instead of the whole exchange.
    if (last) byId("call-status").textContent = `${last.method} ${last.path}: ${statusPill(last).textContent}, ${last.ms} ms`;
  }

  /** @param {Call} call @param {string} mark */
  #note(call, mark) {
    const isOver = call.ms !== null;
    if (call.mark === mark) {
      if (!isOver) this.#steps.push({ call, isRefresh: false });
      this.#underWay = isOver ? null : call;
    } else if (isOver && !this.#underWay && this.#how === "session" && call.path.endsWith("/auth/refresh")) {
      this.#steps.push({ call, isRefresh: true });
    } else {
      return;
    }
    this.#show();
  }

  #show(body = "") {
    const parts = this.#steps.map(({ call, isRefresh }, index) => {
      const previous = this.#steps[index - 1];
      if (isRefresh) return refreshStep(call);
      return requestStep(call, this.#how, previous && !previous.isRefresh, index === this.#steps.length - 1 ? body : "");
    });
    if (!this.#steps.length) parts.push(make("li", "between muted", "The client gets a new access token first…"));
    this.#place.replaceChildren(...parts);
  }
}

/** @param {Call} call */
function refreshStep(call) {
  const words = call.note === "after a 401" ? "The token was refused, so the client asked for a new one:" : "First the client asked for a new token:";
  const line = make("p", "answer", make("code", "", `${call.method} ${call.path}`), " ", statusPill(call));
  line.append(" ", make("span", "muted", `${call.ms} ms`));
  return make("li", "between", make("p", "muted", words), line);
}

/**
 * @param {Call} call
 * @param {Credential} how
 * @param {boolean} isRepeated whether it was sent before, and no refresh of this tab is in between
 * @param {string} body
 */
function requestStep(call, how, isRepeated, body) {
  const lines = [`${call.method} ${call.path}`, ...call.headers.map(([name, value]) => `${headerName(name)}: ${value}`)];
  const parts = [];
  if (isRepeated) parts.push(make("p", "muted", "A new token was there by then, so the client sent it again:"));
  parts.push(make("pre", "request", lines.join("\n")));
  if (how === "broken") parts.push(make("p", "muted small", "The first character of the signature is another one."));
  parts.push(make("p", "answer", statusPill(call), " ", make("span", "muted", told(call))));
  if (call.answerHeaders.length) parts.push(headersOf(call));
  if (body) parts.push(make("pre", "body", pretty(body)));
  return make("li", "", ...parts);
}

/** @param {Call} call */
function told({ at, ms, error }) {
  if (ms !== null) return [error, `${ms} ms`].filter(Boolean).join(" · ");
  const seconds = Math.floor((Date.now() - at.getTime()) / 1000);
  return seconds > 0 ? `waiting for ${seconds} s` : "waiting";
}

/** @param {Call} call */
function headersOf({ answerHeaders }) {
  const text = answerHeaders.map(([name, value]) => `${headerName(name)}: ${value}`).join("\n");
  const details = make("details", "", make("summary", "", `${answerHeaders.length} headers of the answer`), make("pre", "", text));
  details.open = headersAreOpen;
  details.addEventListener("toggle", () => (headersAreOpen = details.open));
  return details;
}

/** Scripts see all names in lower case. */
function headerName(name) {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()).replace(/^Www-/, "WWW-");
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
