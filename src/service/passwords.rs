//! Hashing and checking of passwords, off the async threads and never more at once than there are
//! cores: each takes a core for a quarter of a second, by design. Addresses take turns.
//!
//! The time of an answer must not tell who has an account, nor which. Hashes of several schemes may
//! be in use (bcrypt's at several costs, and Werkzeug's), and each takes a time of its own; so a
//! login that fails does the work of all of them, whether the name was known or not. That work is
//! bounded, and a hash that alone would cost too much ([`TooCostly`]) is never checked.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::limits::Key;
use super::turns::Turns;
use super::werkzeug;
use crate::domain::{Error, NewPassword, TooCostly, TypedPassword, hash_work};

/// How many hashes may wait for one address: some eight seconds of work on two cores.
const WAITING_MAX: usize = 64;
/// When an address that has so many may try again, in seconds.
const RETRY_AFTER: u64 = 5;
/// How much work a login that fails does at most beyond that of a new hash, in thousandths of a usual
/// one: two or three seconds. Every user of an imported database may have a scheme of their own.
const WORK_MAX: u64 = 12_000;

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

/// A kind of hash: two of the same scheme take the same time to check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scheme {
    Bcrypt { cost: u32 },
    Werkzeug(werkzeug::Method),
}

impl Scheme {
    /// The scheme of a hash, or of the part of one before its salt; `None` for what is no hash, or
    /// costs too much.
    fn of(hash: &str) -> Option<Self> {
        if TooCostly::find(hash).is_some() {
            return None;
        }
        let bcrypt = hash.strip_prefix("$2").and_then(|rest| rest.split('$').nth(1));
        match bcrypt {
            Some(cost) => cost.parse().ok().map(|cost| Self::Bcrypt { cost }),
            None => werkzeug::Method::of(hash).map(Self::Werkzeug),
        }
    }

    /// The scheme of a whole hash that can be checked. What cannot be costs nothing.
    fn of_whole(hash: &str) -> Option<Self> {
        let scheme = Self::of(hash)?;
        let is_whole = match scheme {
            Self::Bcrypt { .. } => hash.parse::<bcrypt::HashParts>().is_ok(),
            Self::Werkzeug(_) => werkzeug::is_hash(hash),
        };
        is_whole.then_some(scheme)
    }

    /// A hash of this scheme that no password is known to fit.
    fn hash_of_nobody(&self) -> String {
        match self {
            Self::Bcrypt { cost } => {
                format!("$2b${cost:02}$visavisvisavisvisaviseu8bPOkWZPBWqlxzQBBnGGGGGGGGGGGG")
            }
            Self::Werkzeug(method) => method.hash_of_nobody(),
        }
    }
}

