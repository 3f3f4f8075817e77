//! The documents of the protocol, made from the table and the shapes, and compared with what is
//! committed. With `WRITE=1` (`make protocol`) they are written instead.

use std::fmt::Write;
use std::{env, fs};

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::payload::Failure;
use super::{flask, ours};
use crate::config::LimitedAction;

pub struct Request {
    pub name: &'static str,
    pub text: &'static str,
    pub limit: LimitedAction,
    pub payload: Schema,
    pub answer: Schema,
}

pub struct Notification {
    pub name: &'static str,
    pub text: &'static str,
    pub payload: Schema,
}

/// The tables of one protocol.
struct Tables {
    requests: Vec<Request>,
    notifications: Vec<Notification>,
}

/// Everything that the documents say.
struct Protocols {
    ours: Tables,
    flask: Tables,
    failure: Schema,
    /// The shapes that have a name, as JSON Schema.
    shapes: Map<String, Value>,
}

/// Where the named shapes stand in `docs/asyncapi.json`.
const SHAPES: &str = "#/components/schemas/";

impl Protocols {
    fn declared() -> Self {
        let mut settings = SchemaSettings::draft07();
        settings.definitions_path = SHAPES.trim_start_matches('#').trim_end_matches('/').into();
        let mut schemas = SchemaGenerator::new(settings);
        let ours = Tables {
            requests: ours::documented_requests(&mut schemas),
            notifications: ours::documented_notifications(&mut schemas),
        };
        let flask = Tables {
            requests: flask::documented_requests(&mut schemas),
            notifications: flask::documented_notifications(&mut schemas),
        };
        let failure = schemas.subschema_for::<Failure>();
        let shapes = schemas.take_definitions(true);
        Self { ours, flask, failure, shapes }
    }

    /// The arguments of an acknowledgement, as alternatives.
    fn arguments(&self, answer: &Value) -> Vec<Vec<Value>> {
        let shape = self.resolved(answer);
        if let Some(alternatives) = shape["anyOf"].as_array() {
            return alternatives.iter().flat_map(|one| self.arguments(one)).collect();
        }
        match shape["items"].as_array() {
            Some(arguments) => vec![arguments.clone()],
            None => vec![vec![answer.clone()]],
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix(SHAPES));
        name.map_or(schema, |name| &self.shapes[name])
    }

    /// The type in TypeScript, in one line. Named shapes are named.
    fn typed(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str() {
            return name.trim_start_matches(SHAPES).to_owned();
        }
        // What is described where it is used stands alone in an `allOf`.
        for of in ["allOf", "anyOf", "oneOf"] {
            if let Some(alternatives) = schema[of].as_array() {
                let types: Vec<String> = alternatives.iter().map(|one| self.typed(one)).collect();
                return types.join(" | ");
            }
        }
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        if let Some(types) = schema["type"].as_array() {
            let one = |kind: &Value| {
                let mut schema = schema.clone();
                schema["type"] = kind.clone();
                self.typed(&schema)
            };
            return types.iter().map(one).collect::<Vec<_>>().join(" | ");
        }
        match schema["type"].as_str() {
            Some("integer" | "number") => "number".to_owned(),
            Some("array") => match &schema["items"] {
                Value::Array(items) => self.tuple(items),
                item => format!("{}[]", self.typed(item)),
            },
            Some("object") => self.fields(schema),
            Some(kind) => kind.to_owned(),
            None => panic!("a shape without a type: {schema}"),
        }
    }

    fn tuple(&self, items: &[Value]) -> String {
        let types: Vec<String> = items.iter().map(|item| self.typed(item)).collect();
        format!("[{}]", types.join(", "))
    }

