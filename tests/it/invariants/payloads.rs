//! What holds for every payload that a client sends: it is read as any reader of JSON would read it,
//! or refused in a short sentence.

use arbitrary::Unstructured;
use serde::Serialize;
use serde_json::Value as Json;
use socketioxide_core::Value;
use socketioxide_core::packet::PacketData;
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_parser_common::CommonParser;
use visavis::domain::{
    Body, ClientId, Digest, Error, Message, MessageId, MessageState, ReadMark, Timestamp, UserId,
    Version, shows,
};
use visavis::protocol::flask::{
    Block, CountUpdated, HistoryScrolled, JoinChat, MessageSent, PageStart,
};
use visavis::protocol::ours::CatchUp;
use visavis::protocol::payload::Object;
use visavis::protocol::{Reader, Request, flask, ours};

/// The longest message that a server may be set to take, in characters.
const BODY_CHARS_MAX: usize = 10_000;
/// What a refusal may have at most, in bytes: some of 200 characters.
const SENTENCE_BYTES_MAX: usize = 1000;
/// What the longest message takes when every character is written as two `\uXXXX`.
const ESCAPED_BYTES_MAX: usize = 120_000;

/// Makes a payload of `bytes`, and reads it as each of the requests.
pub fn hold(bytes: &[u8]) {
    let text = match bytes.split_first() {
        Some((0..=63, text)) => String::from_utf8_lossy(text).into_owned(),
        _ => object(&mut Unstructured::new(bytes)).unwrap_or_else(|_| "{}".into()),
    };
    let Some(event) = Event::read(&text) else { return };
    for name in flask::AnyRequest::NAMES {
        let expected = is_one_of_flask(name, &event.json) == Some(true);
        if let Some(request) = event.is(name, expected, flask::AnyRequest::read(name, &event)) {
            is_as_flask_sent_it(&event.json, &request);
        }
    }
    for name in ours::AnyRequest::NAMES {
        let expected = is_one_of_ours(name, &event.json) == Some(true);
        if let Some(request) = event.is(name, expected, ours::AnyRequest::read(name, &event)) {
            is_as_sent(&event.json, request);
        }
    }
}

/// Whether `json` is a payload of the request of protocol 1 with that name; `None` for no as well.
fn is_one_of_flask(name: &str, json: &Json) -> Option<bool> {
    let is_optional = |name| optional(json, name, |json| digits(json, name));
    match name {
        "sync" => return Some(digits(json, "since_id")? >= 0),
        _ => digits(json, "chat_partner_id")?,
    };
    match name {
        "join_chat" => is_optional("at_most"),
        "block" => json.get("blocked")?.as_bool().map(|_| true),
        "message_history_is_scrolled_to_the_top" => {
            digits(json, "message_count")?;
            is_optional("before_id")
        }
        "message_sent" => {
            json.get("message")?.as_str()?;
            optional(json, "client_id", |json| json.get("client_id")?.as_str().map(str::len))
        }
        "new_message_count_updated" => {
            json.get("new_message_count")?.as_i64()?;
            is_optional("last_read_id")
        }
        _ => panic!("say here what a payload of {name} is"),
    }
}

/// As [`is_one_of_flask`], of protocol 2.
fn is_one_of_ours(name: &str, json: &Json) -> Option<bool> {
    let is_text = |name| json.get(name)?.as_str().map(|_| true);
    if name == "catch_up" {
        optional(json, "epoch", |json| json["epoch"].as_str().map(str::len))?;
        optional(json, "digest", digest)?;
        return json.get("known").is_none_or(|known| versions(known).is_some()).then_some(true);
    }
    number(json, "partner_id")?;
    match name {
        "get_changes" => {
            number(json, "since")?;
            optional(json, "at_most", small)
        }
        "get_history" => {
            optional(json, "before_id", |json| number(json, "before_id"))?;
            optional(json, "at_most", small)
        }
        "send_message" => is_text("text").and(is_text("client_id")),
        "edit_message" => {
            number(json, "message_id")?;
            is_text("text").and(is_text("client_id"))
        }
        "delete_message" => number(json, "message_id").map(|_| true),
        "mark_read" | "mark_delivered" => number(json, "up_to_id").map(|_| true),
        "set_blocked" => json.get("blocked")?.as_bool().map(|_| true),
        _ => panic!("say here what a payload of {name} is"),
    }
}

