//! Edits and deletions of messages, and the outcomes of edits.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::SqliteStore;
use super::changes::message;
use super::conversations::Conversation;
use super::erase;
use crate::domain::{ClientId, MessageId, MessageState, Timestamp, UserId};
use crate::store::{Changed, EditStore, MessageEdit, NotDeleted, NotEdited, Reply};

const MESSAGE: &str = "
SELECT
    id, sender_id, message, timestamp, coalesce(changed_version, version), edited_at, deleted_at,
    client_id
FROM messages
WHERE id = ?1 AND conversation_id = ?2";

const SET_TEXT: &str = "
UPDATE messages
SET message = ?2, edited_at = ?3, changed_version = ?4
WHERE id = ?1";

const DELETE: &str = "
UPDATE messages
SET message = '', deleted_at = ?2, changed_version = ?3
WHERE id = ?1";

const OUTCOME: &str = "
SELECT message_id, text_hash
FROM edits
WHERE user_id = ?1 AND client_id = ?2";

const KEEP_OUTCOME: &str = "
INSERT INTO edits (user_id, client_id, message_id, text_hash, done_at)
VALUES (?1, ?2, ?3, ?4, ?5)";

const FORGET_TEXTS: &str = "
UPDATE edits
SET text_hash = NULL
WHERE message_id = ?1";

const SWEEP: &str = "
DELETE FROM edits
WHERE done_at < ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[MESSAGE, SET_TEXT, DELETE, OUTCOME, KEEP_OUTCOME, FORGET_TEXTS, SWEEP];

impl EditStore for SqliteStore {
    fn edit_message(&self, edit: MessageEdit) -> Reply<Result<Changed, NotEdited>> {
        let erased = self.writer.erased();
        self.writer.submit(move |connection| {
            let edited = self::edit(connection, &edit)?;
            if edited.as_ref().is_ok_and(|edited| edited.change.is_some()) {
                erased.note();
            }
            Ok(edited)
        })
    }

    fn edited_before(
        &self,
        user: UserId,
        partner: UserId,
        id: MessageId,
        text: String,
        client_id: ClientId,
    ) -> Reply<Option<Result<Changed, NotEdited>>> {
        self.read(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            edited_before(&snapshot, (user, partner), id, &text, client_id)
        })
    }

    fn delete_message(
        &self,
        user: UserId,
        partner: UserId,
        id: MessageId,
        at: OffsetDateTime,
    ) -> Reply<Result<Changed, NotDeleted>> {
        let erased = self.writer.erased();
        self.writer.submit(move |connection| {
            let deleted = delete(connection, (user, partner), id, at)?;
            if deleted.as_ref().is_ok_and(|deleted| deleted.change.is_some()) {
                erased.note();
            }
            Ok(deleted)
        })
    }

    fn sweep_edits(&self, before: OffsetDateTime) -> Reply<usize> {
        self.writer.submit(move |connection| {
            connection.prepare_cached(SWEEP)?.execute([before.unix_timestamp()])
        })
    }
}

/// A message in a conversation of somebody's.
struct Found {
    message: MessageState,
    conversation: Conversation,
}

/// The message `id`, if it stands in the chat that `user` has with `partner`.
fn find(
    connection: &Connection,
    (user, partner): (UserId, UserId),
    id: MessageId,
) -> rusqlite::Result<Option<Found>> {
    let Some(conversation) = Conversation::find_listed(connection, user, partner)? else {
        return Ok(None);
    };
    let message = connection
        .prepare_cached(MESSAGE)?
        .query_row([id.0, conversation.id.0], |row| message(row, user, partner))
        .optional()?;
    Ok(message.map(|message| Found { message, conversation }))
}

impl Found {
    /// Nothing was changed.
    fn unchanged(self) -> Changed {
        let version = self.conversation.version;
        Changed { message: self.message, version, change: None }
    }

    /// Keeps the conversation, whose message has changed under its next version.
    fn changed(self, connection: &Connection) -> rusqlite::Result<Changed> {
        let version = self.message.version;
        let change = self.conversation.save(connection, Some(self.message.clone()))?;
        Ok(Changed { message: self.message, version, change: Some(change) })
    }

