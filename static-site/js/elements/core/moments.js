/**
 * Points in time as people say them: "3 minutes ago", "yesterday, 14:03". Owns the timer that keeps them true while they
 * are shown. Says no more than is known: the API rounds the last use of a session down to the hour.
 */

import { make } from "./dom.js";

/** @typedef {import("./languages.js").Words} Words */

const TICK_MS = 20_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** An answer may have been on its way for as long, and clocks differ. */
const NOW_MS = 45_000;
/** For as long after midnight, the evening before is still told in hours. */
const RECENT_MS = 6 * HOUR_MS;
const DAYS_TOLD = 6;

/** @type {Record<string, (words: Words, date: Date, now: Date) => string>} by the `data-told` of an element */
const TELL = { ago, lastUse };

/** @type {WeakMap<Element, Words>} in what words a time is told */
const told = new WeakMap();
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticker;

/**
 * @param {Words} words
 * @param {string} timestamp of the API; what is no time is shown as it is
 * @param {"ago" | "lastUse"} [how] it is told
 * @returns {HTMLTimeElement | HTMLSpanElement}
 */
export function moment(words, timestamp, how = "ago") {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return make("span", "", timestamp);
  const element = make("time", "", TELL[how](words, date, new Date()));
  element.dateTime = timestamp;
  element.title = how === "lastUse" ? hourOf(words, date) : exactly(words, date);
  element.dataset.told = how;
  told.set(element, words);
  start();
  return element;
}

/** @param {Words} words @param {string} timestamp @returns {string} the day, for what happened long ago */
export function day(words, timestamp) {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? timestamp : format(words, date, { dateStyle: "long" });
}

/** @param {Words} words @param {Date} date @param {Date} now @returns {string} */
export function ago(words, date, now) {
  const elapsed = now.getTime() - date.getTime();
  if (elapsed < NOW_MS) return words.text("just-now");
  if (elapsed < HOUR_MS) return relative(words, Math.max(1, Math.floor(elapsed / MINUTE_MS)), "minute");
  const days = daysBetween(date, now);
  if (days < 1 || elapsed < RECENT_MS) return relative(words, Math.floor(elapsed / HOUR_MS), "hour");
  const name = days <= DAYS_TOLD ? relative(words, days, "day") : shortDay(words, date);
  return words.text("day-and-time", { day: name, time: minute(words, date) });
}

/**
 * Say when a session was used last, of which only the hour is known: at some time in the hour after a date.
 *
 * @param {Words} words @param {Date} date @param {Date} now @returns {string}
 */
export function lastUse(words, date, now) {
  const elapsed = now.getTime() - date.getTime();
  if (elapsed < DAY_MS) return words.text("used-within-hours", { count: Math.max(0, Math.floor(elapsed / HOUR_MS)) + 1 });
  const days = daysBetween(date, now);
  if (days <= DAYS_TOLD) return words.text("last-used", { when: relative(words, days, "day") });
  return words.text("last-used-on", { day: shortDay(words, date) });
}

/** Tell the times anew while there are some: a page in the background is slow to tick, but knows when it is looked at. */
function start() {
  if (ticker) return;
  ticker = setInterval(update, TICK_MS);
  document.addEventListener("visibilitychange", update);
}

function update() {
  const now = new Date();
  const elements = /** @type {HTMLTimeElement[]} */ ([...document.querySelectorAll("time[data-told]")]);
  for (const element of elements) {
    const words = told.get(element);
    const text = words && TELL[element.dataset.told ?? ""]?.(words, new Date(element.dateTime), now);
    if (text && element.textContent !== text) element.textContent = text;
  }
  if (elements.some((element) => told.has(element))) return;
  clearInterval(ticker);
  ticker = undefined;
  document.removeEventListener("visibilitychange", update);
}

/** @param {Words} words @param {Date} date */
function hourOf(words, date) {
  const end = new Date(date.getTime() + HOUR_MS);
  return words.text("last-used-between", { from: exactly(words, date), to: minute(words, end) });
}

/** @param {Words} words @param {number} count @param {Intl.RelativeTimeFormatUnit} unit */
function relative({ language }, count, unit) {
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-count, unit);
}

/** @param {Words} words @param {Date} date */
function shortDay(words, date) {
  return format(words, date, { dateStyle: "medium" });
}

/** @param {Words} words @param {Date} date */
function minute(words, date) {
  return format(words, date, { timeStyle: "short" });
}

/** @param {Words} words @param {Date} date */
function exactly(words, date) {
  return format(words, date, { dateStyle: "medium", timeStyle: "medium" });
}

/** Days before months, and the hours of a whole day. @param {Words} words @param {Date} date @param {Intl.DateTimeFormatOptions} how */
function format({ language }, date, how) {
  return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, how).format(date);
}

/** @returns {number} how many midnights are between two dates, here */
function daysBetween(date, now) {
  const midnight = (moment) => Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate());
  return Math.round((midnight(now) - midnight(date)) / DAY_MS);
}
