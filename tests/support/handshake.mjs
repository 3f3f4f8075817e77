// The beginning of a socket by hand, to see how the server answers it.

import { randomBytes } from "node:crypto";
import { get } from "node:http";

/** @typedef {import("./server.mjs").Server} Server */

/**
 * @typedef {object} Handshake
 * @property {number | undefined} status
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {string} body empty over a WebSocket that was opened
 * @property {() => void} close ends the connection, and so a WebSocket
 */

/**
 * Asks the server for a socket.
 * @param {Server} server @param {string} transport @param {Record<string, string>} headers
 * @param {string} [further] of the query
 * @returns {Promise<Handshake>}
 */
export function handshake(server, transport, headers, further = "") {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  return new Promise((resolve, reject) => {
    const request = get(`${server.url}/socket.io/?EIO=4&transport=${transport}${further}`, {
      agent: false,
      headers: { ...(transport === "websocket" ? upgrade : {}), ...headers },
    });
    request.on("response", async (response) => {
      let body = "";
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, headers: response.headers, body, close: () => response.destroy() });
    });
    request.on("upgrade", (response, socket) => {
      socket.on("error", () => {}); // it may be cut off
      resolve({ status: response.statusCode, headers: response.headers, body: "", close: () => socket.destroy() });
    });
    request.on("error", reject);
  });
}
