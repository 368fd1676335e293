//! Requests of HTTP/1.1: heads that come in any pieces, and no bodies (RFC 9112, sections 2 to 6).

use std::{
    fmt,
    io::{self, Read},
};

use labnet::{escape::escape, tls};

/// The longest head that is read, in bytes (ours).
pub const MAX_HEAD_LEN: usize = 16 * 1024;

/// The longest target, in bytes (RFC 9112, section 3: 8,000 at least should be taken).
const MAX_TARGET_LEN: usize = 8000;

/// How many fields a head may have (ours).
const MAX_FIELDS: usize = 100;

/// How much of a request is shown in a report (ours).
const MAX_SHOWN: usize = 200;

/// A request, or what is wrong with it.
#[derive(Debug)]
pub(super) struct Request {
    /// Its first line, as it came.
    line: Vec<u8>,
    /// What it wants, or the status and the words with which it is refused.
    pub(super) target: Result<RequestTarget, (u16, &'static str)>,
    /// Whether another request may follow.
    pub(super) keeps_alive: bool,
}

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestTarget {
    /// Whether it wants no body (HEAD).
    pub(super) head_only: bool,
    /// Beginning with `/`; without what follows a question mark.
    pub(super) path: String,
}

impl Request {
    fn refused(head: &[u8], status: u16, reason: &'static str) -> Self {
        Self { line: first_line(head), target: Err((status, reason)), keeps_alive: false }
    }

    /// Its first line, made safe for a terminal and for the quotes around it.
    pub(super) fn line(&self) -> String {
        let shown = self.line.get(..MAX_SHOWN).unwrap_or(&self.line);
        let end = if shown.len() < self.line.len() { "…" } else { "" };
        format!("{}{end}", escape(shown)).replace('"', "\\\"")
    }
}

fn first_line(head: &[u8]) -> Vec<u8> {
    let line = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line).to_vec()
}

/// The requests on one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// What has come of the next one.
    pending: Vec<u8>,
}

/// Why there is no further request.
#[derive(Debug)]
pub(super) struct Gone {
    pending: usize,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Left,
    Broken(io::Error),
}

impl Gone {
    /// Whether it was not simply the end of the last one.
    pub(super) fn was_within_a_request(&self) -> bool {
        self.pending > 0
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.pending > 0 { "within a request" } else { "without a request" };
        match &self.why {
            Why::Left => write!(f, "left {when}"),
            Why::Broken(error) => match (tls::fault_within(error), error.kind()) {
                (Some(fault), _) => f.write_str(&fault),
                (None, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => f.write_str("too slow with its request"),
                (None, io::ErrorKind::UnexpectedEof) => write!(f, "left {when} and without close_notify"),
                (None, _) => write!(f, "gone {when}: {}", labnet::error::reason(error)),
            },
        }
    }
}

impl Requests {
    /// The next one. A head that is too long or cannot be read is one that is refused.
    pub(super) fn next(&mut self, client: &mut impl Read) -> Result<Request, Gone> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((request, len)) = parse(&self.pending) {
                self.pending.drain(..len.min(self.pending.len()));
                return Ok(request);
            }
            let why = match client.read(&mut buffer) {
                Ok(0) => Why::Left,
                Ok(n) => {
                    self.pending.extend_from_slice(buffer.get(..n).unwrap_or_default());
                    continue;
                }
                Err(error) => Why::Broken(error),
            };
            return Err(Gone { pending: self.pending.len(), why });
        }
    }
}

/// A request and the length of its head; `None` when more must come.
fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let refused = |status, reason| Some((Request::refused(bytes, status, reason), bytes.len()));
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(len)) if len <= MAX_HEAD_LEN => {
            let keeps_alive = keeps_alive(&head);
            Some((Request { line: first_line(bytes), target: target(&head), keeps_alive }, len))
        }
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD_LEN => None,
        // All of it is one line.
        Ok(_) if head.version.is_none() => refused(414, "the target of the request is too long"),
        Ok(_) => refused(431, "the head of the request is too long"),
        Err(httparse::Error::TooManyHeaders) => refused(431, "the request has too many header fields"),
        Err(httparse::Error::Version) => refused(505, "this server speaks HTTP/1.1"),
        Err(_) => refused(400, "this is no request of HTTP/1.1"),
    }
}

