//! Hashing and checking of passwords, off the async threads and never more at once than there are
//! cores: each takes a core for a quarter of a second, by design. Addresses take turns.
//!
//! `hash_schemes.rs` says what is checked for a password and why the time of it tells nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::hash_schemes::{Scheme, check, fits, schemes};
use super::limits::Key;
use super::turns::Turns;
use crate::domain::{Error, NewPassword, TypedPassword};

/// How many hashes may wait for one address: some eight seconds of work on two cores.
const WAITING_MAX: usize = 64;
/// When an address that has so many may try again, in seconds.
const RETRY_AFTER: u64 = 5;

/// Makes and checks password hashes.
#[derive(Clone)]
pub struct Passwords {
    cost: u32,
    schemes: Arc<[Scheme]>,
    /// Permits for the cores.
    cores: Arc<Turns<Key>>,
    /// Whose turn it is that the work waits for.
    whose: Key,
}

/// What checking a password came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and this is the bcrypt hash to keep in the place of the old one.
    RightRehashed(String),
}

impl Passwords {
    /// `cost` is bcrypt's, from 4 to 15; each step doubles the time. `in_use` are the schemes of the
    /// accounts that there are, each as the part of a hash before its salt.
    #[must_use]
    pub fn new(cost: u32, in_use: &[String]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (schemes, left_out) = schemes(cost, in_use);
        if left_out > 0 {
            tracing::warn!(
                "the password hashes in the database are of more schemes than a login that fails can work through; {left_out} are left out, and the time of its answer may tell who has such a hash"
            );
        }
        let schemes = schemes.into();
        let whose = Key::address(Ipv4Addr::UNSPECIFIED.into());
        Self { cost, schemes, cores: Turns::new(cores, WAITING_MAX), whose }
    }

    /// The same, asked from that address: addresses take turns, so that the logins of one do not wait
    /// for all those of another.
    #[must_use]
    pub fn asked_from(&self, address: IpAddr) -> Self {
        Self { whose: Key::address(address), ..self.clone() }
    }

    /// The bcrypt hash of a new password.
    pub async fn hash(&self, password: NewPassword) -> Result<String, Error> {
        let cost = self.cost;
        self.on_a_core(move || bcrypt::hash(password.as_str(), cost))
            .await?
            .map_err(Error::internal)
    }

    /// Whether `password` belongs to `hash`. `None` (there is no such user) costs the same work as a
    /// wrong password.
    pub async fn verify(
        &self,
        password: TypedPassword,
        hash: Option<String>,
    ) -> Result<Verdict, Error> {
        let (cost, schemes) = (self.cost, Arc::clone(&self.schemes));
        self.on_a_core(move || match fits_in_a_form(&password, hash.as_deref(), &schemes, check) {
            Some(form) => rehashed(&password, form, hash.as_deref(), cost),
            None => Verdict::Wrong,
        })
        .await
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.cores.take(self.whose).await;
        let permit = permit.map_err(|_| Error::TooOften { retry_after: RETRY_AFTER })?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(Error::internal)
    }
}

/// The form of a password that `hash` is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Opaque,
    AsTyped,
}

/// In which form `password` fits `hash`. How much work a failure costs depends on the password alone:
/// twice as much where it has two forms.
fn fits_in_a_form(
    password: &TypedPassword,
    hash: Option<&str>,
    schemes: &[Scheme],
    mut check: impl FnMut(&str, &str) -> bool,
) -> Option<Form> {
    if fits(password.opaque(), hash, schemes, &mut check) {
        return Some(Form::Opaque);
    }
    let typed = password.as_typed()?;
    fits(typed, hash, schemes, &mut check).then_some(Form::AsTyped)
}

/// The verdict on a password that is right: a hash that is weaker than a new one, or of another form
/// of the password, is replaced.
fn rehashed(password: &TypedPassword, form: Form, hash: Option<&str>, cost: u32) -> Verdict {
    let own = hash.and_then(Scheme::of);
    let strong = matches!(own, Some(Scheme::Bcrypt { cost: of_own }) if of_own >= cost);
    let password = password.opaque();
    // A password that bcrypt cannot hold keeps its old hash.
    if (strong && form == Form::Opaque) || password.len() > NewPassword::BYTES_MAX {
        return Verdict::Right;
    }
    bcrypt::hash(password, cost).map_or(Verdict::Right, Verdict::RightRehashed)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::hash_schemes::tests::{SCRYPT, SHA1, prefixes};
    use super::*;

    #[test]
    fn a_right_password_makes_a_weaker_hash_what_a_new_one_would_be() {
        let password = TypedPassword::new("right password".into());
        let hash = bcrypt::hash("right password", 5).unwrap();
        for strong in [4, 5] {
            let verdict = rehashed(&password, Form::Opaque, Some(&hash), strong);
            assert_eq!(verdict, Verdict::Right);
        }
        for weak in [&*hash, SCRYPT] {
            let verdict = rehashed(&password, Form::Opaque, Some(weak), 6);
            let Verdict::RightRehashed(new) = verdict else {
                panic!("{weak} stayed");
            };
            assert!(new.starts_with("$2b$06$"), "{new}");
            assert!(check("right password", &new));
        }
    }

    #[tokio::test]
    async fn a_password_of_an_old_hash_fits_as_it_came_and_is_hashed_anew() {
        let (composed, as_typed) = ("Zo\u{eb} is here", "Zoe\u{308} is here");
        let passwords = Passwords::new(4, &[]);
        let old = bcrypt::hash(as_typed, 4).unwrap();
        let typed = |text: &str| TypedPassword::new(text.to_owned());
        let verdict = passwords.verify(typed(as_typed), Some(old.clone())).await.unwrap();
        let Verdict::RightRehashed(new) = verdict else { panic!("{verdict:?}") };
        // From now on every keyboard will do.
        for text in [composed, as_typed] {
            let verdict = passwords.verify(typed(text), Some(new.clone())).await.unwrap();
            assert_eq!(verdict, Verdict::Right, "{text}");
        }
        assert_eq!(passwords.verify(typed(composed), Some(old)).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_failure_in_two_forms_costs_the_same_for_any_kind_of_account() {
        let (known, _) = schemes(4, &prefixes());
        let work = |hash: Option<&str>| {
            let mut work = Vec::new();
            let password = TypedPassword::new("wrong Zoe\u{308}".into());
            let form = fits_in_a_form(&password, hash, &known, |password, hash| {
                work.push((password.to_owned(), format!("{:?}", Scheme::of(hash).unwrap())));
                check(password, hash)
            });
            assert_eq!(form, None, "{hash:?}");
            work.sort();
            work
        };
        let bcrypt = bcrypt::hash("another", 4).unwrap();
        let of_nobody = work(None);
        assert_eq!(of_nobody.len(), 2 * known.len());
        for hash in [SCRYPT, SHA1, "!", &bcrypt] {
            assert_eq!(work(Some(hash)), of_nobody, "{hash}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn no_more_hashes_run_at_once_than_there_are_cores() {
        let cores = std::thread::available_parallelism().unwrap().get();
        let passwords = Passwords::new(4, &[]);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..cores * 8)
            .map(|_| {
                let passwords = passwords.clone();
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    let work = move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(20));
                        running.fetch_sub(1, Ordering::SeqCst);
                    };
                    passwords.on_a_core(work).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= cores, "{most:?} on {cores} cores");
    }
}
