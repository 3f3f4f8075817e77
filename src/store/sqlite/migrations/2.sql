-- From version 1 to version 2; schema.sql says what the columns are for.

ALTER TABLE users ADD COLUMN disabled_at INTEGER;

DROP INDEX sessions_by_expiry;
ALTER TABLE sessions RENAME TO sessions_of_version_1;

CREATE TABLE sessions (
    key BLOB PRIMARY KEY,
    user_id INTEGER REFERENCES users (id),
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_agent TEXT
) STRICT, WITHOUT ROWID;

-- Of an older session only its end is known, which each use put off to two weeks later.
INSERT INTO sessions (key, user_id, data, created_at, last_seen_at, expires_at)
SELECT key, user_id, data, expires_at - 14 * 86400, expires_at - 14 * 86400, expires_at
FROM sessions_of_version_1;

DROP TABLE sessions_of_version_1;

CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_of_a_user ON sessions (user_id, last_seen_at DESC);

CREATE TABLE links (
    key BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('reset', 'invite')),
    user_id INTEGER REFERENCES users (id),
    expires_at INTEGER NOT NULL,
    CHECK ((kind = 'reset') = (user_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_expiry ON links (expires_at);
CREATE INDEX links_of_a_user ON links (user_id);

CREATE TABLE blocks (
    user_id INTEGER NOT NULL REFERENCES users (id),
    blocked_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
