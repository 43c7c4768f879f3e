/** What a User-Agent tells of a device, in a few words. A client can send any: nothing here is proof. */

import { make } from "./dom.js";

/** @typedef {import("./languages.js").Words} Words */

/** The first that matches counts: most browsers name those that they want to be taken for, too. */
const BROWSERS = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\b(OPR|OPiOS|Opera)\b/, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bVivaldi\//, "Vivaldi"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/(Chrome|Chromium|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS = [
  [/\biPhone\b/, "iPhone", "phone"],
  [/\biPad\b/, "iPad", "phone"],
  [/\bAndroid\b/, "Android", "phone"],
  [/\bCrOS\b/, "ChromeOS", "computer"],
  [/\bWindows\b/, "Windows", "computer"],
  [/\b(Macintosh|Mac OS X)\b/, "Mac", "computer"],
  [/\b(Linux|X11)\b/, "Linux", "computer"],
];
const PROGRAMS = [
  [/^curl\//, "curl"],
  [/^Wget\//, "Wget"],
  [/^(python|Python)-/, "Python"],
  [/^(node|undici)\b/, "Node.js"],
];

/**
 * @param {Words} words
 * @param {string} userAgent
 * @returns {{name: string, kind: string}} such as "Firefox on Windows", and "phone", "computer" or "program"
 */
export function device(words, userAgent) {
  const first = (known) => known.find(([pattern]) => pattern.test(userAgent)) ?? [];
  const [, browser] = first(BROWSERS);
  const [, system, kind] = first(SYSTEMS);
  if (browser && system) return { name: words.text("browser-on-system", { browser, system }), kind };
  const [, program] = first(PROGRAMS);
  return { name: program ?? (userAgent.trim() || words.text("unknown-device")), kind: "program" };
}

/** @param {Words} words @param {string} userAgent @param {string} [tag] @returns {any} its device's name, with all of it in the title */
export function deviceName(words, userAgent, tag = "span") {
  const element = make(tag, "device", device(words, userAgent).name);
  element.title = userAgent;
  return element;
}
