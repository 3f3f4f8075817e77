//! The ceiling: what the same libraries can do at most. Accounts, chats and messages live in memory,
//! nothing is checked, nothing is on disk. It speaks just what the load generator says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::extract::{Form, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, HttpExtension, SocketRef};
use socketioxide::handler::ConnectHandler;
use tokio::net::TcpListener;

#[derive(Default)]
struct Chat {
    names: Mutex<Vec<String>>,
    sockets: Mutex<HashMap<i64, SocketRef>>,
}

#[derive(Deserialize)]
struct Named {
    username: String,
}

#[derive(Deserialize)]
struct Joined {
    #[expect(dead_code, reason = "parsed as any server must")]
    chat_partner_id: String,
}

#[derive(Deserialize)]
struct Sent {
    message: String,
    chat_partner_id: String,
}

/// The user whom a cookie names.
#[derive(Clone, Copy)]
struct Visitor(i64);

const TIMESTAMP: &str = "2026-01-01 00:00:00";

/// Serves until it is killed.
pub async fn serve(address: &str) -> Result<()> {
    let chat = Arc::new(Chat::default());
    let (layer, io) = SocketIo::builder().max_buffer_size(2048).build_layer();
    let sockets = Arc::clone(&chat);
    // Before the client is told that it is in: a handler that runs after that is too late for what
    // the client sends at once.
    let admit = move |socket: SocketRef, HttpExtension(Visitor(id)): HttpExtension<Visitor>| {
        enter(&sockets, &socket, id);
        ready(Ok::<(), Infallible>(()))
    };
    io.ns("/", (async || {}).with(admit));
    let router = Router::new()
        .route("/login", get(async || "log in").post(log_in))
        .route("/register", post(register))
        .route("/find", post(find))
        .route("/add", post(async || Redirect::to("/chats")))
        .with_state(chat)
        .layer(layer)
        .layer(from_fn(recognize));
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn enter(chat: &Arc<Chat>, socket: &SocketRef, id: i64) {
    chat.sockets.lock().unwrap_or_else(PoisonError::into_inner).insert(id, socket.clone());
    socket.on("join_chat", async |Data(_): Data<Joined>, ack: AckSender| {
        let none: [Value; 0] = [];
        ack.send(&(none.as_slice(), 0)).ok();
    });
    let chat = Arc::clone(chat);
    socket.on("message_sent", async move |Data(sent): Data<Sent>, ack: AckSender| {
        ack.send(&json!({ "timestamp": TIMESTAMP })).ok();
        let receiver = sent.chat_partner_id.parse().unwrap_or(0);
        let sockets = chat.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = sockets.get(&receiver) {
            let payload = json!({ "message": sent.message, "timestamp": TIMESTAMP });
            socket.emit("message_received_from_current_chat", &payload).ok();
        }
    });
}

async fn register(State(chat): State<Arc<Chat>>, Form(typed): Form<Named>) -> Redirect {
    chat.names.lock().unwrap_or_else(PoisonError::into_inner).push(typed.username);
    Redirect::to("/")
}

async fn log_in(State(chat): State<Arc<Chat>>, Form(typed): Form<Named>) -> Response {
    let id = chat.id_of(&typed.username);
    ([(header::SET_COOKIE, format!("id={id}"))], Redirect::to("/")).into_response()
}

async fn find(State(chat): State<Arc<Chat>>, Json(typed): Json<Named>) -> Json<Value> {
    Json(json!([{ "id": chat.id_of(&typed.username), "username": typed.username }]))
}

impl Chat {
    fn id_of(&self, username: &str) -> usize {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().position(|name| name == username).map_or(0, |position| position + 1)
    }
}

async fn recognize(mut request: Request, next: Next) -> Response {
    let cookie = request.headers().get(header::COOKIE).and_then(|cookie| cookie.to_str().ok());
    let id = cookie.and_then(|cookie| cookie.strip_prefix("id=")).and_then(|id| id.parse().ok());
    request.extensions_mut().insert(Visitor(id.unwrap_or(0)));
    next.run(request).await
}
