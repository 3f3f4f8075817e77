-- From version 4 to version 5: a message keeps the version under which it was added, and one that was
-- changed has another beside it. schema.sql says what the columns are for.

ALTER TABLE messages ADD COLUMN changed_version INTEGER;

DROP INDEX messages_by_version;

-- Under which version a changed message was added is not known any more. That of the last unchanged one
-- before it keeps the order.
UPDATE messages
SET changed_version = messages.version,
    version = added.version
FROM (
    SELECT
        id,
        max(iif(edited_at IS NULL AND deleted_at IS NULL, version, 0))
            OVER (PARTITION BY conversation_id ORDER BY id ROWS UNBOUNDED PRECEDING) AS version
    FROM messages
    WHERE conversation_id IN (
        SELECT conversation_id
        FROM messages
        WHERE edited_at IS NOT NULL OR deleted_at IS NOT NULL
    )
) AS added
WHERE added.id = messages.id AND (edited_at IS NOT NULL OR deleted_at IS NOT NULL);

CREATE INDEX messages_by_change
ON messages (conversation_id, changed_version)
WHERE changed_version IS NOT NULL;

PRAGMA user_version = 5;
