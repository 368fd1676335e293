//! What a victim says first: perhaps an HTTP `CONNECT` (RFC 9110, section 9.3.6), then its ClientHello.

use std::{
    fmt,
    io::{self, Read, Write},
};

use labnet::{
    escape::escape,
    net::{Connection, Server},
    tls::SniFilter,
};
use rustls::server::{Accepted, Acceptor};

use crate::server::handshake::HandshakeStream;

/// The longest head of a `CONNECT`, in bytes (ours).
const MAX_HEAD_LEN: usize = 8 * 1024;

/// How many fields it may have (ours).
const MAX_FIELDS: usize = 64;

/// The first byte of a TLS connection: a record with a handshake message (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// What a victim asks for.
pub(super) struct Hello {
    pub(super) accepted: Accepted,
    /// The server that it named to an explicit proxy.
    pub(super) connect: Option<Server>,
}

/// Reads up to the end of the ClientHello, and not a byte of what an HTTP client sends after its head.
///
/// # Errors
/// What the victim did, in words. It has been told, if there is a way.
pub(super) fn receive(victim: &mut Connection) -> Result<Hello, String> {
    let first = next_byte(victim)?;
    if first == HANDSHAKE {
        return Ok(Hello { accepted: client_hello(victim, &[first])?, connect: None });
    }
    let server = connect(victim, first).map_err(|refused| {
        refused.tell(victim);
        refused.why
    })?;
    let granted = victim.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    granted.map_err(|error| format!("the victim is gone: {}", labnet::error::reason(&error)))?;
    Ok(Hello { accepted: client_hello(victim, &[])?, connect: Some(server) })
}

fn next_byte(victim: &mut Connection) -> Result<u8, String> {
    let mut byte = [0];
    match victim.read(&mut byte) {
        Ok(0) => Err("the victim left without a wish".to_owned()),
        Ok(_) => Ok(byte[0]),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the victim was too slow".to_owned(),
            _ => format!("the victim is gone: {}", labnet::error::reason(&error)),
        }),
    }
}

/// A ClientHello that begins with these bytes.
fn client_hello(victim: &mut Connection, begun: &[u8]) -> Result<Accepted, String> {
    let mut acceptor = Acceptor::default();
    let mut handshake = HandshakeStream::new(victim);
    let named = |complaint: String| format!("the victim {complaint}");
    let mut hello = SniFilter::new(begun.chain(&mut handshake));
    loop {
        match acceptor.read_tls(&mut hello) {
            Ok(0) => return Err("the victim left within the handshake".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(named(handshake.explain(error))),
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((error, mut alert)) => {
                // It may be gone.
                let _ = alert.write_all(&mut handshake);
                return Err(named(handshake.explain(io::Error::other(error))));
            }
        }
    }
}

/// Why a victim gets no tunnel.
struct Refused {
    /// The status and what is said with it; `None` for one that speaks no HTTP, or is gone.
    answer: Option<(u16, &'static str)>,
    why: String,
}

impl Refused {
    fn new(status: u16, reason: &'static str, head: &[u8]) -> Self {
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
        let line = line.get(..line.len().min(100)).unwrap_or_default();
        Self { answer: Some((status, reason)), why: format!("the victim asked '{}': {reason}", escape(line)) }
    }

    fn silently(why: String) -> Self {
        Self { answer: None, why }
    }

    fn tell(&self, victim: &mut Connection) {
        if let Some((status, reason)) = self.answer {
            // It may be gone.
            let _ = victim.write_all(Answer(status, reason).to_string().as_bytes());
        }
    }
}

struct Answer(u16, &'static str);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phrase, allow) = match self.0 {
            405 => ("Method Not Allowed", "Allow: CONNECT\r\n"),
            431 => ("Request Header Fields Too Large", ""),
            _ => ("Bad Request", ""),
        };
        let (status, text) = (self.0, self.1);
        write!(
            f,
            "HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\
             \r\n{text}\n",
            text.len() + 1
        )
    }
}

/// The server that a `CONNECT` names.
fn connect(victim: &mut Connection, first: u8) -> Result<Server, Refused> {
    if !first.is_ascii_uppercase() {
        return Err(Refused::silently("the victim speaks neither TLS nor HTTP".to_owned()));
    }
    // Byte by byte: what follows the head belongs to TLS.
    let mut head = vec![first];
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() >= MAX_HEAD_LEN {
            return Err(Refused::new(431, "the head of the request is too long", &head));
        }
        head.push(next_byte(victim).map_err(Refused::silently)?);
    }
    target(&head)
}

fn target(head: &[u8]) -> Result<Server, Refused> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let refused = |status, reason| Refused::new(status, reason, head);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(refused(431, "the request has too many header fields")),
        _ => return Err(refused(400, "this is no request of HTTP/1.1")),
    }
    if request.method != Some("CONNECT") {
        return Err(refused(405, "this proxy is for TLS alone: it answers CONNECT HOST:PORT"));
    }
    let server = request.path.unwrap_or_default().parse::<Server>().ok();
    server.filter(Server::has_port).ok_or_else(|| refused(400, "CONNECT names a server as HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: Result<&str, u16>) {
        let seen = target(head.as_bytes()).map(|server| server.to_string());
        let seen = seen.map_err(|refused| refused.answer.unwrap().0);
        assert_eq!(seen.as_deref().map_err(|status| *status), expected, "{head}");
    }

    #[test]
    fn only_connect_with_a_host_and_a_port_is_granted() {
        check("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", Ok("a.test:443"));
        check("CONNECT [::1]:443 HTTP/1.0\n\n", Ok("[::1]:443"));
        check("CONNECT a.test HTTP/1.1\r\n\r\n", Err(400));
        check("CONNECT a.test:0 HTTP/1.1\r\n\r\n", Err(400));
        check("CONNECT / HTTP/1.1\r\n\r\n", Err(400));
        check("GET http://a.test/ HTTP/1.1\r\n\r\n", Err(405));
        check("NONSENSE\r\n\r\n", Err(400));
        check(&format!("CONNECT a.test:443 HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1)), Err(431));
    }
}
