// What the two peers share that are written with socket.io in JavaScript: their tables, their pages and
// their events, as somebody would write them who wants every acknowledged message on disk. Passwords are
// not hashed: logins are not measured.
import { randomBytes } from "node:crypto";

/**
 * A chat over `db`, which better-sqlite3 or bun:sqlite has opened: they are used alike.
 * Gives `answer` for its pages, and `serve` for its sockets.
 */
export function chatOver(db) {
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
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
  const visitor = (cookie) => sessions.get(/session=(\w+)/.exec(cookie ?? "")?.[1]);

  /** The status, the headers and the text of a page. */
  function answer(method, path, cookie, body) {
    const form = new URLSearchParams(body);
    switch (`${method} ${path}`) {
      case "GET /login":
        return [200, { "content-type": "text/html" }, "<form method=post></form>"];
      case "POST /register":
        addUser.run(form.get("username"));
        return [302, { location: "/" }, ""];
      case "POST /login": {
        const session = randomBytes(16).toString("hex");
        sessions.set(session, userNamed.get(form.get("username")));
        return [302, { location: "/", "set-cookie": `session=${session}; HttpOnly` }, ""];
      }
      case "POST /find": {
        const found = usersLike.all(JSON.parse(body).username);
        return [200, { "content-type": "application/json" }, JSON.stringify(found)];
      }
      case "POST /add":
        openChat.run(visitor(cookie).id, Number(form.get("id")));
        return [302, { location: "/chats" }, ""];
      default:
        return [404, {}, ""];
    }
  }

  /** Answers the sockets of `io`. */
  function serve(io) {
    io.use((socket, next) => {
      socket.data.user = visitor(socket.handshake.headers.cookie);
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
  }

  return { answer, serve };
}
