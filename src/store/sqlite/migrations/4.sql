-- From version 3 to version 4: one row for each two people in place of a row for each side, and of
-- the rows of blocks. schema.sql says what the columns are for.

-- Views that somebody made stay as they are written. open.rs drops those that do not fit any more.
PRAGMA legacy_alter_table = ON;
ALTER TABLE messages RENAME TO messages_of_version_3;
PRAGMA legacy_alter_table = OFF;

CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB NOT NULL CHECK (length(epoch) = 16)
) STRICT;

INSERT INTO meta (id, epoch) VALUES (1, randomblob(16));

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    low_id INTEGER NOT NULL REFERENCES users (id),
    high_id INTEGER NOT NULL REFERENCES users (id),
    version INTEGER NOT NULL DEFAULT 0,
    last_message_id INTEGER NOT NULL DEFAULT 0,
    low_listed_at INTEGER,
    low_new_message_count INTEGER NOT NULL DEFAULT 0 CHECK (low_new_message_count >= 0),
    low_last_read_id INTEGER NOT NULL DEFAULT 0,
    low_last_delivered_id INTEGER NOT NULL DEFAULT 0,
    low_blocks INTEGER NOT NULL DEFAULT 0 CHECK (low_blocks IN (0, 1)),
    high_listed_at INTEGER,
    high_new_message_count INTEGER NOT NULL DEFAULT 0 CHECK (high_new_message_count >= 0),
    high_last_read_id INTEGER NOT NULL DEFAULT 0,
    high_last_delivered_id INTEGER NOT NULL DEFAULT 0,
    high_blocks INTEGER NOT NULL DEFAULT 0 CHECK (high_blocks IN (0, 1)),
    UNIQUE (low_id, high_id),
    CHECK (low_id < high_id OR low_id = high_id AND high_listed_at IS NULL)
) STRICT;

-- Two people have a row also where there is only a block, or messages, between them: nothing that
-- somebody put into the tables by hand is lost. The last message's id serves as a version: it grows
-- with each of them, which is all that a version has to do.
INSERT INTO conversations (low_id, high_id, last_message_id, version)
SELECT low_id, high_id, max(last_id), max(1, max(last_id))
FROM (
    SELECT min(sender_id, receiver_id) AS low_id, max(sender_id, receiver_id) AS high_id, max(id) AS last_id
    FROM messages_of_version_3
    GROUP BY 1, 2
    UNION ALL
    SELECT min(user_id, chat_partner_id), max(user_id, chat_partner_id), 0
    FROM chats
    UNION ALL
    SELECT min(user_id, blocked_id), max(user_id, blocked_id), 0
    FROM blocks
)
GROUP BY 1, 2;

-- The order of a list was told by place, and its dates have whole seconds: those of one second get
-- a millisecond each in that order, and none is before the one below it. Where there are more than a
-- thousand in a second, the rest share the last, and the last message decides.
CREATE TEMPORARY TABLE listed AS
SELECT
    user_id,
    chat_partner_id,
    new_message_count,
    last_read_id,
    second * 1000
    + min(999, row_number() OVER (PARTITION BY user_id, second ORDER BY place) - 1) AS listed_at
FROM (
    SELECT
        *,
        max(coalesce(unixepoch(last_message_date), 0))
            OVER (PARTITION BY user_id ORDER BY place ROWS UNBOUNDED PRECEDING) AS second
    FROM chats
);

UPDATE conversations
SET low_listed_at = listed_at,
    low_new_message_count = new_message_count,
    low_last_read_id = last_read_id
FROM listed
WHERE low_id = user_id AND high_id = chat_partner_id;

UPDATE conversations
SET high_listed_at = listed_at,
    high_new_message_count = new_message_count,
    high_last_read_id = last_read_id
FROM listed
WHERE low_id = chat_partner_id AND high_id = user_id AND low_id < high_id;

DROP TABLE listed;

UPDATE conversations
SET low_blocks = EXISTS (SELECT 1 FROM blocks WHERE user_id = low_id AND blocked_id = high_id),
    high_blocks = EXISTS (SELECT 1 FROM blocks WHERE user_id = high_id AND blocked_id = low_id);

DROP TABLE chats;
DROP TABLE blocks;

CREATE INDEX conversations_of_the_low_side ON conversations (low_id, low_listed_at, last_message_id);
CREATE INDEX conversations_of_the_high_side ON conversations (high_id, high_listed_at, last_message_id);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id),
    sender_id INTEGER NOT NULL REFERENCES users (id),
    message TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    version INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    client_id BLOB
) STRICT;

-- The newest messages may have been deleted by hand: their ids are not used again.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'messages', seq
FROM sqlite_sequence
WHERE name = 'messages_of_version_3';

INSERT INTO messages (id, conversation_id, sender_id, message, timestamp, version, client_id)
SELECT old.id, conversations.id, old.sender_id, old.message, old.timestamp, old.id, old.client_id
FROM messages_of_version_3 AS old
CROSS JOIN conversations
WHERE low_id = min(old.sender_id, old.receiver_id) AND high_id = max(old.sender_id, old.receiver_id)
ORDER BY old.id;

DROP TABLE messages_of_version_3;

CREATE INDEX messages_of_a_conversation ON messages (conversation_id, id, sender_id, deleted_at);
CREATE INDEX messages_by_version ON messages (conversation_id, version);
CREATE UNIQUE INDEX messages_sent_once
ON messages (sender_id, client_id)
WHERE client_id IS NOT NULL;

CREATE TABLE edits (
    user_id INTEGER NOT NULL REFERENCES users (id),
    client_id BLOB NOT NULL,
    message_id INTEGER NOT NULL REFERENCES messages (id),
    text_hash BLOB,
    done_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX edits_by_time ON edits (done_at);
CREATE INDEX edits_of_a_message ON edits (message_id);

PRAGMA user_version = 4;
