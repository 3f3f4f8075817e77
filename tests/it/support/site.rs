//! A site that listens on a free port of the loopback address, and browsers that visit it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response};
use tempfile::TempDir;
use tokio::net::TcpListener;
use visavis::app::App;
use visavis::clock::Clock;
use visavis::config::Config;
use visavis::service::{Passwords, Services};
use visavis::store::Store;
use visavis::transport::{Connections, serve};

use super::log::{self, Secrets};
use super::{StillClock, open, sqlite};

pub struct Site {
    pub address: SocketAddr,
    pub store: Arc<dyn Store>,
    pub clock: Arc<StillClock>,
    pub services: Services,
    secrets: Secrets,
    _dir: Option<TempDir>,
}

impl Drop for Site {
    /// No test ends well whose secrets stand in the log.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.secrets.check();
        }
    }
}

impl Site {
    /// A site over a new database.
    pub async fn start() -> Self {
        let (store, dir) = sqlite();
        Self::over(store, Some(dir), &[]).await
    }

    pub async fn with_flags(flags: &[&str]) -> Self {
        let (store, dir) = sqlite();
        Self::over(store, Some(dir), flags).await
    }

    /// A site over that database file.
    pub async fn over_file(path: &Path, flags: &[&str]) -> Self {
        Self::over(open(path), None, flags).await
    }

    async fn over(store: Arc<dyn Store>, dir: Option<TempDir>, flags: &[&str]) -> Self {
        log::listen();
        let flags = ["visavis", "--bcrypt-cost", "4"].iter().chain(flags);
        let config = Config::parse_from(flags);
        let still = StillClock::new();
        let clock: Arc<dyn Clock> = still.clone();
        let passwords = Passwords::new(config.bcrypt_cost, &store.hash_schemes().await.unwrap());
        let app = App::new(&config, &store, &clock, passwords).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, stop) = (std::future::pending(), std::future::pending());
        let limits = app.services.limits.clone();
        let open = Connections::new(config.max_connections, limits, Vec::new());
        tokio::spawn(async move { serve(listener, app.router, open, close, stop).await });
        let secrets = Secrets::default();
        Self { address, store, clock: still, services: app.services, secrets, _dir: dir }
    }

    /// Somebody's browser: keeps cookies, does not follow redirects.
    pub fn browser(&self) -> Browser {
        self.browser_of(Client::builder())
    }

    fn browser_of(&self, client: ClientBuilder) -> Browser {
        let client = client.cookie_store(true).redirect(Policy::none()).build().unwrap();
        let (root, secrets) = (format!("http://{}", self.address), self.secrets.clone());
        Browser { client, root, secrets }
    }

    /// A browser that calls itself so, of a user who is logged in with it.
    pub async fn another(&self, user_agent: &str, name: &str) -> Browser {
        let browser = self.browser_of(Client::builder().user_agent(user_agent));
        assert_eq!(browser.log_in(name, &format!("password of {name}")).await.status(), 302);
        browser
    }

    /// The browser of a new user who has logged in.
    pub async fn user(&self, name: &str) -> Browser {
        let browser = self.browser();
        let password = format!("password of {name}");
        let form = [("username", name), ("password", &password), ("confirmation", &password)];
        assert_eq!(browser.post("/register", &form).await.status(), 302);
        assert_eq!(browser.log_in(name, &password).await.status(), 302);
        browser
    }
}

pub struct Browser {
    client: Client,
    root: String,
    secrets: Secrets,
}

impl Browser {
    pub async fn get(&self, path: &str) -> Response {
        self.secrets.add_link(path);
        self.send(self.client.get(format!("{}{path}", self.root))).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.secrets.add_form(path, form);
        self.send(self.client.post(format!("{}{path}", self.root)).form(form)).await
    }

    pub async fn post_json(&self, path: &str, body: impl Into<String>) -> Response {
        let request = self.client.post(format!("{}{path}", self.root));
        self.send(request.header("content-type", "application/json").body(body.into())).await
    }

    /// A request as a browser sends it for a page of `site`: its `Sec-Fetch-Site` and `Origin`.
    pub async fn asked_by(&self, site: &str, origin: &str, method: Method, path: &str) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.root));
        self.send(request.header("sec-fetch-site", site).header("origin", origin)).await
    }

    pub async fn post_text(&self, path: &str, body: &'static str) -> Response {
        self.send(self.client.post(format!("{}{path}", self.root)).body(body)).await
    }

    /// A request with these headers and that body.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.root)).body(body);
        let with = |request: RequestBuilder, (name, value): &(&str, &str)| {
            request.header(*name, value.as_bytes())
        };
        self.send(headers.iter().fold(request, with)).await
    }

    /// A request with these headers.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send_bytes(method, path, headers, Vec::new()).await
    }

    /// A form that a page of `origin` posts, in a browser that tells no more than that.
    pub async fn form_from(&self, origin: String, path: &str, form: &[(&str, &str)]) -> Response {
        self.secrets.add_form(path, form);
        let request = self.client.post(format!("{}{path}", self.root));
        self.send(request.header("origin", origin).form(form)).await
    }

    /// A form with these headers beside those of the client, as a proxy passes it on.
    pub async fn form_with(
        &self,
        headers: &[(&'static str, &str)],
        path: &str,
        form: &[(&str, &str)],
    ) -> Response {
        self.secrets.add_form(path, form);
        let request = self.client.post(format!("{}{path}", self.root)).form(form);
        self.send(
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
        )
        .await
    }

    /// The first request of a socket over long-polling, with these headers.
    pub async fn handshake_with(&self, headers: &[(&'static str, &str)]) -> Response {
        let url = format!("{}/socket.io/?EIO=4&transport=polling", self.root);
        let request = self.client.get(url);
        self.send(
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
        )
        .await
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let value = cookie.to_str().unwrap().split(['=', ';']).nth(1);
            self.secrets.add(value.unwrap());
        }
        response
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Response {
        self.post("/login", &[("username", name), ("password", password)]).await
    }
}

/// Where a response leads, and with which status.
pub fn led_to(response: &Response) -> (u16, Option<&str>) {
    let location = response.headers().get("location");
    (response.status().as_u16(), location.map(HeaderValue::to_str).transpose().unwrap())
}
