//! The opening handshake (RFC 6455, section 4): a request, and the answer that fits it. No sockets.

use httparse::{EMPTY_HEADER, Request, Response, Status};
use tungstenite::handshake::derive_accept_key;

use super::{
    Url,
    head::{MAX_HEADERS, count, has_token, lines},
    negotiation::{self, Deflate, elements},
};
use crate::escape::escape;

/// The version of WebSocket of RFC 6455.
const VERSION: &str = "13";

/// A client's request, with the key that it made.
pub(super) fn request(url: &Url, key: &str, is_deflate_offered: bool) -> String {
    let extensions = match is_deflate_offered {
        true => format!("Sec-WebSocket-Extensions: {}\r\n", negotiation::OFFER),
        false => String::new(),
    };
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {VERSION}\r\n\
         Sec-WebSocket-Key: {key}\r\n{extensions}\r\n",
        url.path(),
        url.authority(),
    )
}

/// What a server's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// More is to come: a status from 100 to 199 that is not 101 (RFC 9110, section 15.2).
    Interim,
    /// The connection is WebSocket from here on.
    Upgraded(Option<Deflate>),
}

/// Judges a server's head.
///
/// # Errors
/// What the server did, as the end of a sentence.
pub(super) fn answer(head: &[u8], key: &str, is_deflate_offered: bool) -> Result<Answer, String> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    match response.parse(head) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err("does not speak HTTP".to_owned()),
        Err(error) => return Err(format!("does not speak HTTP ({error})")),
    }
    let status = response.code.unwrap_or_default();
    match status {
        101 => {}
        100..=199 => return Ok(Answer::Interim),
        _ => {
            let reason = response.reason.filter(|reason| !reason.is_empty());
            let reason = reason.map(|reason| format!(" {}", escape(reason.as_bytes()))).unwrap_or_default();
            return Err(format!("answered HTTP {status}{reason} instead of upgrading to WebSocket"));
        }
    }
    let headers = &*response.headers;
    let refused = |why: String| Err(format!("did not upgrade to WebSocket: {why}"));
    if response.version != Some(1) {
        // RFC 6455, section 4.1; RFC 9110, section 7.8: HTTP/1.0 has no upgrade.
        return refused("it answered in HTTP/1.0".to_owned());
    }
    for (name, token) in [("Upgrade", "websocket"), ("Connection", "Upgrade")] {
        if !has_token(headers, name, token) {
            return refused(format!("its answer has no '{name}: {token}'"));
        }
    }
    let accepts = count(headers, "Sec-WebSocket-Accept");
    if accepts > 1 {
        return refused(format!("its answer has {accepts} headers Sec-WebSocket-Accept"));
    }
    if lines(headers, "Sec-WebSocket-Accept").next() != Some(&derive_accept_key(key.as_bytes())) {
        return refused("its Sec-WebSocket-Accept does not fit the request".to_owned());
    }
    if let Some(protocol) = elements(lines(headers, "Sec-WebSocket-Protocol")).next() {
        return refused(format!("it chose the subprotocol '{}', which was not offered", escape(protocol.as_bytes())));
    }
    match negotiation::confirm(lines(headers, "Sec-WebSocket-Extensions"), is_deflate_offered) {
        Ok(agreed) => Ok(Answer::Upgraded(agreed)),
        Err(extension) => {
            let extension = escape(extension.as_bytes());
            refused(format!("it chose the extension '{extension}', which was not offered, or not so"))
        }
    }
}

/// What a server answers to a request that it takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The head of the answer.
    pub(super) head: String,
    pub(super) deflate: Option<Deflate>,
}

/// Why a request is no upgrade, and the answer to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// As the end of a sentence.
    pub(super) why: String,
    status: RefusalStatus,
}

/// With which status of HTTP a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefusalStatus {
    /// The request is wrong in itself.
    BadRequest,
    /// An upgrade, as in RFC 6455, would be right.
    UpgradeRequired,
    /// The server was told to refuse.
    Told(u16),
}