/// The schemes in use, each once; that of new hashes is one of them. The costliest are left out where
/// all together are beyond [`WORK_MAX`]; how many that are.
fn schemes(cost: u32, in_use: &[String]) -> (Vec<Scheme>, usize) {
    let of_new = Scheme::Bcrypt { cost };
    let known = in_use.iter().filter_map(|prefix| Some((hash_work(prefix), Scheme::of(prefix)?)));
    let mut known: Vec<(u64, Scheme)> = known.filter(|(_, scheme)| *scheme != of_new).collect();
    known.sort_by_key(|(work, _)| *work);
    let mut seen = HashSet::new();
    known.retain(|(_, scheme)| seen.insert(scheme.clone()));
    let mut work = 0;
    let all = known.len();
    let fit = known.into_iter().map_while(|(of_one, scheme)| {
        work += of_one;
        (work <= WORK_MAX).then_some(scheme)
    });
    let schemes: Vec<Scheme> = std::iter::once(of_new).chain(fit).collect();
    let left_out = all + 1 - schemes.len();
    (schemes, left_out)
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

/// Whether `password` fits `hash`. When it does not, every scheme has been checked once.
fn fits(
    password: &str,
    hash: Option<&str>,
    schemes: &[Scheme],
    mut check: impl FnMut(&str, &str) -> bool,
) -> bool {
    let own = hash.and_then(Scheme::of_whole);
    if let Some(hash) = hash.filter(|_| own.is_some())
        && check(password, hash)
    {
        return true;
    }
    for scheme in schemes.iter().filter(|scheme| own.as_ref() != Some(scheme)) {
        check(password, &scheme.hash_of_nobody());
    }
    false
}

/// Checks one hash; this is where the time goes.
fn check(password: &str, hash: &str) -> bool {
    match Scheme::of(hash) {
        // bcrypt looks at 72 bytes only: a longer password would fit by its beginning.
        Some(Scheme::Bcrypt { .. }) => {
            bcrypt::verify(password, hash).unwrap_or(false)
                && password.len() <= NewPassword::BYTES_MAX
        }
        Some(Scheme::Werkzeug(_)) => werkzeug::verify(password, hash),
        None => false,
    }
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

    use super::*;

    const SCRYPT: &str = "scrypt:16:8:1$salz$05a737940bba997a92da1e539012a59cae2eb2c36fd5ab5b0b7d55ee4c1cafe5cd8bf7ba87688ca172c4f3c9c8c8586bf670e76db485878301efe613351044e4";
    const SHA1: &str = "pbkdf2:sha1:1000$salz$a6b9797a34ee6b93284ab5653a9cf9acd45c5828";

    fn prefixes() -> Vec<String> {
        ["$2b$04$", "$2a$05$", "$2y$05$", "scrypt:16:8:1$", "pbkdf2:sha1:1000$", "!", ""]
            .map(String::from)
            .to_vec()
    }

    /// The schemes that a login works through, in an order of their own.
    fn work(password: &str, hash: Option<&str>) -> Vec<String> {
        let mut work = Vec::new();
        let (known, _) = schemes(4, &prefixes());
        let fits = fits(password, hash, &known, |password, hash| {
            work.push(format!("{:?}", Scheme::of(hash).unwrap()));
            check(password, hash)
        });
        assert!(!fits, "{hash:?}");
        work.sort();
        work
    }

    #[test]
    fn an_unknown_user_costs_the_same_work_as_a_wrong_password_for_any_kind_of_account() {
        let unknown = work("wrong password", None);
        assert_eq!(unknown.len(), 4, "bcrypt at two costs, scrypt and pbkdf2: {unknown:?}");
        let bcrypt = bcrypt::hash("right password", 4).unwrap();
        let costlier = bcrypt::hash("right password", 5).unwrap();
        let longer = format!("{SHA1}{}", "00".repeat(1_000_000));
        for known in [&*bcrypt, &*costlier, SCRYPT, SHA1, "!", "", "$2b$05$short", &longer] {
            assert_eq!(work("wrong password", Some(known)), unknown, "{known}");
            assert_eq!(work(&"x".repeat(73), Some(known)), unknown, "{known}");
        }
    }

    #[test]
    fn a_hash_that_costs_too_much_is_never_checked() {
        let (few, _) = schemes(4, &prefixes());
        let bcrypt = format!("$2b$31${}", "x".repeat(53));
        for costly in [
            &*format!("scrypt:2:1:536870911$salz${}", "00".repeat(64)),
            &*format!("scrypt:131072:8:32$salz${}", "00".repeat(64)),
            &*format!("pbkdf2:sha256:4294967295$salz${}", "00".repeat(32)),
            &bcrypt,
        ] {
            let mut in_use = prefixes();
            in_use.push(costly.to_owned());
            assert_eq!(schemes(4, &in_use), (few.clone(), 0), "{costly}");
            assert_eq!(work("wrong password", Some(costly)), work("wrong password", None));
            assert!(!check("any password", costly), "{costly}");
        }
    }

    #[test]
    fn the_work_of_a_login_that_fails_is_bounded_however_many_schemes_there_are() {
        let many = (1_000_000..1_100_000).map(|iterations| format!("pbkdf2:sha256:{iterations}$"));
        let many: Vec<String> = many.chain(["scrypt:32768:8:1$".into()]).collect();
        let (worked_through, left_out) = schemes(12, &many);
        assert_eq!((worked_through.len(), left_out), (13, 100_001 - 12));
        let cheap: Vec<String> = (1..10_000).map(|n| format!("pbkdf2:sha1:{n}$")).collect();
        assert!(schemes(12, &cheap).0.len() < 1500);
        let usual =
            ["scrypt:32768:8:1$", "pbkdf2:sha256:1000000$", "pbkdf2:sha256:260000$", "$2b$13$"];
        assert_eq!(schemes(12, &usual.map(String::from)).1, 0);
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_takes_the_time_of_its_scheme_and_fits_nothing() {
        for scheme in schemes(4, &prefixes()).0 {
            let hash = scheme.hash_of_nobody();
            assert_eq!(Scheme::of(&hash), Some(scheme.clone()));
            match scheme {
                // An error would come at once.
                Scheme::Bcrypt { .. } => {
                    assert!(matches!(bcrypt::verify("any password", &hash), Ok(false)));
                }
                Scheme::Werkzeug(_) => assert!(!werkzeug::verify("any password", &hash)),
            }
        }
    }

    #[test]
    fn a_password_beyond_72_bytes_does_not_fit_by_its_beginning() {
        let hash = bcrypt::hash("x".repeat(72), 4).unwrap();
        assert!(check(&"x".repeat(72), &hash));
        assert!(!check(&"x".repeat(73), &hash));
    }

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
