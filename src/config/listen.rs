//! The address to listen on, in the ways people write it.

use std::net::{Ipv4Addr, SocketAddr};

/// Reads `ADDRESS:PORT`, `localhost:PORT`, `:PORT` or `PORT`. Without an address it is 127.0.0.1, so
/// that nobody listens to the whole network without having said so.
///
/// # Errors
/// Other names are not looked up: they may have several addresses, or another one tomorrow.
pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let wrong = || "give an address and a port, as in 127.0.0.1:5000 or 0.0.0.0:5000".to_owned();
    text.parse().ok().or_else(|| on_this_machine(text)).ok_or_else(wrong)
}

fn on_this_machine(text: &str) -> Option<SocketAddr> {
    let port = match text.rsplit_once(':') {
        Some((host, port)) if host.is_empty() || host.eq_ignore_ascii_case("localhost") => port,
        Some(_) => return None,
        None => text,
    };
    // `u16` would take a plus sign.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_number)?;
    Some((Ipv4Addr::LOCALHOST, port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_is_one_of_this_machine() {
        for (text, address) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::]:5000", "[::]:5000"),
            ("localhost:5000", "127.0.0.1:5000"),
            ("LocalHost:0", "127.0.0.1:0"),
            (":5000", "127.0.0.1:5000"),
            ("5000", "127.0.0.1:5000"),
        ] {
            assert_eq!(parse_listen(text), Ok(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_refused_with_an_example() {
        for wrong in [
            "",
            ":",
            "localhost",
            "0.0.0.0",
            "65536",
            ":+80",
            "-1",
            "::5000",
            "*:5000",
            "chat.example:5000",
            "http://localhost:5000",
        ] {
            let error = parse_listen(wrong).unwrap_err();
            assert!(error.contains("as in 127.0.0.1:5000"), "{wrong}: {error}");
        }
    }
}
