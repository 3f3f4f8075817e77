//! How much work it is to check a password hash, as its text says, and how much is done at most. A
//! hash in an imported database may ask for days of work.

use std::fmt;

/// A cost parameter of a scheme: what the scheme's usual hash has, and the most that is checked.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    what: &'static str,
    usual: u64,
    max: u64,
}

/// Eight times the work of the newest default of Werkzeug, `scrypt:32768:8:1`.
const SCRYPT_WORK: Bound =
    Bound { what: "N*r*p of scrypt", usual: 32_768 * 8, max: 8 * 32_768 * 8 };
/// Enough for N = 131072 with r = 8; as many hashes are checked at once as there are cores.
const SCRYPT_BYTES: Bound =
    Bound { what: "memory of scrypt in bytes", usual: 128 * 32_768 * 8, max: 160 << 20 };
/// Eight times the newest default of Werkzeug, `pbkdf2:sha256:1000000`.
const PBKDF2_ITERATIONS: Bound =
    Bound { what: "number of iterations of pbkdf2", usual: 1_000_000, max: 8_000_000 };
/// Eight times the work of our own default, 12: each step doubles it.
const BCRYPT_COST: Bound = Bound { what: "cost of bcrypt", usual: 12, max: BCRYPT_COST_MAX as u64 };

/// The highest cost of a bcrypt hash that is checked, and so the highest that is made.
pub const BCRYPT_COST_MAX: u32 = 15;

/// The part of the usual work that each hash is reckoned to cost at least, in thousandths.
const WORK_MIN: u64 = 10;

/// Why a hash is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooCostly {
    bound: &'static Bound,
    found: u64,
}

impl fmt::Display for TooCostly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bound { what, max, .. } = self.bound;
        match self.found {
            // The largest number stands for all that are beyond it.
            u64::MAX => write!(f, "the {what} is more than 10^19")?,
            found => write!(f, "the {what} is {found}")?,
        }
        write!(f, ", and at most {max} is checked")
    }
}

impl TooCostly {
    /// The parameter of `hash`, or of the part of one before its salt, that is beyond its bound.
    #[must_use]
    pub fn find(hash: &str) -> Option<Self> {
        parameters(hash)
            .into_iter()
            .find(|(bound, found)| *found > bound.max)
            .map(|(bound, found)| Self { bound, found })
    }
}

/// The work of checking `hash`, or a hash that begins so, in thousandths of that of a usual hash of
/// its scheme.
#[must_use]
pub fn work(hash: &str) -> u64 {
    let work = parameters(hash).into_iter().map(|(bound, found)| match *bound {
        BCRYPT_COST => {
            let doubled = |cost: u64| 1_u64.checked_shl(u32::try_from(cost).unwrap_or(u32::MAX));
            let (found, usual) = (doubled(found), doubled(bound.usual));
            found.unwrap_or(u64::MAX).saturating_mul(1000) / usual.unwrap_or(1)
        }
        _ => found.saturating_mul(1000) / bound.usual,
    });
    work.max().unwrap_or(0).max(WORK_MIN)
}

/// The cost parameters that the text of a hash gives.
fn parameters(hash: &str) -> Vec<(&'static Bound, u64)> {
    if let Some(cost) = hash.strip_prefix("$2").and_then(|rest| rest.split('$').nth(1)) {
        return number(cost).map(|cost| (&BCRYPT_COST, cost)).into_iter().collect();
    }
    let mut words = hash.split('$').next().unwrap_or_default().split(':');
    match words.next() {
        Some("scrypt") => {
            let mut next = || words.next().and_then(number);
            let (Some(n), Some(r), Some(p)) = (next(), next(), next()) else { return Vec::new() };
            let bytes = n.saturating_add(p).saturating_mul(r).saturating_mul(128);
            let work = n.saturating_mul(r).saturating_mul(p);
            vec![(&SCRYPT_WORK, work), (&SCRYPT_BYTES, bytes)]
        }
        Some("pbkdf2") => {
            let iterations = words.nth(1).and_then(number);
            iterations.map(|found| (&PBKDF2_ITERATIONS, found)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A number of any length; one that does not fit counts as the largest that does.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_up_to_eight_times_the_usual_work_is_checked() {
        for hash in [
            "scrypt:32768:8:1$salt$00",
            "scrypt:32768:8:8$salt$00",
            "scrypt:131072:8:1$salt$00",
            "pbkdf2:sha256:1000000$salt$00",
            "pbkdf2:sha512:8000000$salt$00",
            "$2b$15$",
            "$2y$04$",
            "!",
            "",
        ] {
            assert_eq!(TooCostly::find(hash), None, "{hash}");
        }
    }

    #[test]
    fn a_hash_that_costs_more_is_named_with_its_value_and_its_bound() {
        for (hash, sentence) in [
            ("scrypt:32768:8:9$s$00", "the N*r*p of scrypt is 2359296, and at most 2097152 is"),
            ("scrypt:262144:8:1$s$00", "the memory of scrypt in bytes is 268436480, and at most"),
            ("scrypt:2:1:1048577$s$00", "the N*r*p of scrypt is 2097154, and"),
            ("scrypt:99999999999999999999:8:1$s$00", "the N*r*p of scrypt is more than 10^19, and"),
            (
                "pbkdf2:sha256:99999999999999999999$s$00",
                "of pbkdf2 is more than 10^19, and at most 8000000",
            ),
            ("pbkdf2:sha256:8000001$s$00", "iterations of pbkdf2 is 8000001, and at most 8000000"),
            ("pbkdf2:sha1:4294967295$s$00", "iterations of pbkdf2 is 4294967295, and"),
            ("$2b$31$", "the cost of bcrypt is 31, and at most 15 is checked"),
        ] {
            let found = TooCostly::find(hash).map(|found| found.to_string()).unwrap_or_default();
            assert!(found.contains(sentence), "{hash}: {found}");
        }
    }

    #[test]
    fn work_is_reckoned_in_thousandths_of_a_usual_hash() {
        for (hash, expected) in [
            ("scrypt:32768:8:1$", 1000),
            ("scrypt:32768:8:4$", 4000),
            ("pbkdf2:sha256:600000$", 600),
            ("pbkdf2:sha256:1$", WORK_MIN),
            ("$2b$12$", 1000),
            ("$2b$15$", 8000),
            ("$2b$10$", 250),
            ("$2b$04$", WORK_MIN),
        ] {
            assert_eq!(work(hash), expected, "{hash}");
        }
    }
}
