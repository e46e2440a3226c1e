//! From a peer's address to socket addresses.

use super::context::PeerAddress;
use crate::url::address;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Where a peer wants to listen or call, before its name is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) call: bool,
    /// Only this family, where the application named one.
    pub(super) ipv6: Option<bool>,
}

impl Place {
    /// `None` for an address that is none.
    pub(super) fn new(peer: &PeerAddress) -> Option<Self> {
        match peer {
            PeerAddress::Url(url) => {
                let address = address::parse(url)?;
                let port = address.port.unwrap_or(0);
                Some(Self { host: address.host, port, call: !address.listen, ipv6: None })
            }
            PeerAddress::Manual { host, port, call, ipv6 } => {
                let any = if *ipv6 { "::" } else { "0.0.0.0" };
                let host = if host.is_empty() { any } else { host };
                Some(Self { host: host.to_owned(), port: *port, call: *call, ipv6: Some(*ipv6) })
            }
        }
    }

    /// Looks the name up; may block for seconds. Numbers need no look-up.
    pub(super) fn resolve(&self) -> Option<SocketAddr> {
        let fits = |address: &SocketAddr| self.ipv6.is_none_or(|ipv6| ipv6 == address.is_ipv6());
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, self.port)).filter(fits);
        }
        (self.host.as_str(), self.port).to_socket_addrs().ok()?.find(fits)
    }

    /// Whether it may be elsewhere the next time it is looked up.
    pub(super) fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// As a URL, for statistics and log lines.
    pub(super) fn url(&self) -> String {
        let at = if self.call { "" } else { "@" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("rist://{at}{host}:{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Place {
        Place::new(&PeerAddress::Url(text.to_owned())).unwrap()
    }

    #[test]
    fn urls_say_whom_to_call_and_where_to_listen() {
        assert!(url("rist://127.0.0.1:5000").call && !url("rist://127.0.0.1:5000").is_name());
        assert!(url("rist://localhost:5000").is_name());
        let listen = url("rist://@[::1]:5000");
        assert!(!listen.call);
        assert_eq!(listen.resolve(), Some("[::1]:5000".parse().unwrap()));
        assert_eq!(listen.url(), "rist://@[::1]:5000");
        assert_eq!(Place::new(&PeerAddress::Url(String::new())), None);
    }

    #[test]
    fn a_named_family_is_kept() {
        let manual = |host: &str, ipv6| PeerAddress::Manual { host: host.to_owned(), port: 7, call: false, ipv6 };
        let any = Place::new(&manual("", true)).unwrap();
        assert_eq!(any.resolve(), Some("[::]:7".parse().unwrap()));
        assert_eq!(Place::new(&manual("127.0.0.1", true)).unwrap().resolve(), None);
    }

    #[test]
    fn an_unknown_name_is_unresolved() {
        assert_eq!(url("rist://no-such-host.invalid:5000").resolve(), None);
    }
}
