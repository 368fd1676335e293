//! The address of a WebSocket server.

use std::{fmt, str::FromStr};

use crate::{Error, net::Server};

/// The address of a WebSocket server: `ws://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    server: Server,
    path: String,
}

impl Url {
    /// The root of a server.
    pub fn of(server: Server) -> Self {
        Self { server, path: "/".to_owned() }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The path, with its query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Host and port as a server is told them. A zone (`fe80::1%eth0`) is of this machine, and nothing to it (RFC 6874,
    /// section 4).
    pub(super) fn authority(&self) -> String {
        self.server.without_zone().to_string()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.server.url(), self.path)
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        /// Of `ws` (RFC 6455, section 3).
        const DEFAULT_PORT: u16 = 80;
        let error = |reason: &str| Error::Usage(format!("'{}' {reason}", text));
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => {}
            "wss" => return Err(error("asks for TLS, which part 5 does not use: expected ws://HOST:PORT/")),
            _ => return Err(error("is no WebSocket URL: expected ws://HOST:PORT/")),
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (server, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let server = Server::in_url(server)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error("has a path with characters that must be written as %NN"));
        }
        Ok(Self { server: server.or_port(DEFAULT_PORT), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_path() {
        for (text, expected) in [
            ("ws://tcpip.epfl.ch:5006", "ws://tcpip.epfl.ch:5006/"),
            ("WS://[::1]:5006/pmu?x=1#top", "ws://[::1]:5006/pmu?x=1"),
            ("ws://localhost", "ws://localhost:80/"),
            ("ws://localhost?x", "ws://localhost:80/?x"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), expected);
        }
        for wrong in
            ["", "localhost:5006", "http://localhost", "wss://localhost", "ws://", "ws://a b/", "ws://a/\u{e9}"]
        {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }
}
