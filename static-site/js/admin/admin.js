/**
 * The page of administrators, as far as everybody loads it. It asks the API who is there. Only for an administrator it
 * loads the rest; all others read why not. When an administrator is none any more, or is logged out, nothing stays.
 */

import { byId } from "../by-id.js";
import { find, partSelector, whileBusy } from "../elements/core/dom.js";
import { wordsIn } from "../elements/core/languages.js";
import { describe } from "../elements/core/messages.js";
import { createClient, NetworkError, SessionEnded } from "../lychgate.js";

const ROLE = "admin";
const VIEWS = ["loading", "refused", "administration"];
const NOBODY = { title: "Log in first", text: "This page is for administrators, and nobody is logged in here.", next: "Log in" };
const OUT = { title: "You are logged out", text: "This page is for administrators who are logged in.", next: "Log in" };
const OTHER = {
  title: "This page is for administrators",
  text: "Your account is none of theirs. If it should be, ask somebody who is one.",
  next: "To your account",
};
const FORMER = {
  title: "You are no administrator any more",
  text: "Your account has lost the role that this page needs. What was shown here is gone.",
  next: "To your account",
};

// The page speaks English, and so do the messages of errors in it.
const words = await wordsIn("en", ["steps"]);
const client = createClient();
/** @type {import("../elements/core/view.js").View["notice"] | undefined} once an administrator is there */
let notice;
/** Which of the views is shown. */
let view = "loading";
/** Whom the page is open for, "" for nobody. */
let openFor = "";
let isEntering = false;

client.onChange(({ type, error }) => {
  if (type === "logged-out") refuse(view === "loading" ? NOBODY : OUT);
  else if (type === "logged-in") arrive();
  else if (type === "refreshed" && openFor && !isAdministrator(client.user)) refuse(FORMER);
  else if (type === "refresh-failed" && view === "loading") fail(error);
});
byId("loading-retry").addEventListener("click", () => whileBusy(byId("loading-retry"), open));

open();

async function open() {
  try {
    if (client.user || (await client.restore())) await enter();
    else refuse(NOBODY);
  } catch {
    // The listener has shown it.
  }
}

/** Somebody has logged in: here when the page opens, and in another tab later. */
function arrive() {
  if (view === "loading") enter();
  else if (client.user?.id !== openFor) location.reload();
}

async function enter() {
  if (isEntering) return;
  isEntering = true;
  try {
    const { user } = await client.json("GET", "me");
    if (!isAdministrator(user)) return refuse(OTHER);
    const { startAdministration } = await loaded(import("./administration.js"));
    notice = await startAdministration(client, words, { refuse: () => refuse(FORMER) });
    // Meanwhile the session may have ended.
    if (view !== "loading" || client.user?.id !== user.id) return;
    openFor = user.id;
    show("administration");
  } catch (error) {
    if (!(error instanceof SessionEnded)) fail(error);
  } finally {
    isEntering = false;
  }
}

/** @param {import("../lychgate.js").User | null} user */
function isAdministrator(user) {
  return !!user?.roles.includes(ROLE);
}

/** @param {Promise<any>} code that is being loaded */
async function loaded(code) {
  try {
    return await code;
  } catch (cause) {
    throw new NetworkError("", { cause });
  }
}

/** Show nothing any more but why. @param {typeof NOBODY} why */
function refuse({ title, text, next }) {
  openFor = "";
  document.querySelectorAll("dialog").forEach(dismiss);
  byId("administration").replaceChildren();
  notice?.hush();
  byId("refused-title").textContent = title;
  byId("refused-text").textContent = text;
  byId("refused-next").textContent = next;
  const here = encodeURIComponent(location.pathname + location.hash);
  byId("refused-next").href = client.user ? "/" : `/?return=${here}`;
  document.title = `${title} · Lychgate`;
  show("refused");
}

/** Close a dialog, also one that opens again by itself, and forget what is in it. @param {HTMLDialogElement} dialog */
function dismiss(dialog) {
  if (!dialog.open) return dialog.remove();
  dialog.addEventListener("close", () => dialog.remove());
  dialog.close();
}

function fail(error) {
  const part = (name) => find(byId("loading"), partSelector(name));
  part("waiting").hidden = true;
  part("failed").hidden = false;
  byId("loading-error").textContent = describe(error, words);
}

/** @param {string} name */
function show(name) {
  const isFirst = view === "loading" && document.activeElement === document.body;
  view = name;
  for (const each of VIEWS) byId(each).hidden = each !== name;
  // When the page opens, the focus stays where the browser put it.
  if (!isFirst) byId(name).querySelector("h1")?.focus();
}