/// What a server does with a right request for an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// It accepts it.
    #[default]
    Right,
    /// It accepts it with the key of another request: no client may go on (RFC 6455, section 4.1).
    WrongAccept,
    /// It refuses it with this status of HTTP.
    HttpError(u16),
}

impl Refusal {
    pub(super) fn bad_request(why: impl Into<String>) -> Self {
        Self { why: why.into(), status: RefusalStatus::BadRequest }
    }

    fn upgrade_required(why: &str) -> Self {
        Self { why: why.to_owned(), status: RefusalStatus::UpgradeRequired }
    }

    /// The answer in HTTP (RFC 6455, section 4.2.2; RFC 9110, section 15.5.22).
    pub(super) fn response(&self) -> String {
        let (status, headers) = match self.status {
            RefusalStatus::UpgradeRequired => (
                "426 Upgrade Required".to_owned(),
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade, close",
            ),
            RefusalStatus::BadRequest => ("400 Bad Request".to_owned(), "Connection: close"),
            // The reason phrase may be empty, and clients ignore it (RFC 9112, section 4).
            RefusalStatus::Told(status) => (format!("{status} "), "Connection: close"),
        };
        let body = "This is the WebSocket PMU of the socket lab: connect with a WebSocket client.\n";
        let len = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}\r\nContent-Type: text/plain\r\nContent-Length: {len}\r\n\r\n{body}")
    }
}

/// Judges a client's head.
///
/// # Errors
/// [`Refusal`].
pub(super) fn accept(head: &[u8], is_deflate_wanted: bool, upgrade: Upgrade) -> Result<Accepted, Refusal> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(Refusal::bad_request("it is no HTTP request")),
        Err(error) => return Err(Refusal::bad_request(format!("it is no HTTP request ({error})"))),
    }
    if request.method != Some("GET") {
        return Err(Refusal::bad_request("its method is not GET"));
    }
    if request.version < Some(1) {
        return Err(Refusal::bad_request("its version is below HTTP/1.1"));
    }
    let headers = &*request.headers;
    // RFC 9112, section 3.2.
    let hosts = count(headers, "Host");
    if hosts != 1 {
        let number = if hosts == 0 { "no".to_owned() } else { hosts.to_string() };
        return Err(Refusal::bad_request(format!("it has {number} Host headers, and exactly one is right")));
    }
    for (name, token) in [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)] {
        if !has_token(headers, name, token) {
            return Err(Refusal::upgrade_required(&format!("it has no '{name}: {token}'")));
        }
    }
    for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        if count(headers, name) > 1 {
            return Err(Refusal::bad_request(format!("it has more than one {name}")));
        }
    }
    let Some(key) = lines(headers, "Sec-WebSocket-Key").next().filter(|key| is_key(key)) else {
        return Err(Refusal::bad_request("it has no Sec-WebSocket-Key of 16 bytes in base64"));
    };
    let agreed = negotiation::accept(lines(headers, "Sec-WebSocket-Extensions")).filter(|_| is_deflate_wanted);
    let (deflate, extensions) = match agreed {
        Some((deflate, answer)) => (Some(deflate), format!("Sec-WebSocket-Extensions: {answer}\r\n")),
        None => (None, String::new()),
    };
    let accept = match upgrade {
        Upgrade::Right => derive_accept_key(key.as_bytes()),
        Upgrade::WrongAccept => derive_accept_key(b"another key"),
        Upgrade::HttpError(status) => {
            return Err(Refusal {
                why: format!("told to answer with HTTP {status}"),
                status: RefusalStatus::Told(status),
            });
        }
    };
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    );
    Ok(Accepted { head, deflate })
}

