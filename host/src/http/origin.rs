//! Names of hosts as requests carry them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Scheme, host and port, as a browser sends them in `Origin` (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    /// In lower case; an IPv6 address has its brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a host that is reached where it listens.
    #[must_use]
    pub fn listening(address: SocketAddr) -> Self {
        Self {
            https: false,
            host: match address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            },
            port: address.port(),
        }
    }

    /// Whether nobody between client and host can read along.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Whether it is a name of a machine for itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether a `Host` header names it.
    pub(super) fn is_named(&self, authority: &Authority<'_>) -> bool {
        self.host.eq_ignore_ascii_case(authority.host)
            && authority.port.unwrap_or(default_port(self.https)) == self.port
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no https://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("its scheme is neither https nor http".into()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority = Authority::parse(rest).ok_or("it is more or less than a host and a port")?;
        Ok(Self {
            https,
            host: authority.host.to_ascii_lowercase(),
            port: authority.port.unwrap_or(default_port(https)),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port == default_port(self.https) {
            return Ok(());
        }
        write!(formatter, ":{}", self.port)
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// `HOST[:PORT]`, as in a `Host` header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Authority<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let after_address = text.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match text[after_address..].rfind(':') {
            Some(colon) => {
                let (host, port) = text.split_at(after_address + colon);
                let digits = &port[1..];
                let plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
                (host, Some(digits.parse().ok().filter(|_| plain)?))
            }
            None => (text, None),
        };
        let named = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_');
        let sound = match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(named),
        };
        sound.then_some(Self { host, port })
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Authority, Origin};

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let is_loopback = |text| Authority::parse(text).is_some_and(|it: Authority<'_>| it.is_loopback());
        for name in [
            "localhost",
            "LocalHost:7803",
            "127.0.0.1:1",
            "[::1]:7803",
            "[::1]",
        ] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "evil.test",
            "127.0.0.1.evil.test",
            "10.0.0.1:7803",
            "localhost:x",
            "localhost:",
            "localhost:99999",
            "localhost:+1",
            "localhost@evil.test",
            "localhost/",
            "::1",
            "[::1",
            "",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (given, shown) in [
            ("https://Jobs.example.com", "https://jobs.example.com"),
            ("https://jobs.example.com:443/", "https://jobs.example.com"),
            ("http://jobs.example.com:8080", "http://jobs.example.com:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(given.parse::<Origin>().unwrap().to_string(), shown);
        }
        for wrong in [
            "",
            "null",
            "*",
            "jobs.example.com",
            "ftp://jobs.example.com",
            "https://",
            "https://jobs.example.com/path",
            "https://user@jobs.example.com",
            "https://jobs.example.com?x",
            "https://*.example.com",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_header_names_an_origin_with_its_port() {
        let origin: Origin = "https://jobs.example.com".parse().unwrap();
        let is_named = |text| origin.is_named(&Authority::parse(text).unwrap());
        assert!(is_named("jobs.example.com") && is_named("JOBS.example.com:443"));
        assert!(!is_named("jobs.example.com:80") && !is_named("example.com"));
    }
}
