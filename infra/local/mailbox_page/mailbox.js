/* Shows what the server lists, and asks it for news while somebody looks. The mail's own HTML stays in its frame. */

const { source, parts, one, many, interval } = document.body.dataset;
const elements = Object.fromEntries(
  ["count", "empty", "list", "letter", "trouble"].map((id) => [id, document.getElementById(id)]),
);
const rows = elements.list.querySelector("ol");
const title = document.title;
const wide = matchMedia("(min-width: 52rem)");
const LINK = /https?:\/\/[^\s<>"]+/g;

let letters = [];
let version = null;
let shown = null;
let read = null;
let part = "html";
let timer = null;
let known = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, "");
    else if (value !== false) made.setAttribute(attribute, value);
  }
  made.append(...children);
  return made;
}

/* What the address names, or in a wide window the first. */
function chosen() {
  const name = decodeURIComponent(location.hash.slice(1));
  return letters.find((letter) => letter.id === name) ?? (wide.matches && name === "" ? letters[0] : undefined);
}

function moment(letter) {
  const at = new Date(letter.at * 1000);
  const today = at.toDateString() === new Date().toDateString();
  const shape = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return element("time", { datetime: at.toISOString() }, at.toLocaleString([], shape));
}

/* What is wrong with a template is told in the language of this page. */
function languageOf(letter) {
  return letter.broken ? false : (letter.language ?? false);
}

function row(letter, current) {
  const link = element("a", { href: address(letter), "aria-current": current ? "true" : false });
  const facts = element("span", { class: "facts" }, element("span", { class: "to" }, letter.to));
  facts.append(letter.at ? moment(letter) : (letter.language ?? ""));
  const subject = { class: letter.broken ? "subject broken" : "subject", lang: languageOf(letter) };
  link.append(element("span", subject, letter.subject), facts);
  return element("li", { class: known && !known.has(letter.id) ? "new" : false }, link);
}

/* A mail's text, with its links as links. */
function readable(text) {
  const plain = element("pre");
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    plain.append(text.slice(end, found.index), element("a", { href: found[0], target: "_blank" }, found[0]));
    end = found.index + found[0].length;
  }
  plain.append(text.slice(end));
  return plain;
}

function shownPart(letter) {
  if (part === "text" || letter.broken) return readable(letter.text);
  return element("iframe", {
    src: `${parts}${letter.id}.html`,
    title: `HTML part of “${letter.subject}”`,
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    referrerpolicy: "no-referrer",
  });
}

function partButton(letter, name, label) {
  const button = element("button", { type: "button", "aria-pressed": String(part === name) }, label);
  button.addEventListener("click", () => {
    part = name;
    showLetter(letter);
    elements.letter.querySelector('[aria-pressed="true"]').focus();
  });
  return button;
}

function facts(letter) {
  const listed = element("dl");
  const add = (name, value) => listed.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  if (letter.from) add("From", letter.from);
  add(letter.from ? "To" : letter.language ? "Template" : "Path", letter.to);
  if (letter.at) add("Sent", moment(letter));
  if (letter.language) add("Language", letter.language);
  return listed;
}

function showLetter(letter) {
  const back = element("a", { href: "#", class: "back" }, `‹ All ${many}`);
  const head = element("h2", { id: "subject", tabindex: "-1", lang: languageOf(letter) }, letter.subject);
  const choice = element("div", { class: "parts", role: "group", "aria-label": "Part" });
  choice.append(partButton(letter, "html", "HTML"), partButton(letter, "text", "Text"));
  elements.letter.replaceChildren(back, head, facts(letter), ...(letter.broken ? [] : [choice]), shownPart(letter));
}

function address(letter) {
  return `#${encodeURIComponent(letter.id)}`;
}

/* The row of what an address names, undefined if it is there no more. */
function rowAt(named) {
  return [...rows.querySelectorAll("a")].find((link) => link.getAttribute("href") === named);
}

/* A narrow window has the list alone after a mail was read: it goes on where that stands. */
function goOnAfter(named) {
  const link = rowAt(named) ?? rows.querySelector("a");
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: "center" });
}

function show() {
  const letter = chosen();
  elements.count.textContent = letters.length === 1 ? `1 ${one}` : `${letters.length} ${many}`;
  document.title = letters.length ? `(${letters.length}) ${title}` : title;
  elements.empty.hidden = letters.length > 0;
  elements.list.hidden = letters.length === 0;
  const focused = rows.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  rows.replaceChildren(...letters.map((each) => row(each, each === letter)));
  if (focused) rowAt(focused)?.focus();
  document.body.classList.toggle("reading", letter !== undefined);
  elements.letter.hidden = letter === undefined;
  const now = JSON.stringify(letter);
  if (letter && now !== shown) {
    showLetter(letter);
    rows.querySelector("[aria-current]").scrollIntoView({ block: "nearest" });
  }
  if (!letter) elements.letter.replaceChildren();
  if (!letter && read !== null) goOnAfter(read);
  read = letter ? address(letter) : null;
  shown = now;
}

async function update() {
  try {
    const headers = version === null ? {} : { "If-None-Match": version };
    const response = await fetch(source, { headers, cache: "no-store" });
    elements.trouble.hidden = response.ok || response.status === 304;
    if (response.ok) {
      const listed = await response.json();
      version = response.headers.get("ETag");
      letters = listed;
      show();
      known = new Set(letters.map((letter) => letter.id));
    } else if (response.status !== 304) {
      elements.trouble.textContent = "The server failed. Its terminal says why.";
    }
  } catch {
    elements.trouble.textContent = "The server does not answer. This page goes on when it runs again.";
    elements.trouble.hidden = false;
  }
}

/* Asks again and again, one request at a time, and not at all in a tab that nobody sees. */
async function watch() {
  clearTimeout(timer);
  timer = null;
  if (document.hidden) return;
  await update();
  clearTimeout(timer);
  timer = setTimeout(watch, Number(interval));
}

/* The browser would go to where the window was, which is another place in a list that has grown or was hidden. */
history.scrollRestoration = "manual";
addEventListener("hashchange", () => {
  show();
  const head = elements.letter.querySelector("h2");
  if (head) scrollTo(0, 0);
  head?.focus();
});
wide.addEventListener("change", show);
document.addEventListener("visibilitychange", watch);
watch();
