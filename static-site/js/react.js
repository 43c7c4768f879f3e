/**
 * Lychgate in React 18 and 19: the elements as components, and who is logged in as a hook. Nothing is built, so there is no JSX.
 * Everything can be rendered on a server, where nobody is known and an element is empty.
 */

import { createElement, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { clientOf, onRestored, restored } from "./elements/core/clients.js";

export { clientOf, shareClient } from "./elements/core/clients.js";
export { whenFresh } from "./elements/core/when-fresh.js";

/** @typedef {import("./lychgate.js").Client} Client */
/** @typedef {import("./lychgate.js").StorageMode} StorageMode */
/** @typedef {import("./lychgate.js").User} UserAccount */
/** @typedef {import("./react-jsx.d.ts").AccountProps} AccountProps */
/** @typedef {import("./react-jsx.d.ts").GuardProps} GuardProps */
/** @typedef {import("./react-jsx.d.ts").MailLinkProps} MailLinkProps */
/** @typedef {import("./react-jsx.d.ts").SignInProps} SignInProps */
/** @typedef {import("./react-jsx.d.ts").UserProps} UserProps */
/**
 * @typedef {object} SessionState
 * @property {UserAccount | null} user who is logged in
 * @property {boolean} isLoading whether the session of an earlier page is still asked for
 * @property {unknown} error why that, or the last refresh or log-out, has failed; `null` if it has not
 * @property {Client | null} client the elements' own; `null` on a server and in the first render after it
 */
/**
 * @typedef {object} Store
 * @property {(listener: () => void) => () => void} subscribe
 * @property {() => SessionState} snapshot
 */

/** @type {SessionState} */
const UNKNOWN = { user: null, isLoading: true, error: null, client: null };
const unknown = () => UNKNOWN;
/** @type {Store} */
const ON_A_SERVER = { subscribe: () => () => {}, snapshot: unknown };
/** @type {WeakMap<Client, Store>} */
const stores = new WeakMap();

/** @param {Client} client @returns {Store} */
function storeOf(client) {
  const known = stores.get(client);
  if (known) return known;
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {SessionState} */
  let now = { user: client.user, isLoading: !client.user, error: null, client };
  /** @param {unknown} [error] */
  const become = (error = null) => {
    now = { user: client.user, isLoading: false, error, client };
    for (const listener of listeners) listener();
  };
  client.onChange((change) => become(change.error));
  // That nobody is logged in is no change.
  onRestored(client, () => client.user || become());
  /** @type {Store} */
  const store = {
    subscribe(listener) {
      listeners.add(listener);
      if (now.isLoading) restored(client).then(() => now.isLoading && become(), become);
      return () => listeners.delete(listener);
    },
    snapshot: () => now,
  };
  stores.set(client, store);
  return store;
}

/**
 * Who is logged in, and the client. It is the elements' own session: a component that uses this is rendered anew when somebody
 * logs in or out, in whichever tab.
 *
 * @param {{api?: string, storage?: StorageMode}} [options] as the elements' attributes
 * @returns {SessionState}
 */
export function useSession({ api, storage } = {}) {
  const store = typeof document === "undefined" ? ON_A_SERVER : storeOf(clientOf(api, { storage }));
  return useSyncExternalStore(store.subscribe, store.snapshot, unknown);
}

/** @type {Record<string, string>} */
const EVENTS = { onLoggedIn: "logged-in", onLoggedOut: "logged-out", onError: "error", onStepUp: "step-up" };
/** @type {Record<string, string>} */
const ATTRIBUTES = { className: "class", signIn: "sign-in", forRole: "for-role" };

/**
 * @param {string} name
 * @param {() => Promise<unknown>} load its file, which only a browser can use
 * @returns {(props: any) => import("react").ReactElement}
 */
function component(name, load) {
  return function Lychgate(props) {
    const latest = useRef(props);
    useEffect(() => {
      latest.current = props;
    });
    // An element that is known begins as soon as it is in the document, which is before any effect.
    const [ref] = useState(() => {
      /** @type {AbortController | undefined} */
      let listening;
      return (/** @type {HTMLElement | null} */ element) => {
        listening?.abort();
        if (!element) return;
        const { signal } = (listening = new AbortController());
        for (const prop in EVENTS) {
          element.addEventListener("lychgate:" + EVENTS[prop], (event) => latest.current[prop]?.(event), { signal });
        }
        load().catch((error) => element.dispatchEvent(new CustomEvent("lychgate:error", { detail: { error }, bubbles: true })));
      };
    });
    /** @type {Record<string, unknown>} */
    const attributes = { ref };
    for (const [prop, value] of Object.entries(props)) {
      const isFlag = typeof value === "boolean" && !prop.includes("-");
      if (prop in EVENTS || value == null || (isFlag && !value)) continue;
      attributes[ATTRIBUTES[prop] ?? prop] = isFlag ? "" : typeof value === "boolean" ? String(value) : value;
    }
    return createElement(name, attributes);
  };
}

/** Every way to log in. @type {(props: SignInProps) => import("react").ReactElement} */
export const SignIn = component("lychgate-sign-in", () => import("./elements/sign-in.js"));
/** All that somebody can change of the account. @type {(props: AccountProps) => import("react").ReactElement} */
export const Account = component("lychgate-account", () => import("./elements/account.js"));
/** Who is logged in, and the way out; or the way in. @type {(props: UserProps) => import("react").ReactElement} */
export const User = component("lychgate-user", () => import("./elements/user.js"));
/** Shows its children to whoever is logged in. @type {(props: GuardProps) => import("react").ReactElement} */
export const Guard = component("lychgate-guard", () => import("./elements/guard.js"));
/** What a mailed link leads to. @type {(props: MailLinkProps) => import("react").ReactElement} */
export const MailLink = component("lychgate-mail-link", () => import("./elements/mail-link.js"));
