/** The controls of the gallery: they choose what is shown, and theme it by custom properties in every frame at once. */

import { languages } from "./js/elements/core/languages.js";
import { COLOURS, FONTS, LENGTHS, STATES } from "./states.js";

const FRAME = new URL("frame.html", import.meta.url);
const find = (name) => /** @type {any} */ (document.getElementById(`gallery-${name}`));
/** What differs from what the elements say themselves. @type {Map<string, string>} */
const chosen = new Map();

const own = Object.keys(STATES).map((name) => new Option(`<${name}>`, name));
find("element").append(...own);
const names = new Intl.DisplayNames("en", { type: "language" });
find("language").append(...languages().map((tag) => new Option(names.of(tag), tag)));
find("theme").value = isDark() ? "dark" : "light";
for (const [property, values] of Object.entries(COLOURS)) addColour(property, values);
for (const [property, range] of Object.entries(LENGTHS)) addLength(property, range);
find("font").addEventListener("change", ({ target }) => choose("--lychgate-font", FONTS[target.value]));
for (const name of ["language", "theme", "direction"]) find(name).addEventListener("change", showAll);
find("element").addEventListener("change", () => (listStates(), showAll()));
find("state").addEventListener("change", showOne);
find("width").addEventListener("input", narrow);
find("reset").addEventListener("click", reset);
listStates();
showAll();

function isDark() {
  const { theme } = document.body.dataset;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function listStates() {
  const options = STATES[find("element").value].map(({ title }, number) => new Option(title, `${number}`));
  find("state").replaceChildren(...options);
}

/** @param {string} element @param {number} state */
function addressOf(element, state) {
  const asked = { element, state: `${state}`, lang: find("language").value, dir: find("direction").value, theme: find("theme").value };
  return `${FRAME}?${new URLSearchParams(asked)}`;
}

/** @param {HTMLIFrameElement} frame @param {string} element @param {number} state */
function show(frame, element, state) {
  frame.title = `<${element}>: ${STATES[element][state].title}`;
  frame.onload = () => {
    const page = frame.contentDocument;
    if (!page) return;
    for (const [property, value] of chosen) page.documentElement.style.setProperty(property, value);
    const fit = () => (frame.style.height = `${page.body.offsetHeight + 2}px`);
    new ResizeObserver(fit).observe(page.body);
    fit();
  };
  frame.src = addressOf(element, state);
}

function showOne() {
  const [element, state] = [find("element").value, Number(find("state").value)];
  show(find("frame"), element, state);
  find("tip").textContent = STATES[element][state].tip ?? "";
}

/** The chosen element, and below it each of its states. */
function showAll() {
  showOne();
  const element = find("element").value;
  const figures = STATES[element].map(({ title }, state) => {
    const frame = Object.assign(document.createElement("iframe"), { loading: "lazy" });
    show(frame, element, state);
    const figure = document.createElement("figure");
    figure.append(Object.assign(document.createElement("figcaption"), { textContent: title }), frame);
    return figure;
  });
  find("states").replaceChildren(...figures);
}

/** @param {string} property @param {string} value "" for that of the elements */
function choose(property, value) {
  if (value) chosen.set(property, value);
  else chosen.delete(property);
  for (const frame of document.querySelectorAll("iframe")) {
    frame.contentDocument?.documentElement.style.setProperty(property, value);
  }
  const lines = [...chosen].map(([name, text]) => `  ${name}: ${text};`);
  find("css").textContent = lines.length ? `:root {\n${lines.join("\n")}\n}` : "/* nothing is changed */";
}

/** @param {string} property @param {string[]} values by day and by night */
function addColour(property, [day, night]) {
  const input = Object.assign(document.createElement("input"), { type: "color", value: isDark() ? night : day });
  input.addEventListener("input", () => choose(property, input.value));
  addControl(property, input);
}

/** @param {string} property @param {{least: number, most: number, usual: number, unit: string}} range */
function addLength(property, { least, most, usual, unit }) {
  const input = Object.assign(document.createElement("input"), { type: "range", min: least, max: most, value: usual });
  input.addEventListener("input", () => choose(property, `${input.value}${unit}`));
  addControl(property, input);
}

/** @param {string} property @param {HTMLInputElement} input */
function addControl(property, input) {
  const label = document.createElement("label");
  label.append(input, Object.assign(document.createElement("code"), { textContent: property }));
  find("properties").append(label);
}

function narrow() {
  const { value, max } = find("width");
  find("frame").style.width = value === max ? "100%" : `${value}px`;
}

function reset() {
  for (const property of [...chosen.keys()]) choose(property, "");
  find("form").reset();
  find("theme").value = isDark() ? "dark" : "light";
  const inputs = find("properties").querySelectorAll("input");
  Object.values(COLOURS).forEach(([day, night], number) => (inputs[number].value = isDark() ? night : day));
  narrow();
  listStates();
  showAll();
}
