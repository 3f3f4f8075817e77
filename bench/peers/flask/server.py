"""A peer that is measured: the Flask chat's way of doing it, written anew from its contract.

Flask-SocketIO in its threading mode, SQLite with a rollback journal, each statement a transaction.
Passwords are not hashed: logins are not measured.

    python server.py ADDRESS:PORT DATABASE
"""

import sqlite3
import sys
import threading
from datetime import datetime, timezone

from flask import Flask, jsonify, redirect, render_template_string, request, session
from flask_socketio import SocketIO, emit, join_room, leave_room

address, database = sys.argv[1:3]
host, port = address.split(":")

app = Flask(__name__)
app.secret_key = "only for measuring"
socketio = SocketIO(app, async_mode="threading")
local = threading.local()
joined = {}

LOGIN = """<!doctype html><title>Log In</title><nav>{% if session["user_id"] %}<a href="/chats">Chats</a>
{% else %}<a href="/register">Register</a> <a href="/login">Log In</a>{% endif %}</nav>
<form action="/login" method="post"><input name="username" placeholder="Username">
<input name="password" type="password" placeholder="Password"><button>Log In</button></form>"""
CHATS = """<!doctype html><title>Chats</title><nav><a href="/chats">Chats</a> <a href="/logout">Log Out</a></nav>
<ul class="chats">{% for chat in chats %}<li class="chat"><input type="hidden" name="chat_partner_id"
value="{{ chat['id'] }}"><button>{{ chat["username"] }}</button>
<span class="dot">{{ chat["new_message_count"] }}</span></li>{% endfor %}</ul><div id="right-panel"></div>"""


def execute(sql, *values):
    """Runs one statement as a transaction of its own, on this thread's connection."""
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(database, timeout=60, isolation_level=None)
        local.db.row_factory = sqlite3.Row
    return [dict(row) for row in local.db.execute(sql, values).fetchall()]


execute("CREATE TABLE IF NOT EXISTS users(id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE)")
execute(
    "CREATE TABLE IF NOT EXISTS chats(user_id, chat_partner_id, last_message_date,"
    " new_message_count DEFAULT 0, UNIQUE(user_id, chat_partner_id))"
)
execute("CREATE TABLE IF NOT EXISTS messages(sender_id, receiver_id, message, timestamp)")


@app.route("/register", methods=["POST"])
def register():
    execute("INSERT INTO users(username) VALUES (?) ON CONFLICT DO NOTHING", request.form["username"])
    return redirect("/")


@app.route("/login", methods=["GET", "POST"])
def login():
    session.clear()
    if request.method == "GET":
        return render_template_string(LOGIN)
    user = execute("SELECT * FROM users WHERE username = ?", request.form["username"])[0]
    session["user_id"], session["username"] = user["id"], user["username"]
    return redirect("/")


@app.route("/find", methods=["POST"])
def find():
    prefix = request.get_json()["username"]
    return jsonify(execute("SELECT id, username FROM users WHERE username LIKE ?", prefix + "%"))


@app.route("/add", methods=["POST"])
def add():
    execute(
        "INSERT INTO chats(user_id, chat_partner_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        session["user_id"],
        int(request.form["id"]),
    )
    return redirect("/chats")


@app.route("/chats")
def chats():
    rows = execute(
        "SELECT users.id, username, new_message_count FROM chats JOIN users ON users.id = chat_partner_id"
        " WHERE user_id = ? ORDER BY last_message_date DESC",
        session["user_id"],
    )
    return render_template_string(CHATS, chats=rows)


@socketio.on("connect")
def connect():
    join_room(f"user {session['user_id']}")


@socketio.on("join_chat")
def join_chat(payload):
    user, partner = session["user_id"], int(payload["chat_partner_id"])
    if user in joined:
        leave_room(joined[user])
    joined[user] = f"{user} {partner}"
    join_room(joined[user])
    count = execute(
        "SELECT new_message_count FROM chats WHERE user_id = ? AND chat_partner_id = ?", user, partner
    )[0]["new_message_count"]
    rows = execute(
        "SELECT * FROM messages WHERE (sender_id = ? AND receiver_id = ?) OR (sender_id = ? AND receiver_id = ?)"
        " ORDER BY timestamp DESC LIMIT ?",
        user,
        partner,
        partner,
        user,
        max(20, count),
    )
    return rows, count


@socketio.on("message_sent")
def message_sent(payload):
    user, partner = session["user_id"], int(payload["chat_partner_id"])
    timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    execute("INSERT INTO messages VALUES (?, ?, ?, ?)", user, partner, payload["message"], timestamp)
    for one, other in ((user, partner), (partner, user)):
        execute(
            "UPDATE chats SET last_message_date = ? WHERE user_id = ? AND chat_partner_id = ?", timestamp, one, other
        )
    execute(
        "UPDATE chats SET new_message_count = new_message_count + 1 WHERE user_id = ? AND chat_partner_id = ?",
        partner,
        user,
    )
    message = {"message": payload["message"], "timestamp": timestamp}
    if joined.get(partner) == f"{partner} {user}":
        emit("message_received_from_current_chat", message, to=joined[partner])
    else:
        emit("message_received_from_another_chat", {"chatPartnerId": user}, to=f"user {partner}")
    return {"timestamp": timestamp}


socketio.run(app, host=host, port=int(port), allow_unsafe_werkzeug=True)
