//! The address that a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the browser, as far as it can be known.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get().copied();
        Ok(known.unwrap_or(Self(Ipv4Addr::UNSPECIFIED.into())))
    }
}

/// The proxies that are believed about whom they pass on.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    /// Whether the operator has been told of one that is not.
    has_told: AtomicBool,
}

impl Proxies {
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, has_told: AtomicBool::new(false) }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// From the peer towards the browser, as far as each that speaks is a trusted proxy: what others
    /// have written into the header is worth nothing.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        if !self.trust(address) {
            if is_near(address) && passes_on(headers) {
                self.tell_of(address);
            }
            return address;
        }
        let mut before = forwarded_for(headers);
        while self.trust(address) {
            match before.pop().as_deref().and_then(parse) {
                Some(earlier) => address = earlier.to_canonical(),
                None => break,
            }
        }
        address
    }

    /// Once: what comes from far away may say what it likes, and what is near is set up by hand.
    fn tell_of(&self, proxy: IpAddr) {
        if !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(address = %proxy, "{proxy} passes requests on and is no --trusted-proxy: limits take all who come through it for one visitor");
        }
    }
}

/// Notes the address with the request.
pub async fn identify(State(proxies): State<Arc<Proxies>>, mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let address = proxies.address(peer.ip(), request.headers());
        request.extensions_mut().insert(ClientAddress(address));
    }
    request
}

/// Whether it is on this machine or in a network of its operator.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

fn passes_on(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED)
}

/// The addresses that proxies have passed on, the last proxy's last.
fn forwarded_for(headers: &HeaderMap) -> Vec<String> {
    let lines = |name| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
    };
    let plain: Vec<String> =
        lines(FORWARDED_FOR).map(|address| address.trim().to_owned()).collect();
    if !plain.is_empty() {
        return plain;
    }
    lines(header::FORWARDED)
        .map(|hop| {
            let fields = hop.split(';').filter_map(|field| field.trim().split_once('='));
            let mut addresses = fields.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
            addresses
                .next()
                .map_or_else(String::new, |(_, value)| value.trim_matches('"').to_owned())
        })
        .collect()
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Proxies::new(trusted.into()).address(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(seen("192.0.2.7", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.7");
        assert_eq!(seen("192.0.2.7", &[("forwarded", "for=198.51.100.1")]), "192.0.2.7");
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_who_asked_it() {
        assert_eq!(seen("10.1.2.3", &[("x-forwarded-for", "198.51.100.1")]), "198.51.100.1");
        assert_eq!(seen("::1", &[("x-forwarded-for", "198.51.100.1:4711")]), "198.51.100.1");
        assert_eq!(seen("10.1.2.3", &[("x-forwarded-for", "[2001:db8::1]:80")]), "2001:db8::1");
        let forwarded = "for=203.0.113.9;proto=https, For=\"[2001:db8::1]:80\"; by=10.0.0.1";
        assert_eq!(seen("10.1.2.3", &[("forwarded", forwarded)]), "2001:db8::1");
    }

    #[test]
    fn only_as_far_as_proxies_are_trusted() {
        let claimed = "203.0.113.66, 198.51.100.1, 10.9.9.9";
        assert_eq!(seen("10.1.2.3", &[("x-forwarded-for", claimed)]), "198.51.100.1");
        assert_eq!(seen("10.1.2.3", &[("x-forwarded-for", "nonsense")]), "10.1.2.3");
        assert_eq!(seen("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(seen("::ffff:10.1.2.3", &[("x-forwarded-for", "198.51.100.1")]), "198.51.100.1");
    }
}
