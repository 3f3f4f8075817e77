// A peer that is measured: the same contract with Bun's own HTTP server, WebSockets and SQLite.
// @socket.io/bun-engine is what brings them to socket.io.
//
//   bun server.mjs ADDRESS:PORT DATABASE
import { Database } from "bun:sqlite";

import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";

import { chatOver } from "../socket_io.mjs";

const [address, file] = process.argv.slice(2);
const [hostname, port] = address.split(":");
// Strict, it takes the names of parameters without their colon, as better-sqlite3 does.
const chat = chatOver(new Database(file, { strict: true }));

const io = new Server();
const path = "/socket.io/";
const engine = new Engine({ path });
io.bind(engine);
chat.serve(io);

Bun.serve({
  ...engine.handler(),
  hostname,
  port: Number(port),
  async fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === path) return engine.handleRequest(request, server);
    const [status, headers, text] = chat.answer(
      request.method,
      pathname,
      request.headers.get("cookie"),
      await request.text(),
    );
    return new Response(text, { status, headers });
  },
});
