//! What the sites of the tests log, all into one text, and what must not stand in it.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, Once};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Shows that the log is heard.
const BEGINNING: &str = "the tests begin";

/// Begins to listen; more is heard than operators see.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter("info,visavis=trace")
            .with_ansi(false)
            .with_writer(|| Writer)
            .init();
        tracing::info!("{BEGINNING}");
    });
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines so far that have that text.
pub fn lines_with(text: &str) -> Vec<String> {
    let log = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
    log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// Shorter texts may stand in a log by chance. A password has so many.
const SECRET_CHARS_MIN: usize = 8;

/// Passwords, cookies and links that a site was told, and its log must not tell.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<HashSet<String>>>);

impl Secrets {
    pub fn add(&self, secret: &str) {
        if secret.len() >= SECRET_CHARS_MIN {
            self.0.lock().unwrap().insert(secret.to_owned());
        }
    }

    /// What is secret in a form, and in the link that it may be posted to.
    pub fn add_form(&self, path: &str, form: &[(&str, &str)]) {
        for (_, value) in form.iter().filter(|(name, _)| !matches!(*name, "username" | "id")) {
            self.add(value);
        }
        self.add_link(path);
    }

    pub fn add_link(&self, path: &str) {
        let secret = path
            .strip_prefix("/reset/")
            .or_else(|| path.split_once("?invite=").map(|(_, secret)| secret));
        self.add(secret.unwrap_or_default());
    }

    /// # Panics
    /// When the log tells one of them.
    pub fn check(&self) {
        let log = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
        assert!(log.contains(BEGINNING), "nothing is heard");
        for secret in self.0.lock().unwrap().iter() {
            let told = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(told, None, "the log tells {secret:?}");
        }
    }
}
