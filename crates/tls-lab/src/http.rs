//! As much of HTTP/1.1 as a client needs to fetch one page (RFC 9112).

use labnet::{Error, count::Count};

/// The longest head of an answer (ours).
const MAX_HEAD_LEN: usize = 64 << 10;

/// The most header lines (ours).
const MAX_HEADERS: usize = 100;

/// A request for a page, after whose answer the server closes.
///
/// # Errors
/// [`Error::Usage`] for a path that would be more than a path.
pub fn request(host: &str, path: &str) -> Result<Vec<u8>, Error> {
    if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(Error::Usage(format!("'{path}' is no path: expected one that begins with / and has no spaces")));
    }
    Ok(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tls-client\r\nConnection: close\r\n\r\n")
        .into_bytes())
}

/// Takes the body out of an answer that comes in any pieces.
#[derive(Debug, Default)]
pub struct Answer {
    head: Vec<u8>,
    body: Body,
    status: Option<u16>,
}

#[derive(Debug, Default)]
enum Body {
    /// Its head is not complete.
    #[default]
    NotYet,
    /// So many bytes are still to come.
    Sized(u64),
    /// In chunks: what has come of the line that says how long the next is, and how much of a chunk is to come.
    Chunked { line: Vec<u8>, left: u64, is_last: bool },
    /// To the end of the stream.
    ToTheEnd,
    /// All of it has come.
    Complete,
}

impl Answer {
    /// The status code, as soon as the head has come.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether nothing more is to come.
    pub fn is_complete(&self) -> bool {
        matches!(self.body, Body::Complete)
    }

    /// Takes a piece of the answer: what it brings of the body.
    ///
    /// # Errors
    /// What is wrong with the answer, as the end of a sentence about the server.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        if !matches!(self.body, Body::NotYet) {
            return self.body.feed(bytes);
        }
        self.head.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&self.head) {
            Ok(httparse::Status::Complete(len)) => {
                self.status = response.code;
                self.body = Body::of(&response)?;
                let rest = self.head.split_off(len);
                self.body.feed(&rest)
            }
            Ok(httparse::Status::Partial) if self.head.len() <= MAX_HEAD_LEN => Ok(Vec::new()),
            Ok(httparse::Status::Partial) => Err("answered with an HTTP head that does not end".to_owned()),
            Err(error) => Err(format!("answered something that is no HTTP ({error})")),
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// What is missing.
    pub fn finish(&self) -> Result<(), String> {
        match self.body {
            Body::Complete | Body::ToTheEnd => Ok(()),
            Body::NotYet => Err("ended the connection before the head of its answer".to_owned()),
            Body::Sized(left) => {
                Err(format!("ended the connection {} before the end of its answer", Count::new(left, "byte")))
            }
            Body::Chunked { .. } => Err("ended the connection before the last chunk of its answer".to_owned()),
        }
    }
}

impl Body {
    /// How the body is delimited (RFC 9112, section 6.3).
    fn of(response: &httparse::Response<'_, '_>) -> Result<Self, String> {
        let field = |name: &str| {
            let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
        };
        if matches!(response.code, Some(100..200 | 204 | 304)) {
            return Ok(Self::Complete);
        }
        if field("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            return Ok(Self::Chunked { line: Vec::new(), left: 0, is_last: false });
        }
        match field("content-length") {
            None => Ok(Self::ToTheEnd),
            Some(len) => match len.parse() {
                Ok(0) => Ok(Self::Complete),
                Ok(len) => Ok(Self::Sized(len)),
                Err(_) => Err("answered with a Content-Length that is no number".to_owned()),
            },
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::NotYet | Self::Complete => Ok(Vec::new()),
            Self::ToTheEnd => Ok(bytes.to_vec()),
            Self::Sized(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Complete;
                }
                Ok(bytes.get(..taken).unwrap_or_default().to_vec())
            }
            Self::Chunked { .. } => self.feed_chunks(bytes),
        }
    }

    /// RFC 9112, section 7.1.
    fn feed_chunks(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, String> {
        /// A size in hexadecimal and what may follow it.
        const MAX_LINE_LEN: usize = 256;
        let mut data = Vec::new();
        while let Self::Chunked { line, left, is_last } = self {
            let Some((first, rest)) = bytes.split_first() else { break };
            if *left > 0 {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let (chunk, rest) = bytes.split_at(taken);
                data.extend_from_slice(chunk);
                *left -= taken as u64;
                bytes = rest;
                continue;
            }
            bytes = rest;
            line.push(*first);
            if *first != b'\n' {
                if line.len() > MAX_LINE_LEN {
                    return Err("answered with a chunk whose size does not end".to_owned());
                }
                continue;
            }
            let text = String::from_utf8_lossy(line).trim().to_owned();
            line.clear();
            match (text.is_empty(), *is_last) {
                // The end of the trailer, and of all.
                (true, true) => *self = Self::Complete,
                // The line end behind a chunk; a line of the trailer.
                (true, false) | (false, true) => {}
                (false, false) => {
                    let size = text.split(';').next().unwrap_or_default().trim();
                    *left = u64::from_str_radix(size, 16)
                        .map_err(|_| "answered with a chunk whose size is no number".to_owned())?;
                    *is_last = *left == 0;
                }
            }
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer in pieces of every size.
    fn check(answer: &str, body: &str, end: Result<(), &str>) {
        for size in 1..=answer.len() {
            let mut reader = Answer::default();
            let pieces = answer.as_bytes().chunks(size).map(|piece| reader.feed(piece).unwrap());
            let got: Vec<u8> = pieces.collect::<Vec<_>>().concat();
            assert_eq!(String::from_utf8(got).unwrap(), body, "in pieces of {size}");
            assert_eq!(reader.finish().map_err(|why| why.contains(end.unwrap_err())), end.map_err(|_| true));
            assert_eq!(reader.status(), Some(200));
        }
    }

    #[test]
    fn a_body_has_a_length_or_chunks_or_goes_to_the_end() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloxxx", "hello", Ok(()));
        check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", Ok(()));
        check("HTTP/1.1 200 OK\r\nServer: x\r\n\r\nall of it", "all of it", Ok(()));
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=1\r\n world\r\n0\r\nA: b\r\n\r\n";
        check(chunked, "hello world", Ok(()));
    }

    #[test]
    fn an_answer_that_is_cut_is_told() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "hello", Err("4 bytes before the end"));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", Err("last chunk"));
        assert!(Answer::default().finish().is_err());
    }

    #[test]
    fn what_is_no_http_is_told() {
        for wrong in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
            assert!(Answer::default().feed(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let mut endless = Answer::default();
        let line = format!("A: {}\r\n", "b".repeat(1000));
        let fed = std::iter::once("HTTP/1.1 200 OK\r\n").chain(std::iter::repeat_n(line.as_str(), 90));
        assert!(fed.map(|line| endless.feed(line.as_bytes())).any(|fed| fed.is_err()));
    }

    #[test]
    fn a_path_cannot_smuggle_another_request() {
        assert!(request("a.test", "/x").unwrap().starts_with(b"GET /x HTTP/1.1\r\nHost: a.test\r\n"));
        for wrong in ["", "x", "/a b", "/a\r\nHost: b", "/a\x7f"] {
            assert!(request("a.test", wrong).is_err(), "{wrong:?}");
        }
    }
}
