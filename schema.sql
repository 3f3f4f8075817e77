-- The schema of a new database. users, chats and messages are the original's tables, with their
-- columns and meanings; what is below a table's "ours" line was added by visavis.

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE UNIQUE, -- one user a name, as the original counts them
    hash TEXT NOT NULL, -- bcrypt's, or Werkzeug's until that user's next login
    -- ours
    disabled_at INTEGER, -- seconds since 1970; while it is set the user cannot log in
    -- What names are compared by; src/domain/name.rs computes both. NULL only until the file is opened.
    folded TEXT, -- equal for names that differ in case, normal form or width only
    skeleton TEXT -- equal for names that look alike
) STRICT;

-- Serves login, the search by prefix and the check that a new name is not taken.
CREATE INDEX users_by_folded_name ON users (folded);

-- Serves the check that a new name does not look like another.
CREATE INDEX users_by_skeleton ON users (skeleton);

-- One row for each side: (user_id, chat_partner_id) is what user_id sees in the list.
CREATE TABLE chats (
    user_id INTEGER NOT NULL REFERENCES users (id),
    chat_partner_id INTEGER NOT NULL REFERENCES users (id),
    last_message_date TEXT NOT NULL, -- YYYY-MM-DD HH:MM:SS, UTC
    -- Always the number of the partner's messages after last_read_id.
    new_message_count INTEGER NOT NULL DEFAULT 0 CHECK (new_message_count >= 0),
    -- ours
    -- Grows whenever the chat comes to the top: seconds are too coarse to tell what came last.
    place INTEGER NOT NULL,
    last_read_id INTEGER NOT NULL DEFAULT 0,
    last_message_id INTEGER NOT NULL DEFAULT 0, -- tells which chats have something new since an id
    PRIMARY KEY (user_id, chat_partner_id) -- serves every check that a user has that chat, and the chats of a user
) STRICT, WITHOUT ROWID;

-- Serves the chat list.
CREATE INDEX chats_newest_first
ON chats (user_id, place DESC);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of messages; never used twice
    sender_id INTEGER NOT NULL REFERENCES users (id),
    receiver_id INTEGER NOT NULL REFERENCES users (id),
    message TEXT NOT NULL,
    timestamp TEXT NOT NULL, -- YYYY-MM-DD HH:MM:SS, UTC
    -- ours
    client_id BLOB -- the UUID that the sender's client gave the message
) STRICT;

-- Serves a conversation's history and, with sender_id, the counts of what is new in it.
CREATE INDEX messages_of_a_conversation
ON messages (min(sender_id, receiver_id), max(sender_id, receiver_id), id, sender_id);

-- Makes sending a message again harmless.
CREATE UNIQUE INDEX messages_sent_once
ON messages (sender_id, client_id)
WHERE client_id IS NOT NULL;

CREATE TABLE sessions (
    key BLOB PRIMARY KEY, -- the SHA-256 of the cookie's value
    user_id INTEGER REFERENCES users (id),
    data TEXT NOT NULL,
    -- Seconds since 1970, as all times that are not the original's.
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_agent TEXT -- what the browser called itself when its user logged in
) STRICT, WITHOUT ROWID;

-- Serves the sweep of what has expired.
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Serves the list of a user's sessions, and the end of all of them.
CREATE INDEX sessions_of_a_user ON sessions (user_id, last_seen_at DESC);

-- What a link that the operator hands out is good for. Using it deletes its row.
CREATE TABLE links (
    key BLOB PRIMARY KEY, -- the SHA-256 of the secret in the link
    kind TEXT NOT NULL CHECK (kind IN ('reset', 'invite')),
    user_id INTEGER REFERENCES users (id), -- whose password it sets
    expires_at INTEGER NOT NULL,
    CHECK ((kind = 'reset') = (user_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Serves the sweep of what has expired.
CREATE INDEX links_by_expiry ON links (expires_at);

-- Serves the end of a user's older links.
CREATE INDEX links_of_a_user ON links (user_id);

-- user_id wants nothing to do with blocked_id.
CREATE TABLE blocks (
    user_id INTEGER NOT NULL REFERENCES users (id),
    blocked_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (user_id, blocked_id) -- serves the check of a pair, one lookup for each direction
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 1986622326; -- "visv" in ASCII: how the program knows its own
PRAGMA user_version = 3;