/// Whether it is 16 bytes in base64 (RFC 6455, section 4.2.1): 22 characters and the padding.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn check(headers: &[&str], expected: Result<Answer, &str>) {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n\r\n", headers.join("\r\n"));
        let answer = answer(head.as_bytes(), KEY, false);
        match (&answer, &expected) {
            (Err(why), Err(words)) => assert!(why.contains(words), "{why}"),
            _ => assert_eq!(answer, expected.map_err(str::to_owned), "{head}"),
        }
    }

    #[test]
    fn an_answer_may_have_lists_over_several_lines() {
        let upgraded = || Ok(Answer::Upgraded(None));
        check(&["Upgrade: WebSocket", "Connection: upgrade", ACCEPT], upgraded());
        check(&["Upgrade: h2c", "upgrade: x, websocket", "Connection: keep-alive, Upgrade", ACCEPT], upgraded());
        check(&["Connection: keep-alive", "Connection: UPGRADE", "Upgrade: websocket", ACCEPT], upgraded());
        check(&["Connection: Upgrade", ACCEPT], Err("no 'Upgrade: websocket'"));
        check(&["Upgrade: websocket", "Connection: close", ACCEPT], Err("no 'Connection: Upgrade'"));
        check(&["Upgrade: websocket", "Connection: Upgrade"], Err("Sec-WebSocket-Accept does not fit"));
        let chosen = |header| ["Upgrade: websocket", "Connection: Upgrade", ACCEPT, header];
        check(
            &chosen("Sec-WebSocket-Extensions: permessage-deflate"),
            Err("chose the extension 'permessage-deflate', which was not offered"),
        );
        check(&chosen("Sec-WebSocket-Protocol: mqtt"), Err("chose the subprotocol 'mqtt', which was not offered"));
    }

    #[test]
    fn an_answer_is_in_http_1_1_and_has_one_accept() {
        check(
            &["Upgrade: websocket", "Connection: Upgrade", ACCEPT, ACCEPT],
            Err("did not upgrade to WebSocket: its answer has 2 headers Sec-WebSocket-Accept"),
        );
        let other = "Sec-WebSocket-Accept: \u{fffd}";
        check(&["Upgrade: websocket", "Connection: Upgrade", ACCEPT, other], Err("has 2 headers Sec-WebSocket-Accept"));
        let head = format!("HTTP/1.0 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\r\n");
        let refused = answer(head.as_bytes(), KEY, false).unwrap_err();
        assert_eq!(refused, "did not upgrade to WebSocket: it answered in HTTP/1.0");
    }

    #[test]
    fn a_request_names_one_host_one_key_and_one_version() {
        let request = |headers: &str| {
            let request = format!(
                "GET / HTTP/1.1\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: {KEY}\r\n\r\n"
            );
            accept(request.as_bytes(), false, Upgrade::Right)
        };
        assert!(request("Host: localhost\r\n").is_ok());
        for (headers, why) in [
            ("", "it has no Host headers"),
            ("Host: localhost\r\nhost: localhost\r\n", "it has 2 Host headers"),
            ("Host: a\r\nSec-WebSocket-Version: 13\r\n", "it has more than one Sec-WebSocket-Version"),
            ("Host: a\r\nSec-WebSocket-Key: x\r\n", "it has more than one Sec-WebSocket-Key"),
        ] {
            let refusal = request(headers).unwrap_err();
            assert!(refusal.why.starts_with(why), "{}", refusal.why);
            assert!(refusal.response().starts_with("HTTP/1.1 400 Bad Request\r\n"), "{headers}");
        }
    }

    #[test]
    fn an_answer_before_the_upgrade_is_passed_over() {
        assert_eq!(answer(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", KEY, false), Ok(Answer::Interim));
        let refused = answer(b"HTTP/1.1 404 Not \x1bFound\r\n\r\n", KEY, false).unwrap_err();
        assert!(refused.contains("HTTP"), "{refused}");
    }

    #[test]
    fn a_server_takes_the_request_of_its_client() {
        let url: Url = "ws://localhost:5006/pmu".parse().unwrap();
        for (is_offered, is_wanted) in [(false, false), (false, true), (true, false), (true, true)] {
            let accepted = accept(request(&url, KEY, is_offered).as_bytes(), is_wanted, Upgrade::Right).unwrap();
            assert_eq!(accepted.deflate.is_some(), is_offered && is_wanted);
            let answer = answer(accepted.head.as_bytes(), KEY, is_offered);
            assert_eq!(answer, Ok(Answer::Upgraded(accepted.deflate)));
        }
    }
}