fn is_as_flask_sent_it(json: &Json, request: &flask::AnyRequest) {
    use flask::AnyRequest;
    match request {
        AnyRequest::JoinChat(join) => joined(json, join),
        AnyRequest::HistoryScrolled(page) => scrolled(json, page),
        AnyRequest::MessageSent(message) => flask_sent(json, message),
        AnyRequest::CountUpdated(updated) => read(json, updated),
        AnyRequest::Block(block) => blocked(json, block),
        AnyRequest::Sync(sync) => assert_eq!(Some(sync.since().0), digits(json, "since_id")),
    }
}

fn is_as_sent(json: &Json, request: ours::AnyRequest) {
    use ours::AnyRequest;
    let is = |name, sent: i64| assert_eq!(number(json, name), Some(sent), "{name}");
    let is_text = |name, sent: &str| assert_eq!(json[name].as_str(), Some(sent), "{name}");
    let partner = match request {
        AnyRequest::CatchUp(request) => return caught_up(json, request),
        AnyRequest::GetChanges(asked) => {
            is("since", asked.since.0);
            assert_eq!(small(json), asked.at_most);
            asked.partner_id
        }
        AnyRequest::GetHistory(asked) => {
            assert_eq!(number(json, "before_id"), asked.before_id.map(|id| id.0));
            assert_eq!(small(json), asked.at_most);
            asked.partner_id
        }
        AnyRequest::SendMessage(message) => {
            is_text("client_id", &message.client_id);
            sent(json, "text", &message.text, Some(&message.client_id));
            message.partner_id
        }
        AnyRequest::EditMessage(edit) => {
            is("message_id", edit.message_id.0);
            is_text("client_id", &edit.client_id);
            sent(json, "text", &edit.text, Some(&edit.client_id));
            edit.partner_id
        }
        AnyRequest::DeleteMessage(deletion) => {
            is("message_id", deletion.message_id.0);
            deletion.partner_id
        }
        AnyRequest::MarkRead(mark) => {
            is("up_to_id", mark.up_to_id.0);
            mark.partner_id
        }
        AnyRequest::MarkDelivered(mark) => {
            is("up_to_id", mark.up_to_id.0);
            mark.partner_id
        }
        AnyRequest::SetBlocked(set) => {
            assert_eq!(Some(set.blocked), json["blocked"].as_bool());
            set.partner_id
        }
    };
    is("partner_id", partner.0);
}

fn caught_up(json: &Json, request: CatchUp) {
    let CatchUp { epoch, digest, known, messages_of } = request;
    let partners: Option<Vec<_>> =
        messages_of.map(|partners| partners.iter().map(|id| id.0).collect());
    let named = json["messages_of"].as_array();
    assert_eq!(partners, named.map(|ids| ids.iter().filter_map(Json::as_i64).collect()));
    assert_eq!(epoch.as_deref(), json["epoch"].as_str());
    assert_eq!(digest.map(|Object(digest)| digest), self::digest(json));
    assert_eq!(Some(known), json.get("known").map_or(Some(Vec::new()), versions));
}

fn joined(json: &Json, join: &JoinChat) {
    assert_eq!(Some(UserId::from(join.chat_partner_id).0), digits(json, "chat_partner_id"));
}

fn blocked(json: &Json, block: &Block) {
    assert_eq!(Some(UserId::from(block.chat_partner_id).0), digits(json, "chat_partner_id"));
    assert_eq!(Some(block.blocked), json["blocked"].as_bool());
}

fn scrolled(json: &Json, scrolled: &HistoryScrolled) {
    assert_eq!(Some(UserId::from(scrolled.chat_partner_id).0), digits(json, "chat_partner_id"));
    let (before, count) = (digits(json, "before_id"), digits(json, "message_count"));
    match scrolled.start() {
        PageStart::Before(MessageId(id)) => assert_eq!(Some(id), before),
        PageStart::AfterNewest(skipped) => {
            assert_eq!(
                (before, count.map(|count| count.min(u32::MAX.into()))),
                (None, Some(skipped.into()))
            );
        }
    }
}

fn read(json: &Json, updated: &CountUpdated) {
    assert_eq!(Some(UserId::from(updated.chat_partner_id).0), digits(json, "chat_partner_id"));
    match updated.mark() {
        ReadMark::UpTo(MessageId(id)) => assert_eq!(Some(id), digits(json, "last_read_id")),
        ReadMark::Remaining(count) => {
            assert_eq!(json["new_message_count"].as_i64(), Some(count));
            assert!(json.get("last_read_id").is_none_or(Json::is_null));
        }
    }
}

fn flask_sent(json: &Json, message: &MessageSent) {
    assert_eq!(Some(UserId::from(message.chat_partner_id).0), digits(json, "chat_partner_id"));
    assert_eq!(json["client_id"].as_str(), message.client_id.as_deref());
    sent(json, "message", &message.message, message.client_id.as_deref());
}

