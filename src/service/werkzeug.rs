//! The password hashes of the Flask chat, as Werkzeug writes them: `METHOD$SALT$HEX`. They are only
//! checked here, never made; a login turns them into bcrypt's.

use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::domain::TooCostly;

/// Whether `password` belongs to `hash`. Takes 30 to 100 ms and 32 MiB as a rule, and no more than
/// [`TooCostly`] lets through.
pub fn verify(password: &str, hash: &str) -> bool {
    let Some((method, salt, expected)) = parse(hash) else {
        return false;
    };
    let mut derived = vec![0; expected.len()];
    method.derive(password.as_bytes(), salt.as_bytes(), &mut derived)
        && bool::from(derived.ct_eq(&expected))
}

/// Whether `hash` is one that [`verify`] works on.
pub fn is_hash(hash: &str) -> bool {
    parse(hash).is_some()
}

/// How a hash was derived, which is what its check costs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2 { digest: Digest, iterations: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Method {
    /// The method of a hash, or of the part of one before its salt; `None` for what is no hash of
    /// Werkzeug's, or of one that costs too much to check.
    pub fn of(hash: &str) -> Option<Self> {
        if TooCostly::find(hash).is_some() {
            return None;
        }
        let (method, _) = hash.split_once('$')?;
        let mut words = method.split(':');
        let method = match words.next()? {
            "scrypt" => {
                let (n, r, p): (u64, u32, u32) = (
                    words.next()?.parse().ok()?,
                    words.next()?.parse().ok()?,
                    words.next()?.parse().ok()?,
                );
                if !n.is_power_of_two() {
                    return None;
                }
                let log_n = u8::try_from(n.trailing_zeros()).ok()?;
                scrypt::Params::new(log_n, r, p).ok()?;
                Self::Scrypt { log_n, r, p }
            }
            "pbkdf2" => {
                let digest = match words.next()? {
                    "sha1" => Digest::Sha1,
                    "sha256" => Digest::Sha256,
                    "sha512" => Digest::Sha512,
                    _ => return None,
                };
                Self::Pbkdf2 { digest, iterations: words.next()?.parse().ok()? }
            }
            _ => return None,
        };
        words.next().is_none().then_some(method)
    }

    /// A hash of this method that no password is known to fit.
    pub fn hash_of_nobody(&self) -> String {
        let method = match self {
            Self::Scrypt { log_n, r, p } => format!("scrypt:{}:{r}:{p}", 1_u64 << log_n),
            Self::Pbkdf2 { digest, iterations } => {
                let digest = match digest {
                    Digest::Sha1 => "sha1",
                    Digest::Sha256 => "sha256",
                    Digest::Sha512 => "sha512",
                };
                format!("pbkdf2:{digest}:{iterations}")
            }
        };
        format!("{method}$visavisvisavisvi${}", "00".repeat(self.bytes()))
    }

    /// How many bytes Werkzeug derives. PBKDF2 would do all its iterations again for each further
    /// digest of a longer hash.
    fn bytes(&self) -> usize {
        match self {
            Self::Scrypt { .. } | Self::Pbkdf2 { digest: Digest::Sha512, .. } => 64,
            Self::Pbkdf2 { digest: Digest::Sha256, .. } => 32,
            Self::Pbkdf2 { digest: Digest::Sha1, .. } => 20,
        }
    }

    fn derive(&self, password: &[u8], salt: &[u8], out: &mut [u8]) -> bool {
        match *self {
            Self::Scrypt { log_n, r, p } => {
                return scrypt::Params::new(log_n, r, p)
                    .is_ok_and(|params| scrypt::scrypt(password, salt, &params, out).is_ok());
            }
            Self::Pbkdf2 { digest, iterations } => match digest {
                Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
                Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
                Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, out),
            },
        }
        true
    }
}

/// The method, the salt (taken as its text) and the expected bytes of a hash.
fn parse(hash: &str) -> Option<(Method, &str, Vec<u8>)> {
    let method = Method::of(hash)?;
    let mut parts = hash.splitn(3, '$').skip(1);
    let (salt, hex) = (parts.next()?, parts.next()?);
    let expected = decode_hex(hex)?;
    (expected.len() == method.bytes()).then_some((method, salt, expected))
}

/// The bytes of lower- or upper-case hexadecimal; `None` for anything else, the empty text included.
fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    let whole = !digits.is_empty() && digits.len().is_multiple_of(2);
    whole.then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with Python's hashlib for the password "geheim" and the salt "salz", few rounds.
    const SCRYPT: &str = "scrypt:16:8:1$salz$05a737940bba997a92da1e539012a59cae2eb2c36fd5ab5b0b7d55ee4c1cafe5cd8bf7ba87688ca172c4f3c9c8c8586bf670e76db485878301efe613351044e4";
    const SHA1: &str = "pbkdf2:sha1:1000$salz$a6b9797a34ee6b93284ab5653a9cf9acd45c5828";
    const SHA256: &str =
        "pbkdf2:sha256:1000$salz$0a75ea517bc87bb6ccbde0c364325cc612d185e96da18be210deece5ee5d0337";
    const SHA512: &str = "pbkdf2:sha512:1000$salz$62a73eec1b209fa915eb7703c191cb3cc229a496c9746f9269853f854127fc1e59640d7d549724bc8d454a1527676e02ce20e8834c756f6e206a36a4cf3d8ec6";

    #[test]
    fn every_method_that_werkzeug_has_used_verifies() {
        for hash in [SCRYPT, SHA1, SHA256, SHA512] {
            assert!(verify("geheim", hash), "{hash}");
            assert!(!verify("Geheim", hash), "{hash}");
        }
    }

    #[test]
    fn what_is_not_a_hash_fits_no_password() {
        for hash in [
            "",
            "!",
            "plain",
            "scrypt:3:8:1$s$00",
            "scrypt:1073741824:8:1$s$00",
            "pbkdf2:md5:1$s$00",
            "pbkdf2:sha256:1$salz$",
            "pbkdf2:sha256:1$salz$0g",
            "pbkdf2:sha256:1$salz$000",
            &format!("pbkdf2:sha256:1$salz${}", "00".repeat(64)),
            &format!("scrypt:16:8:1$salz${}", "00".repeat(65)),
            &format!("scrypt:16:8:1048576$salz${}", "00".repeat(64)),
            &format!("pbkdf2:sha1:8000001$salz${}", "00".repeat(20)),
        ] {
            assert!(parse(hash).is_none(), "{hash}");
            assert!(!verify("", hash), "{hash}");
        }
    }
}
