//! `visavis health`: asks a running server for a page, for containers that have no HTTP client.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Succeeds when the server that listens on `address` answers the login page.
pub fn check(address: SocketAddr) -> anyhow::Result<()> {
    let address = reachable(address);
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("nothing answers on {address} (--listen)"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(stream)
        .read_line(&mut status)
        .with_context(|| format!("the server on {address} does not answer"))?;
    ensure!(
        !status.starts_with("HTTP/1.1 503"),
        "the server on {address} is out of service: its database was lost or damaged; its log says what to do"
    );
    ensure!(status.starts_with("HTTP/1.1 200"), "the server on {address} says {:?}", status.trim());
    Ok(())
}

/// A server that listens on every address is asked on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
