//! A Socket.IO client, as light as can be: what it takes itself is taken from the server's share of
//! the machine. Packets stay text; only what is asked for is read out of them.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::http::Http;
use crate::people::Person;

/// Between two packets of one HTTP body.
const SEPARATOR: char = '\u{1e}';
const ROOT: &str = "/socket.io/?EIO=4";
/// How long an answer is waited for; a measurement that hangs must say so.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Polling,
}

enum Wire {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Polling { path: String, polls: Http, posts: Http, come: VecDeque<String> },
}

/// A connected client that has joined the namespace.
pub struct Socket {
    wire: Wire,
    /// The numbers of the acknowledgements asked for.
    asked: u64,
}

/// What a server sent, as far as it matters here.
#[derive(Debug)]
pub enum Heard {
    /// The acknowledgement of that number.
    Acknowledged(u64, String),
    Event(String),
}

impl Socket {
    /// Connects `person`, and joins the namespace.
    pub async fn open(address: &str, person: &Person, transport: Transport) -> Result<Self> {
        let opening = Self::connect(address, person, transport);
        timeout(PATIENCE, opening).await.context("the server did not let the socket in")?
    }

    async fn connect(address: &str, person: &Person, transport: Transport) -> Result<Self> {
        let wire = match transport {
            Transport::WebSocket => web_socket(address, &person.cookie).await?,
            Transport::Polling => polling(address, &person.cookie).await?,
        };
        let mut socket = Self { wire, asked: 0 };
        socket.write(vec!["40".to_owned()]).await?;
        loop {
            let packet = socket.read().await?;
            if packet.starts_with("40") {
                return Ok(socket);
            }
            ensure!(!packet.starts_with("44"), "refused: {packet}");
            socket.answer_ping(&packet).await?;
        }
    }

    /// Emits `event` with a JSON payload, and gives the number of the acknowledgement to come.
    pub async fn emit(&mut self, event: &str, payload: &str) -> Result<u64> {
        self.emit_all(event, [payload.to_owned()]).await
    }

    /// Emits several at once, and gives the number of the first acknowledgement to come.
    pub async fn emit_all(
        &mut self,
        event: &str,
        payloads: impl IntoIterator<Item = String>,
    ) -> Result<u64> {
        let first = self.asked;
        let mut packets = Vec::new();
        for payload in payloads {
            packets.push(format!("42{}[\"{event}\",{payload}]", self.asked));
            self.asked += 1;
        }
        self.write(packets).await?;
        Ok(first)
    }

    /// Emits, and waits for the acknowledgement; events that come meanwhile are dropped.
    pub async fn ask(&mut self, event: &str, payload: &str) -> Result<String> {
        let asked = self.emit(event, payload).await?;
        let answered = async {
            loop {
                if let Heard::Acknowledged(number, answer) = self.hear().await?
                    && number == asked
                {
                    return Ok(answer);
                }
            }
        };
        timeout(PATIENCE, answered).await.with_context(|| format!("no answer to {event}"))?
    }

    /// Opens the chat with `partner`.
    pub async fn join_chat(&mut self, partner: i64) -> Result<()> {
        let payload = format!(r#"{{"chat_partner_id":"{partner}"}}"#);
        let answer = self.ask("join_chat", &payload).await?;
        ensure!(!answer.contains("\"failure\""), "the chat was not opened: {answer}");
        Ok(())
    }

    /// The next acknowledgement or event. Over a WebSocket it may be dropped and asked again.
    pub async fn hear(&mut self) -> Result<Heard> {
        loop {
            let packet = self.read().await?;
            if let Some(rest) = packet.strip_prefix("43") {
                let digits = rest.find('[').context("an acknowledgement without arguments")?;
                return Ok(Heard::Acknowledged(rest[..digits].parse()?, rest[digits..].to_owned()));
            }
            if let Some(rest) = packet.strip_prefix("42") {
                return Ok(Heard::Event(rest.to_owned()));
            }
            ensure!(!packet.starts_with("41"), "the server closed the socket");
            self.answer_ping(&packet).await?;
        }
    }

    /// What has come and can be heard without waiting.
    pub fn has_come(&self) -> bool {
        matches!(&self.wire, Wire::Polling { come, .. } if !come.is_empty())
    }

    /// How many acknowledgements were asked for: the number of the next.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    async fn answer_ping(&mut self, packet: &str) -> Result<()> {
        if packet == "2" {
            self.write(vec!["3".to_owned()]).await?;
        }
        Ok(())
    }

    async fn write(&mut self, packets: Vec<String>) -> Result<()> {
        match &mut self.wire {
            Wire::WebSocket(stream) => {
                for packet in packets {
                    stream.feed(Message::Text(Utf8Bytes::from(packet))).await?;
                }
                stream.flush().await?;
            }
            Wire::Polling { path, posts, .. } => {
                let body = packets.join(&SEPARATOR.to_string());
                posts.post(path, "text/plain;charset=UTF-8", body).await?.expected("a post")?;
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<String> {
        match &mut self.wire {
            Wire::WebSocket(stream) => loop {
                match stream.next().await.context("the server ended the connection")?? {
                    Message::Text(text) => return Ok(text.as_str().to_owned()),
                    Message::Close(_) => bail!("the server closed the connection"),
                    _ => {}
                }
            },
            Wire::Polling { path, polls, come, .. } => loop {
                if let Some(packet) = come.pop_front() {
                    return Ok(packet);
                }
                let answer = polls.get(path).await?.expected("a poll")?;
                let body = std::str::from_utf8(&answer.body)?;
                come.extend(body.split(SEPARATOR).map(str::to_owned));
            },
        }
    }
}

async fn web_socket(address: &str, cookie: &str) -> Result<Wire> {
    let mut request = format!("ws://{address}{ROOT}&transport=websocket").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("cookie", HeaderValue::from_str(cookie)?);
    headers.insert("origin", HeaderValue::from_str(&format!("http://{address}"))?);
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut stream, _) = client_async(request, stream).await?;
    let greeting = stream.next().await.context("no greeting")??;
    ensure!(greeting.to_text()?.starts_with("0{"), "greeted with {greeting}");
    Ok(Wire::WebSocket(Box::new(stream)))
}

async fn polling(address: &str, cookie: &str) -> Result<Wire> {
    let path = format!("{ROOT}&transport=polling");
    let (mut polls, posts) = (Http::new(address, cookie), Http::new(address, cookie));
    let greeting = polls.get(&path).await?.expected("the handshake")?;
    let greeting = std::str::from_utf8(&greeting.body)?;
    let greeting = greeting.split(SEPARATOR).next().unwrap_or_default();
    let open: serde_json::Value =
        serde_json::from_str(greeting.strip_prefix('0').context("no greeting")?)?;
    let sid = open["sid"].as_str().context("no sid")?;
    let path = format!("{path}&sid={sid}");
    Ok(Wire::Polling { path, polls, posts, come: VecDeque::new() })
}
