/**
 * Say something in other words, or in one more language: with all keys of ours, if it is one that we do not have.
 *
 * @param {string} language a BCP 47 tag, such as "nl"
 * @param {Catalogue} texts
 */
export function addWords(language: string, texts: Catalogue): void;
/** @returns {string[]} the languages that there are, as BCP 47 tags */
export function languages(): string[];
/**
 * The language of an element: its own `lang`, else that of what is around it, else the browser's, else English.
 *
 * @param {Element} element
 * @returns {string}
 */
export function languageOf(element: Element): string;
/** @param {string} language @param {Area[]} [areas] @returns {Promise<Words>} throws as `load` does */
export function wordsIn(language: string, areas?: Area[]): Promise<Words>;
/** @param {Element} element @returns {Words} those for it, still to be loaded */
export function wordsFor(element: Element): Words;
/** What a file may take: as long as an answer of the API, which the client waits for. @template Result @param {Promise<Result>} loading */
export function inTime<Result>(loading: Promise<Result>): Promise<any>;
/**
 * Load a module. One that did not come is loaded by another URL from then on, because browsers go on refusing it, or waiting
 * for it, until the page is reloaded.
 *
 * @template Code
 * @param {() => Promise<Code>} get the `import`, which says where the module is
 * @param {string} [base] the URL of the module that it is written in
 * @returns {Promise<Code>} throws NetworkError, of which what `import` throws is the cause
 */
export function load<Code>(get: () => Promise<Code>, base?: string): Promise<Code>;
/** The words of one language. */
export class Words {
    /** @param {string} language */
    constructor(language: string);
    language: string;
    direction: string;
    /** Get the texts of more areas. @param {...("base" | Area)} areas */
    load(...areas: ("base" | Area)[]): Promise<void>;
    /** Say something in the words that are meant for a special case. @param {string} key @param {string} special the key of those */
    replace(key: string, special: string): void;
    /** @param {string} key @returns {boolean} */
    has(key: string): boolean;
    /** @param {string} key @param {Record<string, string | number>} [values] @returns {string} */
    text(key: string, values?: Record<string, string | number>): string;
    /**
     * A text with elements in it.
     *
     * @param {string} key
     * @param {Record<string, string | number | Node>} values
     * @returns {(string | Node)[]}
     */
    pieces(key: string, values: Record<string, string | number | Node>): (string | Node)[];
    #private;
}
/**
 * with values such as `{name}`; an object has one for each plural form of `{count}`
 */
export type Text = string | Record<string, string>;
export type Catalogue = Record<string, Text>;
/**
 * what only some elements need, or what a log-in needs beside the two forms
 */
export type Area = "steps" | "account" | "changes" | "mailed";
export type Load = () => Promise<{
    default: Catalogue;
}>;
