"""Writes a database as the Flask chat writes it: FILE, then MEMBERS JSON: names, in order of their ids.

Names that begin with "much" have 40 000 unread messages and 1000 chats; everybody has a chat with the
next one and with the one before. Everybody's password is "password of NAME".
"""

import hashlib
import json
import sqlite3
import sys

UNREAD = 40_000
CHATS = 1000
AT = "2026-03-04 05:06:07"


def werkzeug_hash(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000)
    return f"pbkdf2:sha256:1000$salt${digest.hex()}"


path, names = sys.argv[1], json.loads(sys.argv[2])
names += [f"crowd {number}" for number in range(CHATS)]
members = [name for name in names if not name.startswith("crowd")]
database = sqlite3.connect(path)
database.executescript(
    """
    CREATE TABLE users(id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE, hash TEXT NOT NULL);
    CREATE TABLE chats(user_id, chat_partner_id, last_message_date, new_message_count DEFAULT 0,
      UNIQUE(user_id, chat_partner_id));
    CREATE TABLE messages(sender_id, receiver_id, message, timestamp);
    """
)
hashes = {name: werkzeug_hash(f"password of {name}") for name in members}
database.executemany(
    "INSERT INTO users(username, hash) VALUES (?, ?)",
    [(name, hashes.get(name, hashes[members[0]])) for name in names],
)
for user, name in enumerate(members, 1):
    partner = user % len(members) + 1
    unread = UNREAD if name.startswith("much") else 0
    chats = [(user, partner, AT, unread)]
    if partner % len(members) + 1 != user:
        chats.append((partner, user, AT, 0))
    if unread:
        first = len(members) + 1
        chats += [(user, crowd, AT, 0) for crowd in range(first, first + CHATS - 1)]
        database.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?)",
            ((partner, user, f"message {number}", AT) for number in range(unread)),
        )
    database.executemany("INSERT OR IGNORE INTO chats VALUES (?, ?, ?, ?)", chats)
database.commit()
