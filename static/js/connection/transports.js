// Which transport a connection begins with. A WebSocket saves three round trips; where one has failed, connections begin
// with long-polling, which works everywhere, and turn to a WebSocket if they can.

const KEY = `visavis:${new URL(".", location.href).pathname}:web-socket-failed-at`;
/** For so long a failure is remembered: the next network may be another one. */
const REMEMBERED_MS = 24 * 3_600_000;

const QUICK = ["websocket", "polling"];
const SAFE = ["polling", "websocket"];

/** @returns {string[]} */
export function transportsToTry() {
  return Date.now() - failedAt() < REMEMBERED_MS ? [...SAFE] : [...QUICK];
}

/** What to try the next time. @returns {string[]} */
export function webSocketWorks() {
  remember(null);
  return [...QUICK];
}

/** What to try the next time. @returns {string[]} */
export function webSocketFailed() {
  remember(String(Date.now()));
  return [...SAFE];
}

function failedAt() {
  try {
    return Number(localStorage.getItem(KEY) ?? -Infinity);
  } catch {
    // Storage may be forbidden by the browser's settings.
    return -Infinity;
  }
}

/** @param {string | null} time */
function remember(time) {
  try {
    if (time === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, time);
  } catch {
    // As above.
  }
}