/// What the two protocols make of the text of a message, which stands under `name`, is the same.
fn sent(json: &Json, name: &str, text: &str, client_id: Option<&str>) {
    assert_eq!(json[name].as_str(), Some(text));
    if let Some(Err(error)) = client_id.map(ClientId::parse) {
        is_short(&error);
    }
    let chars = text.chars().count();
    let fits = shows(text) && !text.contains('\0') && chars <= BODY_CHARS_MAX;
    match Body::parse(text.to_owned(), BODY_CHARS_MAX) {
        Ok(body) => {
            assert!(fits, "a body of {chars} characters was taken: {text:?}");
            assert_eq!(body.into_string(), text);
            assert!(text.encode_utf16().count() * "\\uXXXX".len() <= ESCAPED_BYTES_MAX);
            is_counted_as_no_more_than_it_is(json, text);
        }
        Err(error) => {
            assert!(!fits, "{error}: {text:?}");
            is_short(&error);
        }
    }
}

/// What a socket is owed is counted by `wire_bytes`, and must not exceed what is written.
fn is_counted_as_no_more_than_it_is(json: &Json, text: &str) {
    let id = digits(json, "chat_partner_id").unwrap_or(0);
    let message = Message {
        id: MessageId(id),
        sender_id: UserId(id),
        receiver_id: UserId(0),
        message: text.to_owned(),
        timestamp: Timestamp::from_stored("2026-03-04 05:06:07".into()),
    };
    is_counted(message.wire_bytes(), &message, "message", text);
    let state = MessageState {
        id: message.id,
        sender_id: message.sender_id,
        receiver_id: message.receiver_id,
        text: message.message,
        timestamp: message.timestamp,
        version: Version(1),
        edited_at: None,
        deleted_at: None,
        client_id: None,
    };
    is_counted(state.wire_bytes(), &state, "text", text);
}

fn is_counted(bytes: usize, message: &impl Serialize, name: &str, text: &str) {
    let written = serde_json::to_string(message).unwrap();
    assert!(bytes <= written.len(), "{bytes} of {written}");
    let read: Json = serde_json::from_str(&written).unwrap();
    assert_eq!(read[name].as_str(), Some(text));
}

fn is_short(error: &Error) {
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    let sentence = error.to_string();
    assert!(!sentence.is_empty() && sentence.len() <= SENTENCE_BYTES_MAX, "{}", sentence.len());
}

/// An event as the socket has it when it is read, and what another reader of JSON makes of it.
struct Event {
    value: Value,
    json: Json,
    /// Some name seems to stand there twice: the other reader takes the last, the socket none.
    twice: bool,
}

impl Event {
    /// `None` where this is no list of arguments that both would read: the socket reads its first
    /// argument and no further.
    fn read(payload: &str) -> Option<Self> {
        let packet = format!(r#"42["event",{payload}]"#);
        let (config, state) = (ParseConfig::default(), ParserState::default());
        // The first digit is Engine.IO's.
        let packet = CommonParser.decode_str(&config, &state, packet[1..].to_owned().into());
        let PacketData::Event(value, None) = packet.expect("an event is a packet").inner else {
            panic!("an event is an event");
        };
        let json = serde_json::from_str(payload).ok()?;
        assert_eq!(CommonParser.read_event(&value).ok(), Some("event"));
        let mut names = NAMES.iter().chain(&["conversations", "versions"]);
        let twice = names.any(|name| payload.matches(&format!("\"{name}\"")).count() > 1);
        Some(Self { value, json, twice })
    }

    /// The request that it was read as, which it must be where that is `expected`, and only there.
    fn is<T>(&self, name: &str, expected: bool, read: Option<Result<T, String>>) -> Option<T> {
        let expected = expected && self.json.is_object();
        match read.expect("a request of the table") {
            Ok(request) => {
                assert!(expected, "this was taken for {name}: {}", self.json);
                Some(request)
            }
            Err(complaint) => {
                assert!(self.twice || !expected, "{complaint} for {name}: {}", self.json);
                None
            }
        }
    }
}

impl Reader for &Event {
    type Error = String;

