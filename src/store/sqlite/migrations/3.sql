-- From version 2 to version 3; schema.sql says what the columns are for. names.rs fills them.

ALTER TABLE users ADD COLUMN folded TEXT;
ALTER TABLE users ADD COLUMN skeleton TEXT;

CREATE INDEX users_by_folded_name ON users (folded);
CREATE INDEX users_by_skeleton ON users (skeleton);

PRAGMA user_version = 3;
