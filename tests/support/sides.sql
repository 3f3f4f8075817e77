-- Views over our tables as tests speak of them.

-- Each person's side of a conversation, where the chat is in that person's list.
CREATE TEMPORARY VIEW sides AS
SELECT
    low_id AS user_id,
    high_id AS partner_id,
    low_listed_at AS listed_at,
    low_new_message_count AS new_message_count,
    low_last_read_id AS last_read_id,
    low_blocks AS blocks,
    last_message_id,
    id AS conversation_id
FROM conversations
WHERE low_listed_at IS NOT NULL
UNION ALL
SELECT
    high_id,
    low_id,
    high_listed_at,
    high_new_message_count,
    high_last_read_id,
    high_blocks,
    last_message_id,
    id
FROM conversations
WHERE high_listed_at IS NOT NULL;

-- Messages with both people.
CREATE TEMPORARY VIEW said AS
SELECT messages.*, iif(sender_id = low_id, high_id, low_id) AS receiver_id
FROM messages
JOIN conversations ON conversations.id = conversation_id;

-- Sides whose count is not the number of the partner's messages after the read position that were not
-- deleted.
CREATE TEMPORARY VIEW miscounted AS
SELECT user_id, partner_id, new_message_count, (
    SELECT count(*)
    FROM said
    WHERE sender_id = partner_id AND receiver_id = user_id AND sender_id <> receiver_id
      AND id > last_read_id AND deleted_at IS NULL
) AS found
FROM sides
WHERE new_message_count <> found;