    fn read<R: Request>(self) -> Result<R, String> {
        is_short(&R::malformed());
        let mut value = self.value.clone();
        let read = CommonParser.decode_value::<Object<R>>(&mut value, true);
        read.map(|Object(payload)| payload).map_err(|complaint| complaint.to_string())
    }
}

/// A whole number, as protocol 2 has them.
fn number(json: &Json, name: &str) -> Option<i64> {
    json.get(name)?.as_i64()
}

/// How many messages are asked for.
fn small(json: &Json) -> Option<u32> {
    number(json, "at_most")?.try_into().ok()
}

fn digest(json: &Json) -> Option<Digest> {
    let digest = json.get("digest").filter(|digest| digest.is_object())?;
    let conversations = number(digest, "conversations")?.try_into().ok()?;
    Some(Digest { conversations, versions: number(digest, "versions")? })
}

/// Pairs of a partner and a version.
fn versions(known: &Json) -> Option<Vec<(UserId, Version)>> {
    let pair = |pair: &Json| match &pair.as_array()?[..] {
        [partner, version] => Some((UserId(partner.as_i64()?), Version(version.as_i64()?))),
        _ => None,
    };
    known.as_array()?.iter().map(pair).collect()
}

/// An id or a count, as protocol 1 has them.
fn digits(json: &Json, name: &str) -> Option<i64> {
    match json.get(name)? {
        Json::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Json::String(_) => None,
        number => number.as_i64().filter(|number| *number >= 0),
    }
}

fn optional<T>(json: &Json, name: &str, wanted: impl Fn(&Json) -> Option<T>) -> Option<bool> {
    match json.get(name) {
        None | Some(Json::Null) => Some(true),
        Some(_) => wanted(json).map(|_| true),
    }
}

const NAMES: [&str; 19] = [
    "at_most",
    "blocked",
    "chat_partner_id",
    "message",
    "message_count",
    "new_message_count",
    "before_id",
    "last_read_id",
    "client_id",
    "since_id",
    "partner_id",
    "since",
    "text",
    "message_id",
    "up_to_id",
    "epoch",
    "digest",
    "known",
    "x",
];

/// An object with fields of the protocols, more of them right than wrong.
fn object(input: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let mut fields = Vec::new();
    for name in NAMES {
        for _ in 0..*input.choose(&[0, 1, 1, 1, 1, 1, 1, 2])? {
            fields.push(format!("{}:{}", Json::from(name), field(input, name)?));
        }
    }
    Ok(format!("{{{}}}", fields.join(",")))
}

fn field(input: &mut Unstructured<'_>, name: &str) -> arbitrary::Result<String> {
    let is_odd = input.ratio(1_u8, 4)?;
    Ok(match name {
        "digest" if !is_odd => {
            let (conversations, versions) = (value(input, 0)?, value(input, 0)?);
            // As an object, or as an array, which is none.
            if input.ratio(1_u8, 8)? {
                format!("[{conversations},{versions}]")
            } else {
                format!("{{\"conversations\":{conversations},\"versions\":{versions}}}")
            }
        }
        "known" if !is_odd => {
            let mut pairs = Vec::new();
            for _ in 0..input.int_in_range(0..=3_u8)? {
                pairs.push(format!("[{},{}]", input.arbitrary::<u16>()?, value(input, 1)?));
            }
            format!("[{}]", pairs.join(","))
        }
        "blocked" if !is_odd => input.arbitrary::<bool>()?.to_string(),
        _ => value(input, 3)?,
    })
}

fn value(input: &mut Unstructured<'_>, depth: u32) -> arbitrary::Result<String> {
    Ok(match input.int_in_range(0..=11_u8)? {
        0..=2 => input.arbitrary::<u16>()?.to_string(),
        3 | 4 => format!("\"{}\"", input.arbitrary::<u16>()?),
        5 => Json::from(text(input)?).to_string(),
        6 => (*input.choose(&ODD)?).into(),
        7 => input.arbitrary::<i64>()?.to_string(),
        8 => input.arbitrary::<u64>()?.to_string(),
        9 => format!("{:e}", f64::from(input.arbitrary::<f32>()?)),
        10 if depth > 0 => format!("[{}]", value(input, depth - 1)?),
        11 if depth > 0 => format!("{{\"_placeholder\":{}}}", value(input, depth - 1)?),
        _ => "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"".into(),
    })
}

const ODD: [&str; 16] = [
    "null",
    "true",
    "-0",
    "-1",
    "1e400",
    "1.0",
    "9223372036854775807",
    "9223372036854775808",
    "\"9223372036854775808\"",
    "\"007\"",
    "\"١\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\" \\u2003\"",
    "{\"_placeholder\":true,\"num\":0}",
    "\"",
];

/// A text that is short, or as long as the bounds that it is held to.
fn text(input: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let piece: String = input.arbitrary()?;
    let about = *input.choose(&[1, 1, 1, 300, 9_999, 10_000, 10_001])?;
    let times = if piece.is_empty() { 0 } else { about / piece.chars().count().min(about) };
    Ok(piece.repeat(times))
}