    fn why_not_edited(&self, edit: &MessageEdit) -> Option<NotEdited> {
        if self.message.sender_id != edit.user {
            return Some(NotEdited::NotOwn);
        }
        if self.message.deleted_at.is_some() {
            return Some(NotEdited::Deleted);
        }
        if self.conversation.side(edit.user).blocks {
            return Some(NotEdited::BlockedByUser);
        }
        if self.conversation.side(self.message.receiver_id).blocks {
            return Some(NotEdited::BlockedByPartner);
        }
        // Both are spelled so that their order is that of time.
        (self.message.timestamp < Timestamp::from(edit.oldest)).then_some(NotEdited::TooOld)
    }
}

fn edit(
    connection: &Connection,
    edit: &MessageEdit,
) -> rusqlite::Result<Result<Changed, NotEdited>> {
    let MessageEdit { user, partner, id, ref body, at, client_id, .. } = *edit;
    let people = (user, partner);
    if let Some(outcome) = edited_before(connection, people, id, body.as_str(), client_id)? {
        return Ok(outcome);
    }
    let Some(mut found) = find(connection, people, id)? else {
        return Ok(Err(NotEdited::NoMessage));
    };
    if let Some(why) = found.why_not_edited(edit) {
        return Ok(Err(why));
    }
    connection.prepare_cached(KEEP_OUTCOME)?.execute(params![
        user.0,
        key(client_id),
        id.0,
        text_hash(client_id, body.as_str()),
        at.unix_timestamp()
    ])?;
    if found.message.text == body.as_str() {
        return Ok(Ok(found.unchanged()));
    }
    body.as_str().clone_into(&mut found.message.text);
    found.message.edited_at = Some(at.into());
    found.message.version = found.conversation.next_version();
    connection.prepare_cached(SET_TEXT)?.execute(params![
        id.0,
        body.as_str(),
        at.unix_timestamp(),
        found.message.version.0
    ])?;
    erase::empty_gaps_around(connection, id)?;
    found.changed(connection).map(Ok)
}

/// What an edit came to that was done, if it was.
fn edited_before(
    connection: &Connection,
    people: (UserId, UserId),
    id: MessageId,
    text: &str,
    client_id: ClientId,
) -> rusqlite::Result<Option<Result<Changed, NotEdited>>> {
    let outcome = connection
        .prepare_cached(OUTCOME)?
        .query_row(params![people.0.0, key(client_id)], |row| {
            Ok((MessageId(row.get(0)?), row.get::<_, Option<[u8; 32]>>(1)?))
        })
        .optional()?;
    let Some((message, known)) = outcome else { return Ok(None) };
    if message != id || known.is_some_and(|known| known != text_hash(client_id, text)) {
        return Ok(Some(Err(NotEdited::OtherContent)));
    }
    let found = find(connection, people, id)?;
    Ok(Some(found.map(Found::unchanged).ok_or(NotEdited::NoMessage)))
}

/// What an outcome is found by. The client id itself is not kept: without it no text can be guessed from
/// its hash, of which SQLite may leave a copy somewhere in the file.
fn key(client_id: ClientId) -> [u8; 32] {
    Sha256::digest(client_id.as_bytes()).into()
}

fn text_hash(client_id: ClientId, text: &str) -> [u8; 32] {
    Sha256::new().chain_update(client_id.as_bytes()).chain_update(text).finalize().into()
}

fn delete(
    connection: &Connection,
    (user, partner): (UserId, UserId),
    id: MessageId,
    at: OffsetDateTime,
) -> rusqlite::Result<Result<Changed, NotDeleted>> {
    let Some(mut found) = find(connection, (user, partner), id)? else {
        return Ok(Err(NotDeleted::NoMessage));
    };
    let MessageState { sender_id, receiver_id, .. } = found.message;
    if sender_id != user {
        return Ok(Err(NotDeleted::NotOwn));
    }
    if found.message.deleted_at.is_some() {
        return Ok(Ok(found.unchanged()));
    }
    found.message.text.clear();
    found.message.deleted_at = Some(at.into());
    found.message.version = found.conversation.next_version();
    let receivers = &mut found.conversation.side_mut(receiver_id).read;
    if receiver_id != sender_id && id > receivers.last_read_id {
        // A count that somebody has changed by hand keeps nobody from deleting.
        receivers.new_message_count = (receivers.new_message_count - 1).max(0);
    }
    connection.prepare_cached(DELETE)?.execute(params![
        id.0,
        at.unix_timestamp(),
        found.message.version.0
    ])?;
    erase::empty_gaps_around(connection, id)?;
    connection.prepare_cached(FORGET_TEXTS)?.execute([id.0])?;
    found.changed(connection).map(Ok)
}