    fn fields(&self, schema: &Value) -> String {
        let required = schema["required"].as_array();
        let is_required = |name: &str| required.is_some_and(|names| names.contains(&name.into()));
        let fields: Vec<String> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, field)| {
                let mark = if is_required(name) { "" } else { "?" };
                let type_ = self.typed(field);
                format!("{name}{mark}: {}", type_.trim_end_matches(" | null"))
            })
            .collect();
        format!("{{ {} }}", fields.join(", "))
    }

    /// `static/js/protocol.d.ts`.
    fn types(&self) -> String {
        let mut text = String::from("// Written by `make protocol`.\n");
        for (name, shape) in &self.shapes {
            comment(&mut text, "", &shape["description"]);
            _ = writeln!(text, "export type {name} = {};\n", self.typed(shape));
        }
        for (number, prefix, tables) in [(2, "", &self.ours), (1, "Flask", &self.flask)] {
            text += &self.interfaces(number, prefix, tables);
        }
        text
    }

    fn interfaces(&self, number: u8, prefix: &str, tables: &Tables) -> String {
        let mut text = format!(
            "/** Protocol {number}: what a client asks, and the arguments of each acknowledgement that is no failure. */\n\
             export interface {prefix}Requests {{\n"
        );
        for Request { name, text: doc, payload, answer, .. } in &tables.requests {
            comment(&mut text, "  ", &json!(doc));
            let answers = self.arguments(answer.as_value());
            let answers: Vec<String> =
                answers.iter().map(|arguments| self.tuple(arguments)).collect();
            let payload = self.typed(payload.as_value());
            _ = writeln!(
                text,
                "  {name}: {{ payload: {payload}; answer: {} }};",
                answers.join(" | ")
            );
        }
        _ = write!(
            text,
            "}}\n\n/** Protocol {number}: what the server tells unasked. */\nexport interface {prefix}Notifications {{\n"
        );
        for Notification { name, text: doc, payload } in &tables.notifications {
            comment(&mut text, "  ", &json!(doc));
            _ = writeln!(text, "  {name}: {};", self.typed(payload.as_value()));
        }
        text + "}\n\n"
    }

    /// A table of requests, and one of notifications, in Markdown.
    fn markdown(&self, tables: &Tables) -> (String, String) {
        let mut requests = String::from(
            "| event | payload | acknowledgement | limit |\n| --- | --- | --- | --- |\n",
        );
        for Request { name, text, limit, payload, answer } in &tables.requests {
            let answers = self.arguments(answer.as_value());
            let answers = answers.iter().map(|arguments| {
                let types: Vec<String> =
                    arguments.iter().map(|argument| code(&self.typed(argument))).collect();
                types.join(", ")
            });
            let answers = answers.collect::<Vec<_>>().join("; or ");
            let payload = code(&self.fields(self.resolved(payload.as_value())));
            let flag = limit.limit().flag;
            _ = writeln!(requests, "| `{name}`: {text} | {payload} | {answers} | `--{flag}` |");
        }
        let mut notifications = String::from("| event | payload |\n| --- | --- |\n");
        for Notification { name, text, payload } in &tables.notifications {
            let payload = code(&self.typed(self.resolved(payload.as_value())));
            _ = writeln!(notifications, "| `{name}`: {text} | {payload} |");
        }
        (requests, notifications)
    }

    /// The tables of `docs/protocol.md`, by the name of their section.
    fn sections(&self) -> [(&'static str, String); 6] {
        let (requests, notifications) = self.markdown(&self.ours);
        let (flask_requests, flask_notifications) = self.markdown(&self.flask);
        let mut shapes = String::from("| shape | fields |\n| --- | --- |\n");
        let listed = [
            "Conversation",
            "ChangedConversation",
            "CaughtUp",
            "Digest",
            "History",
            "MessageState",
            "SentMessage",
            "MessageChanged",
            "ConversationChanged",
            "MessageId",
            "UserId",
            "Version",
            "ClientId",
            "Timestamp",
            "Digits",
            "Message",
            "Joined",
            "Sent",
            "ReadState",
            "Blocked",
            "Synced",
            "SyncedChat",
            "User",
        ];
        for name in listed {
            let shape = &self.shapes[name];
            let text = shape["description"].as_str().unwrap_or_default().replace('\n', " ");
            _ = writeln!(shapes, "| `{name}`: {text} | {} |", code(&self.typed(shape)));
        }
        let mut failures = String::from("| code | means |\n| --- | --- |\n");
        for failure in self.shapes["FailureCode"]["oneOf"].as_array().into_iter().flatten() {
            let text = failure["description"].as_str().unwrap_or_default().replace('\n', " ");
            _ = writeln!(
                failures,
                "| `{}` | {text} |",
                failure["const"].as_str().unwrap_or_default()
            );
        }
        [
            ("requests", requests),
            ("notifications", notifications),
            ("requests of protocol 1", flask_requests),
            ("notifications of protocol 1", flask_notifications),
            ("shapes", shapes),
            ("failures", failures),
        ]
    }

    /// `docs/asyncapi.json`.
    fn async_api(&self) -> String {
        let (mut messages, mut operations) = (Map::new(), Map::new());
        let reference =
            |name: &str| json!({ "$ref": format!("#/channels/socket/messages/{name}") });
        let both = [(2, &self.ours), (1, &self.flask)];
        let tags = |protocol: u8| json!([{ "name": format!("protocol {protocol}") }]);
        let requests =
            both.iter().flat_map(|(number, one)| one.requests.iter().map(|r| (*number, r)));
        for (protocol, Request { name, text, payload, answer, .. }) in requests {
            let answer_name = format!("{name}.answer");
            messages.insert(
                (*name).to_owned(),
                json!({ "name": name, "summary": text, "payload": payload }),
            );
            let arguments = self.arguments(answer.as_value());
            let tuple = |items: &Vec<Value>| {
                let count = items.len();
                json!({ "type": "array", "items": items, "minItems": count, "maxItems": count })
            };
            let payload = match &arguments[..] {
                [one] => tuple(one),
                several => json!({ "anyOf": several.iter().map(tuple).collect::<Vec<_>>() }),
            };
            let title = format!("The arguments of the acknowledgement of {name}");
            messages.insert(
                answer_name.clone(),
                json!({ "name": answer_name, "title": title, "payload": payload }),
            );
            operations.insert(
                (*name).to_owned(),
                json!({
                    "action": "receive",
                    "tags": tags(protocol),
                    "channel": { "$ref": "#/channels/socket" },
                    "messages": [reference(name)],
                    "reply": {
                        "channel": { "$ref": "#/channels/socket" },
                        "messages": [reference(&answer_name), reference("failure")],
                    },
                }),
            );
        }
        let failure = json!({
            "name": "failure",
            "title": "The only argument of the acknowledgement of an event that was not done",
            "payload": self.failure,
        });
        messages.insert("failure".into(), failure);
        let notifications =
            both.iter().flat_map(|(number, one)| one.notifications.iter().map(|n| (*number, n)));
        for (protocol, Notification { name, text, payload }) in notifications {
            messages.insert(
                (*name).to_owned(),
                json!({ "name": name, "summary": text, "payload": payload }),
            );
            operations.insert(
                (*name).to_owned(),
                json!({
                    "action": "send",
                    "tags": tags(protocol),
                    "channel": { "$ref": "#/channels/socket" },
                    "messages": [reference(name)],
                }),
            );
        }
        let channel: Map<String, Value> = messages
            .keys()
            .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
            .collect();
        let document = json!({
            "asyncapi": "3.0.0",
            "info": {
                "title": "visavis",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "The events of its Socket.IO endpoint; docs/protocol.md has the promises.",
            },
            "defaultContentType": "application/json",
            "channels": { "socket": { "address": "/socket.io/", "messages": channel } },
            "operations": operations,
            "components": { "messages": messages, "schemas": self.shapes },
        });
        format!("{document:#}\n")
    }
}

/// A comment of TypeScript, if there is something to say.
fn comment(text: &mut String, indent: &str, doc: &Value) {
    if let Some(doc) = doc.as_str() {
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        _ = writeln!(text, "{indent}/** {doc} */");
    }
}

/// Code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace(" | ", " or "))
}

/// `document` with that section replaced, which stands between two markers.
fn with_section(document: &str, name: &str, section: &str) -> String {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = document.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{start}{section}{end}{after}")
}

#[test]
fn the_documents_say_what_the_table_says() {
    let protocols = Protocols::declared();
    let path = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut prose = fs::read_to_string(path("docs/protocol.md")).unwrap();
    for (name, table) in protocols.sections() {
        prose = with_section(&prose, name, &table);
    }
    for (name, made) in [
        ("docs/protocol.md", prose),
        ("docs/asyncapi.json", protocols.async_api()),
        ("static/js/protocol.d.ts", protocols.types()),
    ] {
        if env::var_os("WRITE").is_some() {
            fs::write(path(name), made).unwrap();
        } else {
            let committed = fs::read_to_string(path(name)).unwrap();
            assert!(made == committed, "{name} is stale; run make protocol");
        }
    }
}
