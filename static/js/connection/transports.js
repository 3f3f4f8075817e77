// Which transport a connection begins with. Long-polling works everywhere and leads to a WebSocket; where a
// WebSocket has worked before, beginning with it saves two round trips.

const KEY = `visavis:${new URL(".", location.href).pathname}:web-socket`;
const SAFE = ["polling", "websocket"];
const QUICK = ["websocket", "polling"];

/** @returns {string[]} */
export function transportsToTry() {
  return remembered() ? [...QUICK] : [...SAFE];
}

/** What to try the next time. @returns {string[]} */
export function webSocketWorks() {
  remember(true);
  return [...QUICK];
}

/** What to try the next time. @returns {string[]} */
export function webSocketFailed() {
  remember(false);
  return [...SAFE];
}

function remembered() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    // Storage may be forbidden by the browser's settings.
    return false;
  }
}

/** @param {boolean} works */
function remember(works) {
  try {
    if (works) localStorage.setItem(KEY, "works");
    else localStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}
