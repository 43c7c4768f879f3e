/**
 * The words of the elements: which language somebody reads, its catalogue, and texts with values in them. A catalogue is a
 * plain module of texts by their keys; what the API calls an error or a kind of event is its key. Catalogues come when they
 * are needed, so here is also how a module is loaded: in time, and again if it did not come.
 */

import { NetworkError } from "../../lychgate.js";

/** @typedef {string | Record<string, string>} Text with values such as `{name}`; an object has one for each plural form of `{count}` */
/** @typedef {Record<string, Text>} Catalogue */
/** @typedef {"steps" | "account" | "changes" | "mailed"} Area what only some elements need, or what a log-in needs beside the two forms */
/** @typedef {() => Promise<{default: Catalogue}>} Load */

// Written out, because bundlers follow no name that is put together.
/** @type {Record<string, Load>} */
const CATALOGUES = {
  en: () => import("../words/en.js"),
  de: () => import("../words/de.js"),
  fr: () => import("../words/fr.js"),
  es: () => import("../words/es.js"),
  ar: () => import("../words/ar.js"),
};
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const LIMIT_MS = 10_000;
const HAS_LANGUAGE = "[lang]:not([lang=''])";

/** What a site says in its own words, by language. @type {Record<string, Catalogue>} */
const own = {};

/**
 * Say something in other words, or in one more language: with all keys of ours, if it is one that we do not have.
 *
 * @param {string} language a BCP 47 tag, such as "nl"
 * @param {Catalogue} texts
 */
export function addWords(language, texts) {
  own[language] = { ...own[language], ...texts };
}

/** @returns {string[]} the languages that there are, as BCP 47 tags */
export function languages() {
  return [...new Set([...Object.keys(CATALOGUES), ...Object.keys(own)])];
}

/**
 * The language of an element: its own `lang`, else that of what is around it, else the browser's, else English.
 *
 * @param {Element} element
 * @returns {string}
 */
export function languageOf(element) {
  const named = around(element, HAS_LANGUAGE)?.getAttribute("lang");
  for (const wanted of named ? [named] : navigator.languages) {
    const found = closest(wanted);
    if (found) return found;
  }
  if (named && element.getAttribute("lang") === named) {
    console.warn(`No words in the language "${named}". See addWords().`);
  }
  return "en";
}

/** The nearest around it, or itself, out of shadow roots too. @param {any} element @param {string} selector @returns {any} */
function around(element, selector) {
  return element && (element.closest(selector) ?? around(element.getRootNode().host, selector));
}

/** @param {string} wanted such as "de-AT" @returns {string | undefined} such as "de" */
function closest(wanted) {
  const isPart = (/** @type {string} */ language) => `${wanted}-`.toLowerCase().startsWith(`${language}-`.toLowerCase());
  return languages().filter(isPart).sort((one, other) => other.length - one.length)[0];
}

/** @param {string} language @param {Area[]} [areas] @returns {Promise<Words>} throws as `load` does */
export async function wordsIn(language, areas = []) {
  const words = new Words(language);
  await words.load("base", ...areas);
  return words;
}

/** @param {Element} element @returns {Words} those for it, still to be loaded */
export function wordsFor(element) {
  const words = new Words(languageOf(element));
  // The nearest that names a direction or a language decides.
  words.direction = around(element, `[dir=rtl], [dir=ltr], ${HAS_LANGUAGE}`)?.dir || words.direction;
  return words;
}

/** What a file may take: as long as an answer of the API, which the client waits for. @template Result @param {Promise<Result>} loading */
export function inTime(loading) {
  return Promise.race([loading, new Promise((_, reject) => setTimeout(reject, LIMIT_MS, new NetworkError()))]);
}

/** By the URLs of the modules that did not come: when that was. @type {Record<string, number>} */
const missed = {};

/**
 * Load a module. One that did not come is loaded by another URL from then on, because browsers go on refusing it, or waiting
 * for it, until the page is reloaded.
 *
 * @template Code
 * @param {() => Promise<Code>} get the `import`, which says where the module is
 * @param {string} [base] the URL of the module that it is written in
 * @returns {Promise<Code>} throws NetworkError, of which what `import` throws is the cause
 */
export async function load(get, base = import.meta.url) {
  // A bundler may have made something else of it.
  const [, path] = /import\(.(.+?)["'`]/.exec(/** @type {any} */ (get)) ?? [];
  const url = path ? new URL(path, base).href : "";
  try {
    return await inTime(missed[url] ? import(/* @vite-ignore */ `${url}?${missed[url]}`) : get());
  } catch (cause) {
    if (url) missed[url] = Date.now();
    throw new NetworkError("", { cause });
  }
}

/** The words of one language. */
export class Words {
  /** What is said where the words do not come, until they are there. @type {Catalogue} */
  #texts = { unreachable: "The service cannot be reached. Check your connection and try again.", "try-again": "Try again" };
  /** What is said in place of a text, by its key. @type {Record<string, string>} */
  #specials = {};
  /** @type {Set<"base" | Area>} what it has of the catalogue */
  #areas = new Set();
  #plurals;
  #numbers;

  /** @param {string} language */
  constructor(language) {
    this.language = language;
    this.direction = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
    this.#plurals = new Intl.PluralRules(language);
    this.#numbers = new Intl.NumberFormat(language);
  }

  /** Get the texts of more areas. @param {...("base" | Area)} areas */
  async load(...areas) {
    const missing = areas.filter((area) => !this.#areas.has(area));
    if (!missing.length) return;
    const loaded = await Promise.all(missing.map((area) => this.#catalogue(area)));
    // What was loaded meanwhile is as it was made.
    if (missing.every((area) => this.#areas.has(area))) return;
    for (const area of missing) this.#areas.add(area);
    Object.assign(this.#texts, ...loaded.map((module) => module?.default ?? {}), own[this.language] ?? {});
  }

  /** @param {"base" | Area} area @returns {Promise<{default: Catalogue} | undefined>} */
  async #catalogue(area) {
    const get = area === "base" ? CATALOGUES[this.language] : (await load(() => import("./areas.js"))).AREAS[this.language]?.[area];
    return get && load(get);
  }

  /** Say something in the words that are meant for a special case. @param {string} key @param {string} special the key of those */
  replace(key, special) {
    this.#specials[key] = special;
  }

  /** @param {string} key @returns {boolean} */
  has(key) {
    return Object.hasOwn(this.#texts, key);
  }

  /** @param {string} key @param {Record<string, string | number>} [values] @returns {string} */
  text(key, values = {}) {
    return this.pieces(key, values).join("");
  }

  /**
   * A text with elements in it.
   *
   * @param {string} key
   * @param {Record<string, string | number | Node>} values
   * @returns {(string | Node)[]}
   */
  pieces(key, values) {
    const found = this.#texts[this.#specials[key] ?? key] ?? key;
    const template = typeof found === "string" ? found : (found[this.#plurals.select(Number(values.count))] ?? found.other);
    return template.split(/\{(\w+)\}/).map((piece, index) => {
      if (index % 2 === 0) return piece;
      const value = values[piece] ?? "";
      return typeof value === "number" ? this.#numbers.format(value) : value;
    });
  }
}
