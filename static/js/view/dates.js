// Times of messages, in the reader's zone and language.

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/**
 * Reads the server's `YYYY-MM-DD HH:MM:SS`, which is UTC.
 * @param {string} timestamp
 * @returns {Date | null} null when it is no time: an old database may hold anything
 */
export function parseTimestamp(timestamp) {
  const date = new Date(`${timestamp.replace(" ", "T")}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** @param {Date} date */
export function timeText(date) {
  return time.format(date);
}

/** @param {Date} date */
export function fullText(date) {
  return full.format(date);
}

/**
 * The same text for all moments of one local day.
 * @param {Date} date
 */
export function dayKey(date) {
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/**
 * A day as people call it.
 * @param {Date} date
 */
export function dayText(date) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (dayKey(date) === dayKey(today)) return "Today";
  if (dayKey(date) === dayKey(yesterday)) return "Yesterday";
  return (date.getFullYear() === today.getFullYear() ? day : dayAndYear).format(date);
}
