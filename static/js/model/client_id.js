// Ids for messages that are still on their way.

/** The time in the newest id. */
let newest = 0;

/**
 * A UUID of version 7: the time in milliseconds, then random bits. Ids of one page grow, so they sort by the
 * time of writing. `crypto.randomUUID` would not do: browsers hide it from pages that come over plain http.
 * @returns {string}
 */
export function newClientId() {
  newest = Math.max(Date.now(), newest + 1);
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = newest;
  for (let place = 5; place >= 0; place -= 1) {
    bytes[place] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
