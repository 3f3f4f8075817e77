// A peer that is measured: the same contract with Node, socket.io and SQLite.
//
//   node server.mjs ADDRESS:PORT DATABASE
import { createServer } from "node:http";

import Database from "better-sqlite3";
import { Server } from "socket.io";

import { chatOver } from "../socket_io.mjs";

const [address, file] = process.argv.slice(2);
const [host, port] = address.split(":");
const chat = chatOver(new Database(file));

const http = createServer((request, response) => {
  let body = "";
  request.on("data", (bytes) => (body += bytes));
  request.on("end", () => {
    const [status, headers, text] = chat.answer(request.method, request.url, request.headers.cookie, body);
    response.writeHead(status, headers).end(text);
  });
});
chat.serve(new Server(http));

http.listen(Number(port), host);
