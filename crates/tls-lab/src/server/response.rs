//! Answers of HTTP/1.1: the page, the file, the zeros, or why there is none.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::Path,
};

use labnet::error::reason;

use super::{connection::HttpsConnection, page, request::Request};

/// The most zero bytes that can be asked for: 16 GiB, minutes of any network that is measured here (ours).
pub const MAX_BYTES: u64 = 1 << 34;

/// How much is encrypted and sent at once: eight records of TLS, for one system call (ours).
const CHUNK_LEN: usize = 128 * 1024;

/// What the browser may do with a page of ours: nothing but show it, with the style in it.
const RESTRAINT: &str = concat!(
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: ",
    include_str!("policy.txt"),
    "\r\n",
);

/// It is to ask this host by HTTPS alone (RFC 6797), for two years, the least that Mozilla recommends.
const HSTS: &str = "Strict-Transport-Security: max-age=63072000\r\n";

/// What became of an answer, for the report: `STATUS BYTES`.
#[derive(Debug)]
pub(super) struct Outcome {
    status: u16,
    sent: u64,
    failed: Option<io::Error>,
    keeps_alive: bool,
}

impl Outcome {
    /// Whether the connection ends with it.
    pub(super) fn is_last(&self) -> bool {
        self.failed.is_some() || !self.keeps_alive
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.sent)?;
        match &self.failed {
            None => Ok(()),
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str(" (the file ends early)"),
            Some(error) => write!(f, " (gone: {})", reason(error)),
        }
    }
}

/// A body, of a length that is known before its first byte.
enum Body {
    Text(&'static str, String),
    File(fs::File, u64),
    Zeros(u64),
}

impl Body {
    fn len(&self) -> u64 {
        match self {
            Self::Text(_, text) => text.len() as u64,
            Self::File(_, len) | Self::Zeros(len) => *len,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(kind, _) => kind,
            Self::File(..) | Self::Zeros(_) => "application/octet-stream",
        }
    }
}

/// Answers a request, and says what became of it.
pub(super) fn answer(client: &mut HttpsConnection, request: &Request, file: Option<&Path>, hsts: bool) -> Outcome {
    let (status, body) = match &request.target {
        Ok(target) => look_up(client, &target.path, file),
        Err((status, reason)) => (*status, refusal(*status, reason)),
    };
    // Who asked for the head alone, or in a way that cannot be read, is not owed more.
    let head_only = request.target.as_ref().is_ok_and(|target| target.head_only) || request.line().starts_with("HEAD ");
    let mut outcome = Outcome { status, sent: 0, failed: None, keeps_alive: request.keeps_alive };
    let head = head(status, &body, request.keeps_alive, hsts);
    if let Err(error) = send(client, head, body, head_only, &mut outcome.sent) {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            client.break_off();
        }
        outcome.failed = Some(error);
    }
    outcome
}

/// What is at a path.
fn look_up(client: &HttpsConnection, path: &str, file: Option<&Path>) -> (u16, Body) {
    if path == "/" {
        return (200, Body::Text("text/html; charset=utf-8", page::render(client)));
    }
    if let Some(digits) = path.strip_prefix("/bytes/") {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        return match digits.parse() {
            Ok(len) if is_number && len <= MAX_BYTES => (200, Body::Zeros(len)),
            _ => (400, refusal(400, "expected /bytes/N with N up to 17179869184")),
        };
    }
    match file.filter(|_| path == "/download").map(open) {
        Some(Ok((file, len))) => (200, Body::File(file, len)),
        Some(Err(_)) => (500, refusal(500, "the file cannot be read any more")),
        None => (404, refusal(404, "there is /, /bytes/N, and with --file /download")),
    }
}

/// A regular file and its length.
pub(super) fn open(path: &Path) -> io::Result<(fs::File, u64)> {
    // Looked at first: to open a pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((fs::File::open(path)?, metadata.len()))
}

fn refusal(status: u16, reason: &str) -> Body {
    Body::Text("text/plain; charset=utf-8", format!("{status} {}: {reason}\n", phrase(status)))
}

/// RFC 9110, section 15, and RFC 6585.
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    }
}

fn head(status: u16, body: &Body, keeps_alive: bool, hsts: bool) -> String {
    let hsts = if hsts { HSTS } else { "" };
    let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    let end = if keeps_alive { "" } else { "Connection: close\r\n" };
    let (phrase, kind, len) = (phrase(status), body.kind(), body.len());
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n{RESTRAINT}{hsts}{allow}{end}\r\n"
    )
}

/// Sends head and body; `sent` counts the body.
fn send(client: &mut HttpsConnection, head: String, body: Body, head_only: bool, sent: &mut u64) -> io::Result<()> {
    if head_only {
        return client.write_all(head.as_bytes());
    }
    match body {
        // Together, in one record if they fit.
        Body::Text(_, text) => {
            client.write_all((head + &text).as_bytes())?;
            *sent = text.len() as u64;
            Ok(())
        }
        Body::File(file, len) => {
            client.write_all(head.as_bytes())?;
            stream(client, file, len, sent)
        }
        Body::Zeros(len) => {
            client.write_all(head.as_bytes())?;
            stream(client, io::repeat(0), len, sent)
        }
    }
}

/// Copies exactly so many bytes.
fn stream(client: &mut HttpsConnection, mut source: impl Read, len: u64, sent: &mut u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_LEN];
    while *sent < len {
        let wanted = usize::try_from(len - *sent).unwrap_or(CHUNK_LEN).min(CHUNK_LEN);
        let n = source.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        client.write_all(buffer.get(..n).unwrap_or_default())?;
        *sent += n as u64;
    }
    Ok(())
}
