// The bytes of a WebSocket's client, for peers that no library would be.

import { randomBytes } from "node:crypto";

/**
 * The request that opens a WebSocket for a socket.
 * @param {string} host with its port @param {string} [cookie] of a session; none for a stranger
 */
export function opening(host, cookie) {
  const head = [
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...(cookie ? [`Cookie: ${cookie}`] : []),
  ];
  return `${head.join("\r\n")}\r\n\r\n`;
}

/** A masked frame of a client. @param {number} opcode @param {string | Buffer} content */
export function frame(opcode, content, isLast = true) {
  const bytes = Buffer.from(content);
  const length =
    bytes.length < 126
      ? Buffer.from([0x80 | bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([0x80 | 126, bytes.length >> 8, bytes.length & 255])
        : Buffer.from([0x80 | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (bytes.length >> shift) & 255)]);
  // A mask of zeros is a mask.
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode]), length, Buffer.alloc(4), bytes]);
}
