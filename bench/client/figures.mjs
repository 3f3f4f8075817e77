// What the measurements of the client have in common: what they are asked, and how they answer.

/** As a browser keeps it. @typedef {{ name: string, value: string }} Cookie */

/**
 * What the program that measures asks, as JSON in the first argument.
 * @template Question
 * @returns {Question}
 */
export function asked() {
  return JSON.parse(process.argv[2]);
}

/**
 * Prints a figure of one run, as that program reads it.
 * @param {string} what @param {string} unit @param {number} value
 */
export function report(what, unit, value) {
  console.log(JSON.stringify({ what, unit, value }));
}

/** @param {string} cookie as in the header @returns {Cookie} */
export function cookieOf(cookie) {
  const [name, value] = cookie.split("=");
  return { name, value };
}
