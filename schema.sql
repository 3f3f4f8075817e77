-- The schema of a new database.

-- One row: what there is to know of the database itself.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- A random UUID. Versions are compared only under the same one: a backup has zeros, and gets one when it
    -- is opened, because what a client saw after it is gone once it is restored.
    epoch BLOB NOT NULL CHECK (length(epoch) = 16)
) STRICT;

INSERT INTO meta (id, epoch) VALUES (1, randomblob(16));

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE UNIQUE, -- one user a name, as the original counts them
    hash TEXT NOT NULL, -- bcrypt's, or Werkzeug's until that user's next login
    disabled_at INTEGER, -- seconds since 1970; while it is set the user cannot log in
    -- What names are compared by; src/domain/name.rs computes both. NULL only until the file is opened.
    folded TEXT, -- equal for names that differ in case, normal form or width only
    skeleton TEXT -- equal for names that look alike
) STRICT;

-- Serves login, the search by prefix and the check that a new name is not taken.
CREATE INDEX users_by_folded_name ON users (folded);

-- Serves the check that a new name does not look like another.
CREATE INDEX users_by_skeleton ON users (skeleton);

-- One row for each two people between whom there is anything: the order, the counters and the lock
-- of all of it. Every change raises its version.
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    low_id INTEGER NOT NULL REFERENCES users (id), -- the smaller id of the two; notes to oneself use this side only
    high_id INTEGER NOT NULL REFERENCES users (id),
    -- Grows by one with each message, edit, deletion, read mark that moved, block that changed, and chat
    -- that was opened.
    version INTEGER NOT NULL DEFAULT 0,
    last_message_id INTEGER NOT NULL DEFAULT 0, -- 0 before the first
    -- Milliseconds since 1970 at which the chat came to the top of that person's list, which is
    -- sorted by it; NULL while it is not in the list. No two chats of a person share one, but for
    -- those that came from the Flask chat: there the later last message decides.
    low_listed_at INTEGER,
    -- Always the number of the other person's messages after low_last_read_id that were not deleted.
    low_new_message_count INTEGER NOT NULL DEFAULT 0 CHECK (low_new_message_count >= 0),
    low_last_read_id INTEGER NOT NULL DEFAULT 0,
    low_last_delivered_id INTEGER NOT NULL DEFAULT 0, -- up to where a device has everything, if that is further
    low_blocks INTEGER NOT NULL DEFAULT 0 CHECK (low_blocks IN (0, 1)), -- wants nothing to do with the other
    -- The same for the person with the larger id.
    high_listed_at INTEGER,
    high_new_message_count INTEGER NOT NULL DEFAULT 0 CHECK (high_new_message_count >= 0),
    high_last_read_id INTEGER NOT NULL DEFAULT 0,
    high_last_delivered_id INTEGER NOT NULL DEFAULT 0,
    high_blocks INTEGER NOT NULL DEFAULT 0 CHECK (high_blocks IN (0, 1)),
    UNIQUE (low_id, high_id), -- serves everything that two people do
    CHECK (low_id < high_id OR low_id = high_id AND high_listed_at IS NULL)
) STRICT;

-- Serve the chat list, and the search for conversations with messages after one.
CREATE INDEX conversations_of_the_low_side ON conversations (low_id, low_listed_at, last_message_id);
CREATE INDEX conversations_of_the_high_side ON conversations (high_id, high_listed_at, last_message_id);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of messages; never used twice
    conversation_id INTEGER NOT NULL REFERENCES conversations (id),
    sender_id INTEGER NOT NULL REFERENCES users (id),
    message TEXT NOT NULL, -- empty once it was deleted: the row stays
    timestamp TEXT NOT NULL, -- YYYY-MM-DD HH:MM:SS, UTC
    version INTEGER NOT NULL, -- the conversation's when the message was added: it grows with the id
    edited_at INTEGER, -- seconds since 1970
    deleted_at INTEGER, -- the same
    client_id BLOB, -- the UUID that the sender's client gave the message
    changed_version INTEGER -- the conversation's at the last edit or the deletion; NULL before
) STRICT;

-- Serves a conversation's history and, with sender_id and deleted_at, the counts of what is new in it.
-- Messages that were added since a version are found in it as well, since versions grow with ids: an index
-- of those would change one more page for nearly every message.
CREATE INDEX messages_of_a_conversation ON messages (conversation_id, id, sender_id, deleted_at);

-- Serves the search for messages that were edited or deleted since a version.
CREATE INDEX messages_by_change
ON messages (conversation_id, changed_version)
WHERE changed_version IS NOT NULL;

-- Makes sending a message again harmless.
CREATE UNIQUE INDEX messages_sent_once
ON messages (sender_id, client_id)
WHERE client_id IS NOT NULL;

-- Edits that were done: one that is sent again, some days at most after the first time, is known by
-- its row and changes nothing.
CREATE TABLE edits (
    user_id INTEGER NOT NULL REFERENCES users (id),
    -- The SHA-256 of the UUID that the user's client gave the edit. The UUID itself is not kept.
    client_id BLOB NOT NULL,
    message_id INTEGER NOT NULL REFERENCES messages (id),
    text_hash BLOB, -- the SHA-256 of the UUID and the new text; NULL once the message was deleted
    done_at INTEGER NOT NULL, -- seconds since 1970
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

-- Serves the sweep of old ones.
CREATE INDEX edits_by_time ON edits (done_at);

-- Serves the deletion of a message.
CREATE INDEX edits_of_a_message ON edits (message_id);

CREATE TABLE sessions (
    key BLOB PRIMARY KEY, -- the SHA-256 of the cookie's value
    user_id INTEGER REFERENCES users (id),
    data TEXT NOT NULL,
    -- Seconds since 1970.
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

PRAGMA application_id = 1986622326; -- "visv" in ASCII: how the program knows its own
PRAGMA user_version = 5;
