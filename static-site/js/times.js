/** Points in time by the clock, as numbers. */

const timeFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** @param {Date} date */
export const clockTime = (date) => timeFormat.format(date);
/** @param {Date} date */
export const dateAndTime = (date) => momentFormat.format(date);
