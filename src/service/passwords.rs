//! Hashing and checking of passwords, off the async threads and never more at once than there are
//! cores: each takes a core for a quarter of a second, by design.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::werkzeug;
use crate::domain::{Error, NewPassword};

/// The alphabet-correct tail of a bcrypt hash that no password is known to fit.
const NOBODYS_SALT_AND_HASH: &str = "visavisvisavisvisaviseu8bPOkWZPBWqlxzQBBnGGGGGGGGGGGG";

/// Makes and checks password hashes.
#[derive(Clone)]
pub struct Passwords {
    cost: u32,
    cores: Arc<Semaphore>,
}

/// What checking a password came to.
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and this is the bcrypt hash to keep in the place of the old one.
    RightRehashed(String),
}

impl Passwords {
    /// `cost` is bcrypt's, from 4 to 31; each step doubles the time.
    #[must_use]
    pub fn new(cost: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cost, cores: Arc::new(Semaphore::new(cores)) }
    }

    /// The bcrypt hash of a new password.
    pub async fn hash(&self, password: NewPassword) -> Result<String, Error> {
        let cost = self.cost;
        self.on_a_core(move || bcrypt::hash(password.as_str(), cost))
            .await?
            .map_err(Error::internal)
    }

    /// Whether `password` belongs to `hash`; `None` (there is no such user) costs the same time as
    /// a wrong password.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict, Error> {
        let cost = self.cost;
        self.on_a_core(move || verify(&password, hash.as_deref(), cost)).await
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.cores).acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(Error::internal)
    }
}

fn verify(password: &str, hash: Option<&str>, cost: u32) -> Verdict {
    // bcrypt looks at 72 bytes only: a longer password would fit by its beginning.
    let within_bcrypt = password.len() <= NewPassword::BYTES_MAX;
    match hash {
        Some(hash) if werkzeug::is_werkzeug(hash) => {
            if !werkzeug::verify(password, hash) {
                spend_the_time_of_bcrypt(password, cost);
                return Verdict::Wrong;
            }
            // A password that bcrypt cannot hold keeps its old hash.
            let rehashed = within_bcrypt.then(|| bcrypt::hash(password, cost).ok()).flatten();
            rehashed.map_or(Verdict::Right, Verdict::RightRehashed)
        }
        Some(hash) if within_bcrypt && bcrypt::verify(password, hash).unwrap_or(false) => {
            Verdict::Right
        }
        Some(hash) => {
            if !within_bcrypt || !hash.starts_with("$2") {
                spend_the_time_of_bcrypt(password, cost);
            }
            Verdict::Wrong
        }
        None => {
            spend_the_time_of_bcrypt(password, cost);
            Verdict::Wrong
        }
    }
}

/// An answer that comes sooner than that of a wrong password would tell who has an account.
fn spend_the_time_of_bcrypt(password: &str, cost: u32) {
    _ = bcrypt::verify(password, &format!("$2b${cost:02}${NOBODYS_SALT_AND_HASH}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_is_one_that_bcrypt_works_on() {
        let hash = format!("$2b$04${NOBODYS_SALT_AND_HASH}");
        assert!(matches!(bcrypt::verify("any password", &hash), Ok(false)));
    }

    #[test]
    fn a_password_beyond_72_bytes_does_not_fit_by_its_beginning() {
        let hash = bcrypt::hash("x".repeat(72), 4).unwrap();
        assert!(matches!(verify(&"x".repeat(72), Some(&hash), 4), Verdict::Right));
        assert!(matches!(verify(&"x".repeat(73), Some(&hash), 4), Verdict::Wrong));
    }
}
