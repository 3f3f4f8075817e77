//! Sessions and who is logged in: axum-login and its session layer, on our store.

use std::fmt;

use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum_login::tower_sessions::session::{Id, Record};
use axum_login::tower_sessions::{SessionStore, session_store};
use axum_login::{AuthUser, AuthnBackend};
use sha2::{Digest, Sha256};

use super::redirect;
use crate::domain::{Error, SessionKey, User, UserId};
use crate::service::{Accounts, Login, SessionContent};
use crate::store::{Account, StoreError};

/// Under which name a session knows the browser that logged in with it.
const USER_AGENT: &str = "user_agent";
/// The most characters of a browser's name for itself that are kept.
const USER_AGENT_CHARS_MAX: usize = 256;

pub type AuthSession = axum_login::AuthSession<Backend>;

/// The page's visitor, who is logged in; anybody else is sent to `/login`.
pub struct SignedIn(pub User);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let visitor = parts.extensions.get::<AuthSession>().and_then(|auth| auth.user.as_ref());
        visitor.map(|member| Self(member.0.user.clone())).ok_or_else(|| redirect("/login"))
    }
}

/// The key under which the store knows a session.
pub fn key(id: Id) -> SessionKey {
    SessionKey(Sha256::digest(id.0.to_le_bytes()).into())
}

/// Notes with a session which browser it belongs to.
pub async fn note_browser(auth: &AuthSession, headers: &HeaderMap) -> Result<(), Error> {
    let name = headers.get(header::USER_AGENT).and_then(|name| name.to_str().ok());
    let name: String = name.unwrap_or_default().chars().take(USER_AGENT_CHARS_MAX).collect();
    auth.session.insert(USER_AGENT, name).await.map_err(Error::internal)
}

/// An account, as axum-login sees it.
#[derive(Debug, Clone)]
pub struct Member(pub Account);

impl AuthUser for Member {
    type Id = UserId;

    fn id(&self) -> UserId {
        self.0.user.id
    }

    /// A changed password ends every session that was opened with the old one.
    fn session_auth_hash(&self) -> &[u8] {
        self.0.hash.as_bytes()
    }
}

/// Finds the member of a name and a password, or of an id.
#[derive(Debug, Clone)]
pub struct Backend {
    accounts: Accounts,
}

impl Backend {
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

impl AuthnBackend for Backend {
    type User = Member;
    type Credentials = Login;
    type Error = Error;

    async fn authenticate(&self, typed: Login) -> Result<Option<Member>, Error> {
        self.accounts.log_in(typed).await.map(Member).map(Some)
    }

    async fn get_user(&self, id: &UserId) -> Result<Option<Member>, Error> {
        let account = self.accounts.account(*id).await?;
        Ok(account.filter(|account| !account.disabled).map(Member))
    }
}

/// The session layer's store, on ours.
#[derive(Clone)]
pub struct Sessions {
    accounts: Accounts,
}

impl Sessions {
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

#[async_trait]
impl SessionStore for Sessions {
    // Ids have 128 random bits: a new one is nobody else's.
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        self.accounts.add_session(content(record)?).await.map_err(backend)
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.accounts.save_session(content(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let Some(session) = self.accounts.session(key(*id)).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_str(&session.data)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: session.expires_at }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.accounts.end_session(key(*id)).await.map_err(backend)
    }
}

fn content(record: &Record) -> session_store::Result<SessionContent> {
    let data = serde_json::to_string(&record.data)
        .map_err(|error| session_store::Error::Encode(error.to_string()))?;
    let user = record.data.get("axum-login.data").and_then(|login| login.get("user_id"));
    let user_agent = record.data.get(USER_AGENT).and_then(serde_json::Value::as_str);
    Ok(SessionContent {
        key: key(record.id),
        user: user.and_then(serde_json::Value::as_i64).map(UserId),
        data,
        user_agent: user_agent.map(str::to_owned),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it so")]
fn backend(error: StoreError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
