// A peer that is measured: the same contract with Node, socket.io and SQLite, as somebody would write
// it who wants every acknowledged message on disk. Passwords are not hashed: logins are not measured.
//
//   node server.mjs ADDRESS:PORT DATABASE
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";

import Database from "better-sqlite3";
import { Server } from "socket.io";

const [address, file] = process.argv.slice(2);
const [host, port] = address.split(":");

const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`
  CREATE TABLE IF NOT EXISTS users(id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE);
  CREATE TABLE IF NOT EXISTS chats(
    user_id INTEGER, chat_partner_id INTEGER, last_message_date TEXT, new_message_count INTEGER DEFAULT 0,
    UNIQUE(user_id, chat_partner_id));
  CREATE TABLE IF NOT EXISTS messages(
    id INTEGER PRIMARY KEY, sender_id INTEGER, receiver_id INTEGER, message TEXT, timestamp TEXT);
  CREATE INDEX IF NOT EXISTS messages_of_a_pair
    ON messages(min(sender_id, receiver_id), max(sender_id, receiver_id), id);
`);
const addUser = db.prepare("INSERT INTO users(username) VALUES (?) ON CONFLICT DO NOTHING");
const userNamed = db.prepare("SELECT id, username FROM users WHERE username = ?");
const usersLike = db.prepare("SELECT id, username FROM users WHERE username LIKE ? || '%' LIMIT 100");
const openChat = db.prepare("INSERT INTO chats(user_id, chat_partner_id) VALUES (?, ?) ON CONFLICT DO NOTHING");
const chatOf = db.prepare("SELECT new_message_count FROM chats WHERE user_id = ? AND chat_partner_id = ?");
const newest = db.prepare(`
  SELECT sender_id, receiver_id, message, timestamp FROM messages
  WHERE min(sender_id, receiver_id) = min(:one, :other) AND max(sender_id, receiver_id) = max(:one, :other)
  ORDER BY id DESC LIMIT :limit`);
const addMessage = db.prepare("INSERT INTO messages(sender_id, receiver_id, message, timestamp) VALUES (?, ?, ?, ?)");
const touch = db.prepare("UPDATE chats SET last_message_date = ? WHERE user_id = ? AND chat_partner_id = ?");
const count = db.prepare(`
  INSERT INTO chats(user_id, chat_partner_id, last_message_date, new_message_count) VALUES (?, ?, ?, 1)
  ON CONFLICT DO UPDATE SET last_message_date = excluded.last_message_date,
    new_message_count = new_message_count + 1`);
const send = db.transaction((sender, receiver, message, timestamp) => {
  addMessage.run(sender, receiver, message, timestamp);
  touch.run(timestamp, sender, receiver);
  count.run(receiver, sender, timestamp);
});

/** Whose each session is. */
const sessions = new Map();
const visitor = (request) => sessions.get(/session=(\w+)/.exec(request.headers.cookie ?? "")?.[1]);

const http = createServer((request, response) => {
  let body = "";
  request.on("data", (bytes) => (body += bytes));
  request.on("end", () => {
    const answer = (status, headers, text = "") => response.writeHead(status, headers).end(text);
    const form = new URLSearchParams(body);
    switch (`${request.method} ${request.url}`) {
      case "GET /login":
        return answer(200, { "content-type": "text/html" }, "<form method=post></form>");
      case "POST /register":
        addUser.run(form.get("username"));
        return answer(302, { location: "/" });
      case "POST /login": {
        const session = randomBytes(16).toString("hex");
        sessions.set(session, userNamed.get(form.get("username")));
        return answer(302, { location: "/", "set-cookie": `session=${session}; HttpOnly` });
      }
      case "POST /find":
        return answer(
          200,
          { "content-type": "application/json" },
          JSON.stringify(usersLike.all(JSON.parse(body).username)),
        );
      case "POST /add":
        openChat.run(visitor(request).id, Number(form.get("id")));
        return answer(302, { location: "/chats" });
      default:
        return answer(404, {});
    }
  });
});

const io = new Server(http);
io.use((socket, next) => {
  socket.data.user = visitor(socket.request);
  next(socket.data.user ? undefined : new Error("not logged in"));
});
io.on("connection", (socket) => {
  const user = socket.data.user;
  socket.join(`user:${user.id}`);
  socket.on("join_chat", (payload, ack) => {
    const partner = Number(payload.chat_partner_id);
    const chat = chatOf.get(user.id, partner);
    if (!chat) return ack([], 0);
    socket.data.open = partner;
    const limit = Math.max(20, chat.new_message_count);
    ack(newest.all({ one: user.id, other: partner, limit }), chat.new_message_count);
  });
  socket.on("message_sent", (payload, ack) => {
    const receiver = Number(payload.chat_partner_id);
    const { message } = payload;
    if (typeof message !== "string" || !message.trim() || message.length > 10_000) {
      return ack({ failure: "not a message" });
    }
    if (!chatOf.get(user.id, receiver)) return ack({ failure: "no such chat" });
    const timestamp = new Date().toISOString().slice(0, 19).replace("T", " ");
    send(user.id, receiver, message, timestamp);
    ack({ timestamp });
    for (const id of io.sockets.adapter.rooms.get(`user:${receiver}`) ?? []) {
      const other = io.sockets.sockets.get(id);
      if (other.data.open === user.id) {
        other.emit("message_received_from_current_chat", { message, timestamp });
      } else {
        other.emit("message_received_from_another_chat", { chatPartnerId: user.id });
      }
    }
  });
});

http.listen(Number(port), host);
