"""A peer that is measured: the same contract with python-socketio on uvicorn, and SQLite.

As somebody would write it who wants every acknowledged message on disk: one thread waits for SQLite, and
the event loop does not. Passwords are not hashed: logins are not measured.

    python server.py ADDRESS:PORT DATABASE
"""

import asyncio
import secrets
import sqlite3
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route

address, database = sys.argv[1:3]
host, port = address.split(":")

# Used by one thread at a time: this one until the server starts, then the only one of `disk`.
db = sqlite3.connect(database, check_same_thread=False)
db.row_factory = sqlite3.Row
db.executescript(
    """
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
    """
)

# Whose each session is.
sessions = {}
# The sockets of each user, and the chat that each socket has open.
sockets = defaultdict(dict)


disk = ThreadPoolExecutor(max_workers=1)


async def on_disk(work, *arguments):
    return await asyncio.get_running_loop().run_in_executor(disk, work, *arguments)


def rows(sql, *values):
    return [dict(row) for row in db.execute(sql, values)]


def write(sql, *values):
    with db:
        db.execute(sql, values)


def add_message(user, receiver, message, timestamp):
    """Keeps a message in one transaction, and gives whether there was a chat for it."""
    if new_message_count(user, receiver) is None:
        return False
    with db:
        db.execute(
            "INSERT INTO messages(sender_id, receiver_id, message, timestamp) VALUES (?, ?, ?, ?)",
            [user, receiver, message, timestamp],
        )
        db.execute(
            "UPDATE chats SET last_message_date = ? WHERE user_id = ? AND chat_partner_id = ?",
            [timestamp, user, receiver],
        )
        db.execute(
            "INSERT INTO chats(user_id, chat_partner_id, last_message_date, new_message_count) VALUES (?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET last_message_date = excluded.last_message_date,"
            " new_message_count = new_message_count + 1",
            [receiver, user, timestamp],
        )
    return True


def new_message_count(user, partner):
    """None if there is no such chat."""
    found = rows("SELECT new_message_count FROM chats WHERE user_id = ? AND chat_partner_id = ?", user, partner)
    return found[0]["new_message_count"] if found else None


def newest_messages(one, other, limit):
    return rows(
        "SELECT sender_id, receiver_id, message, timestamp FROM messages"
        " WHERE min(sender_id, receiver_id) = ? AND max(sender_id, receiver_id) = ?"
        " ORDER BY id DESC LIMIT ?",
        min(one, other),
        max(one, other),
        limit,
    )


async def login_page(request):
    return HTMLResponse("<form method=post></form>")


async def form_of(request):
    return {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}


async def register(request):
    username = (await form_of(request))["username"]
    await on_disk(write, "INSERT INTO users(username) VALUES (?) ON CONFLICT DO NOTHING", username)
    return RedirectResponse("/", 302)


async def log_in(request):
    username = (await form_of(request))["username"]
    session = secrets.token_hex(16)
    found = await on_disk(rows, "SELECT id FROM users WHERE username = ?", username)
    sessions[session] = found[0]["id"]
    response = RedirectResponse("/", 302)
    response.set_cookie("session", session, httponly=True)
    return response


async def find(request):
    prefix = (await request.json())["username"]
    found = await on_disk(rows, "SELECT id, username FROM users WHERE username LIKE ? || '%' LIMIT 100", prefix)
    return JSONResponse(found)


async def add(request):
    user, partner = sessions[request.cookies["session"]], int((await form_of(request))["id"])
    sql = "INSERT INTO chats(user_id, chat_partner_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
    await on_disk(write, sql, user, partner)
    return RedirectResponse("/chats", 302)


sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def connect(sid, environ):
    cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("session")
    user = cookie and sessions.get(cookie.value)
    if not user:
        raise ConnectionRefusedError("not logged in")
    await sio.save_session(sid, user)
    sockets[user][sid] = None


@sio.event
async def disconnect(sid, reason):
    sockets[await sio.get_session(sid)].pop(sid, None)


@sio.event
async def join_chat(sid, payload):
    user, partner = await sio.get_session(sid), int(payload["chat_partner_id"])
    count = await on_disk(new_message_count, user, partner)
    if count is None:
        return [], 0
    sockets[user][sid] = partner
    return await on_disk(newest_messages, user, partner, max(20, count)), count


@sio.event
async def message_sent(sid, payload):
    user, receiver, message = await sio.get_session(sid), int(payload["chat_partner_id"]), payload["message"]
    if not isinstance(message, str) or not message.strip() or len(message) > 10_000:
        return {"failure": "not a message"}
    timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    if not await on_disk(add_message, user, receiver, message, timestamp):
        return {"failure": "no such chat"}
    for other, chat in list(sockets[receiver].items()):
        if chat == user:
            sent = {"message": message, "timestamp": timestamp}
            await sio.emit("message_received_from_current_chat", sent, to=other)
        else:
            await sio.emit("message_received_from_another_chat", {"chatPartnerId": user}, to=other)
    # This is the acknowledgement.
    return {"timestamp": timestamp}


pages = Starlette(
    routes=[
        Route("/login", login_page),
        Route("/login", log_in, methods=["POST"]),
        Route("/register", register, methods=["POST"]),
        Route("/find", find, methods=["POST"]),
        Route("/add", add, methods=["POST"]),
    ]
)
uvicorn.run(socketio.ASGIApp(sio, pages), host=host, port=int(port), log_level="warning")
