//! From the Flask chat's database to ours and back, nothing is lost: shown on databases made at
//! random.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use rusqlite::{Connection, Row, params};
use visavis::store::sqlite::{export, import};

use super::support::looked_into;

const FLASK: &str = "
CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE, hash TEXT NOT NULL);
CREATE TABLE chats (user_id, chat_partner_id, last_message_date, new_message_count DEFAULT 0,
    UNIQUE (user_id, chat_partner_id));
CREATE TABLE messages (sender_id, receiver_id, message, timestamp);";

/// What a Flask database holds, row by row. People are numbers from 1; some of them are gone.
#[derive(Debug, Clone)]
struct Flask {
    names: Vec<String>,
    messages: Vec<(i64, i64, String, String)>,
    chats: BTreeMap<(i64, i64), (String, i64)>,
}

/// Text with what text can have: quotes, line breaks, several scripts, marks that combine, emoji of
/// several parts, directions.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_filter("NUL is refused", |c| *c != '\0').prop_map(String::from),
        prop::sample::select(vec![
            "'",
            "\"",
            "''; --",
            "\n",
            "%",
            "\\",
            "é",
            "e\u{301}",
            "שלום",
            "مرحبا",
            "\u{202e}",
            "👩‍👩‍👧",
            "🏳️‍🌈",
            "\u{feff}",
            "\u{10ffff}",
            "A",
            "a",
            "ß",
            "İ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Few moments, so that many things happen in one second.
fn moment() -> impl Strategy<Value = String> {
    (0..4, 0..3).prop_map(|(minute, second)| format!("2026-01-02 03:{minute:02}:{second:02}"))
}

fn flask() -> impl Strategy<Value = Flask> {
    let names = prop::collection::vec(text(), 1..6).prop_map(|names| {
        let mut seen = BTreeSet::new();
        names.into_iter().filter(|name| seen.insert(name.to_ascii_lowercase())).collect()
    });
    let person = || 1..7_i64;
    let messages = prop::collection::vec((person(), person(), text(), moment()), 0..40);
    let chats = prop::collection::btree_map((person(), person()), (moment(), -2..9_i64), 0..12);
    (names, messages, chats).prop_map(|(names, messages, chats)| Flask { names, messages, chats })
}

fn write(flask: &Flask, path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; BEGIN;").unwrap();
    connection.execute_batch(FLASK).unwrap();
    for (id, name) in (1..).zip(&flask.names) {
        let hash = format!("scrypt:32768:8:1$salt{id}$00");
        connection
            .execute("INSERT INTO users VALUES (?1, ?2, ?3)", params![id, name, hash])
            .unwrap();
    }
    for (sender, receiver, message, timestamp) in &flask.messages {
        let row = params![sender, receiver, message, timestamp];
        connection.execute("INSERT INTO messages VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    }
    for ((user, partner), (date, count)) in &flask.chats {
        let row = params![user, partner, date, count];
        connection.execute("INSERT INTO chats VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
}

/// What a database holds that people can see.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    users: Vec<(i64, String, String)>,
    messages: Vec<(i64, i64, String, String)>,
    /// By owner and place in the list.
    chats: Vec<(i64, i64, String, i64)>,
}

const OF_FLASK: [&str; 2] = [
    "SELECT sender_id, receiver_id, message, timestamp FROM messages ORDER BY rowid",
    "SELECT user_id, chat_partner_id, last_message_date, new_message_count
     FROM chats ORDER BY user_id, rowid",
];
const OURS: [&str; 2] = [
    "SELECT sender_id, receiver_id, message, timestamp FROM said ORDER BY id",
    "SELECT user_id, partner_id, datetime(listed_at / 1000, 'unixepoch'), new_message_count
     FROM sides ORDER BY user_id, listed_at, last_message_id, conversation_id",
];

/// What the messages and the chats of `queries` are.
fn content(connection: &Connection, [messages, chats]: [&str; 2]) -> Content {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let four = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    Content {
        users: rows(connection, "SELECT id, username, hash FROM users ORDER BY id", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        }),
        messages: rows(connection, messages, four),
        chats: rows(connection, chats, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        }),
    }
}

fn rows<T>(
    connection: &Connection,
    query: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut query = connection.prepare(query).unwrap();
    query.query_map((), read).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What an import has to make of it, said in the words of the promise and not in SQL.
fn normalised(flask: &Flask) -> Content {
    let mut messages = flask.messages.clone();
    messages.sort_by(|one, other| one.3.cmp(&other.3));

    let received = |user: i64, partner: i64| {
        let from_partner =
            messages.iter().filter(|message| (message.0, message.1) == (partner, user));
        if user == partner { 0 } else { i64::try_from(from_partner.count()).unwrap() }
    };
    let newest = |user: i64, partner: i64| {
        let sides = [(user, partner), (partner, user)];
        messages.iter().rposition(|message| sides.contains(&(message.0, message.1)))
    };
    let mut sides: Vec<(i64, i64)> = flask.chats.keys().copied().collect();
    let talked =
        messages.iter().flat_map(|message| [(message.0, message.1), (message.1, message.0)]);
    sides.extend(
        talked.collect::<BTreeSet<_>>().iter().filter(|side| !flask.chats.contains_key(side)),
    );
    let mut chats: Vec<(i64, i64, String, i64)> = sides
        .into_iter()
        .map(|(user, partner)| {
            if let Some((date, count)) = flask.chats.get(&(user, partner)) {
                return (user, partner, date.clone(), (*count).clamp(0, received(user, partner)));
            }
            let date = messages[newest(user, partner).unwrap()].3.clone();
            (user, partner, date, received(user, partner))
        })
        .collect();
    chats.sort_by_key(|chat| (chat.0, chat.2.clone(), newest(chat.0, chat.1)));

    let mut users: Vec<(i64, String, String)> = (1..)
        .zip(&flask.names)
        .map(|(id, name)| (id, name.clone(), format!("scrypt:32768:8:1$salt{id}$00")))
        .collect();
    let named: BTreeSet<i64> =
        chats.iter().map(|chat| chat.0).chain(chats.iter().map(|chat| chat.1)).collect();
    for id in named {
        if id > i64::try_from(flask.names.len()).unwrap() {
            users.push((id, format!("deleted user {id}"), "!".into()));
        }
    }
    Content { users, messages, chats }
}

/// The read positions, which an export can only carry as counts.
fn read_positions(path: &Path) -> Vec<(i64, i64, i64)> {
    let connection = looked_into(path);
    let wrong: i64 =
        connection.query_row("SELECT count(*) FROM miscounted", (), |row| row.get(0)).unwrap();
    assert_eq!(wrong, 0, "counts that are not the number of messages after the read position");
    let positions = "SELECT user_id, partner_id, last_read_id FROM sides ORDER BY 1, 2";
    rows(&connection, positions, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

#[track_caller]
fn assert_same(found: &Content, expected: &Content) {
    let mut chats = found.chats.iter().zip(&expected.chats);
    assert_eq!(chats.find(|(found, expected)| found != expected), None, "the first other chat");
    let mut messages = found.messages.iter().zip(&expected.messages);
    assert_eq!(
        messages.find(|(found, expected)| found != expected),
        None,
        "the first other message"
    );
    assert_eq!(found.users, expected.users);
    assert!(found == expected, "there are more chats or messages on one side");
}

fn loses_nothing(flask: &Flask) {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    write(flask, &file("flask.db"));
    let before = std::fs::read(file("flask.db")).unwrap();
    import(&file("flask.db"), &file("first.db"), &mut |_| {}).unwrap();
    export(&file("first.db"), &file("exported.db"), &mut |_| {}).unwrap();
    import(&file("exported.db"), &file("second.db"), &mut |_| {}).unwrap();

    let expected = normalised(flask);
    let first = content(&looked_into(&file("first.db")), OURS);
    assert_same(&first, &expected);
    let exported = Connection::open(file("exported.db")).unwrap();
    assert_same(&content(&exported, OF_FLASK), &expected);
    assert_same(&content(&looked_into(&file("second.db")), OURS), &first);
    assert_eq!(read_positions(&file("second.db")), read_positions(&file("first.db")));
    assert_eq!(std::fs::read(file("flask.db")).unwrap(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn import_export_and_import_again_lose_nothing(flask in flask()) {
        loses_nothing(&flask);
    }
}

/// They are more than a second has milliseconds. Messages came into half of them, in another order than that of
/// their rows.
#[test]
fn a_thousand_chats_of_one_second_keep_their_order_and_their_second() {
    const PARTNERS: i64 = 2500;
    let moment = "2026-01-02 03:04:05".to_owned();
    loses_nothing(&Flask {
        names: (1..=PARTNERS).map(|id| format!("person {id}")).collect(),
        messages: (2..=PARTNERS)
            .rev()
            .filter(|id| id % 2 == 0)
            .map(|id| (id, 1, "hello".to_owned(), moment.clone()))
            .collect(),
        chats: (2..=PARTNERS).map(|id| ((1, id), (moment.clone(), 0))).collect(),
    });
}