fn target(head: &httparse::Request<'_, '_>) -> Result<RequestTarget, (u16, &'static str)> {
    let target = head.path.unwrap_or_default();
    if target.len() > MAX_TARGET_LEN {
        return Err((414, "the target of the request is too long"));
    }
    // RFC 9112, section 3.2: exactly one, so that nobody on the way takes the request for another host's.
    if head.version == Some(1) && values(head, "Host").count() != 1 {
        return Err((400, "a request of HTTP/1.1 has exactly one Host field"));
    }
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err((405, "this server answers GET and HEAD")),
    };
    let path = path(target).ok_or((400, "the target of the request is no path"))?;
    Ok(RequestTarget { head_only, path: path.split('?').next().unwrap_or_default().to_owned() })
}

/// `/path` itself, or that of `https://host/path` (RFC 9112, section 3.2).
fn path(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
    is_web.then_some(path)
}

/// Whether another request may follow: in HTTP/1.1, unless someone says otherwise, or sends a body, which is not read.
fn keeps_alive(head: &httparse::Request<'_, '_>) -> bool {
    let is_close = |value: &[u8]| value.split(|&byte| byte == b',').any(|token| is(token, "close"));
    let has_body = values(head, "Transfer-Encoding").next().is_some()
        || values(head, "Content-Length").any(|value| value.trim_ascii() != b"0");
    head.version == Some(1) && !has_body && !values(head, "Connection").any(is_close)
}

fn values<'h>(head: &'h httparse::Request<'_, '_>, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    head.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

fn is(token: &[u8], word: &str) -> bool {
    token.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<(&str, bool), u16>) {
        let (request, _) = parse(bytes).unwrap();
        let seen = request.target.as_ref().map(|target| (target.path.as_str(), request.keeps_alive));
        assert_eq!(seen.map_err(|(status, _)| *status), expected, "{}", escape(bytes));
    }

    #[test]
    fn a_request_is_a_method_a_path_and_its_fields() {
        check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(("/", true)));
        check(b"\r\nGET /a?b HTTP/1.1\nhost: a\n\n", Ok(("/a", true)));
        check(b"GET https://a/b HTTP/1.1\r\nHost: a\r\n\r\n", Ok(("/b", true)));
        check(b"GET https://a HTTP/1.1\r\nHost: a\r\n\r\n", Ok(("/", true)));
        check(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", Ok(("/", false)));
        check(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Ok(("/", false)));
        check(b"GET / HTTP/1.0\r\n\r\n", Ok(("/", false)));
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_a_status() {
        check(b"GET / HTTP/1.1\r\n\r\n", Err(400));
        check(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Err(400));
        check(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", Err(405));
        check(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Err(405));
        check(b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Err(400));
        check(b"\x16\x03\x01\x00", Err(400));
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(505));
        check(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(MAX_TARGET_LEN)).as_bytes(), Err(414));
        check(format!("GET /{}", "a".repeat(MAX_HEAD_LEN)).as_bytes(), Err(414));
        check(format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD_LEN)).as_bytes(), Err(431));
        check(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1)).as_bytes(), Err(431));
    }

    #[test]
    fn a_head_may_come_in_any_pieces_and_with_the_next_one() {
        let stream = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n";
        for size in 1..=stream.len() {
            let mut requests = Requests::default();
            let mut client = Pieces(stream, size);
            for expected in ["/1", "/2"] {
                assert_eq!(requests.next(&mut client).unwrap().target.unwrap().path, expected, "in pieces of {size}");
            }
            assert!(!requests.next(&mut client).unwrap_err().was_within_a_request());
        }
    }

    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            (&*now).read(buffer)
        }
    }

    #[test]
    fn a_request_line_is_shown_on_one_line_within_its_quotes() {
        let (request, _) = parse(b"GET /\"\x1b[2J HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(request.line(), "GET /\\\"\\x1b[2J HTTP/1.1");
        let (request, _) = parse(format!("GET /{}", "a".repeat(MAX_HEAD_LEN)).as_bytes()).unwrap();
        assert!(request.line().len() < 210, "{}", request.line());
    }
}
