/**
 * Points in time as people say them: "3 minutes ago", "yesterday, 14:03". Owns the timer that keeps them true while the
 * page is open. Says no more than is known: the API rounds the last use of a session down to the hour.
 */

import { make } from "./dom.js";

const TICK_MS = 20_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** An answer may have been on its way for as long, and clocks differ. */
const NOW_MS = 45_000;
/** For as long after midnight, the evening before is still told in hours. */
const RECENT_MS = 6 * HOUR_MS;
const DAYS_TOLD = 6;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const dateFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });
const shortDateFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** @type {Record<string, (date: Date, now: Date) => string>} by the `data-told` of an element */
const TELL = { ago, lastUse };

/** @type {ReturnType<typeof setInterval> | undefined} */
let ticker;

/**
 * @param {string} timestamp of the API; what is no time is shown as it is
 * @param {"ago" | "lastUse"} [told] how it is told
 * @returns {HTMLTimeElement | HTMLSpanElement}
 */
export function moment(timestamp, told = "ago") {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return make("span", "", timestamp);
  const element = make("time", "", TELL[told](date, new Date()));
  element.dateTime = timestamp;
  element.title = told === "lastUse" ? hourOf(date) : momentFormat.format(date);
  element.dataset.told = told;
  ticker ??= setInterval(update, TICK_MS);
  return element;
}

/** @param {string} timestamp @returns {string} the day, for what happened long ago */
export function day(timestamp) {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? timestamp : dateFormat.format(date);
}

/** @param {Date} date @param {Date} now @returns {string} */
export function ago(date, now) {
  const elapsed = now.getTime() - date.getTime();
  if (elapsed < NOW_MS) return "just now";
  if (elapsed < HOUR_MS) return relative.format(-Math.max(1, Math.floor(elapsed / MINUTE_MS)), "minute");
  const days = daysBetween(date, now);
  if (days < 1 || elapsed < RECENT_MS) return relative.format(-Math.floor(elapsed / HOUR_MS), "hour");
  const name = days <= DAYS_TOLD ? relative.format(-days, "day") : shortDateFormat.format(date);
  return `${name}, ${minuteFormat.format(date)}`;
}

/**
 * Say when a session was used last, of which only the hour is known: at some time in the hour after a date.
 *
 * @param {Date} date @param {Date} now @returns {string}
 */
export function lastUse(date, now) {
  const elapsed = now.getTime() - date.getTime();
  if (elapsed < HOUR_MS) return "used within the last hour";
  if (elapsed < DAY_MS) return `used within the last ${Math.floor(elapsed / HOUR_MS) + 1} hours`;
  const days = daysBetween(date, now);
  return days <= DAYS_TOLD ? `last used ${relative.format(-days, "day")}` : `last used on ${shortDateFormat.format(date)}`;
}

/** Tell the times of the page again. A page in the background is slow to tick, but knows when it is looked at. */
function update() {
  const now = new Date();
  for (const element of document.querySelectorAll("time[data-told]")) {
    const { dateTime, dataset } = /** @type {HTMLTimeElement} */ (element);
    const text = TELL[/** @type {string} */ (dataset.told)](new Date(dateTime), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

document.addEventListener("visibilitychange", update);

function hourOf(date) {
  return `Last used between ${momentFormat.format(date)} and ${minuteFormat.format(date.getTime() + HOUR_MS)}`;
}

/** @returns {number} how many midnights are between two dates, here */
function daysBetween(date, now) {
  const midnight = (moment) => Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate());
  return Math.round((midnight(now) - midnight(date)) / DAY_MS);
}
