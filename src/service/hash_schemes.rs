//! The schemes of password hashes, and how one is checked.
//!
//! The time of an answer must not tell who has an account, nor which. Hashes of several schemes may
//! be in use (bcrypt's at several costs, and Werkzeug's), and each takes a time of its own; so a
//! login that fails does the work of all of them, whether the name was known or not. That work is
//! bounded, and a hash that alone would cost too much ([`TooCostly`]) is never checked.

use std::collections::HashSet;

use super::werkzeug;
use crate::domain::{NewPassword, TooCostly, hash_work};

/// How much work a login that fails does at most beyond that of a new hash, in thousandths of a usual
/// one: two or three seconds. Every user of an imported database may have a scheme of their own.
const WORK_MAX: u64 = 12_000;

/// A kind of hash: two of the same scheme take the same time to check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    Bcrypt { cost: u32 },
    Werkzeug(werkzeug::Method),
}

impl Scheme {
    /// The scheme of a hash, or of the part of one before its salt; `None` for what is no hash, or
    /// costs too much.
    pub fn of(hash: &str) -> Option<Self> {
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
pub fn schemes(cost: u32, in_use: &[String]) -> (Vec<Scheme>, usize) {
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

/// Whether `password` fits `hash`. When it does not, every scheme has been checked once.
pub fn fits(
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
pub fn check(password: &str, hash: &str) -> bool {
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

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const SCRYPT: &str = "scrypt:16:8:1$salz$05a737940bba997a92da1e539012a59cae2eb2c36fd5ab5b0b7d55ee4c1cafe5cd8bf7ba87688ca172c4f3c9c8c8586bf670e76db485878301efe613351044e4";
    pub const SHA1: &str = "pbkdf2:sha1:1000$salz$a6b9797a34ee6b93284ab5653a9cf9acd45c5828";

    pub fn prefixes() -> Vec<String> {
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
}
