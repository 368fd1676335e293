//! The HTTP head before WebSocket: received whole, and its headers.

use std::io::{self, Read};

use httparse::Header;

use super::negotiation::elements;

/// The longest head that is collected, in bytes (ours: many times a usual one).
pub(super) const MAX_HEAD_LEN: usize = 16 * 1024;

/// The most headers of a head (ours).
pub(super) const MAX_HEADERS: usize = 100;

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The peer ended within it.
    Ended,
    TooLong,
    Io(io::Error),
}

/// Receives a head; what the peer sent behind it stays in `input`, behind the head. Returns where it ends.
///
/// What cannot become HTTP is a head as it is: it is refused at once, instead of being waited for. After an error that is
/// none but a wait it goes on where it was: so much of `input` has been `searched`.
pub(super) fn receive(
    connection: &mut impl Read,
    input: &mut Vec<u8>,
    searched: &mut usize,
) -> Result<usize, HeadError> {
    loop {
        let from = searched.saturating_sub(END.len() - 1);
        if let Some(at) = find(input.get(from..).unwrap_or_default()) {
            return Ok(from + at + END.len());
        }
        *searched = input.len();
        if !could_be_http(input) {
            return Ok(input.len());
        }
        if input.len() >= MAX_HEAD_LEN {
            return Err(HeadError::TooLong);
        }
        let mut piece = [0; 4096];
        match connection.read(&mut piece) {
            Ok(0) => return Err(HeadError::Ended),
            Ok(len) => input.extend(piece.iter().take(len)),
            Err(error) => return Err(HeadError::Io(error)),
        }
    }
}

const END: &[u8] = b"\r\n\r\n";

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END)
}

/// Whether this can still become a response (`HTTP/…`) or a request (a method and a space).
fn could_be_http(head: &[u8]) -> bool {
    let method_len = head.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    head.get(method_len).is_none_or(|&next| next == b' ' || head.starts_with(b"HTTP/"))
}

/// The values of all lines of a header that are text.
pub(super) fn lines<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| str::from_utf8(header.value).ok()).map(str::trim)
}

/// How many lines of a header there are, whatever is in them.
pub(super) fn count(headers: &[Header<'_>], name: &str) -> usize {
    headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count()
}

/// Whether one of the tokens of a header is this one, in any case; it may be a list over several lines (RFC 9110,
/// section 5.3).
pub(super) fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    elements(lines(headers, name)).any(|element| element.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'h>(name: &'h str, value: &'h str) -> Header<'h> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn a_token_is_found_in_any_line_of_a_list() {
        let headers = [header("connection", "keep-alive ,\tx"), header("CONNECTION", "Foo, upGrade"), header("x", "y")];
        for (name, token, expected) in [
            ("Connection", "upgrade", true),
            ("Connection", "keep-alive", true),
            ("Connection", "keep", false),
            ("Upgrade", "upgrade", false),
        ] {
            assert_eq!(has_token(&headers, name, token), expected, "{name} {token}");
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line_however_it_comes() {
        let stream = b"HTTP/1.1 101 X\r\nA: \r\r\n\r\nrest";
        for size in 1..=stream.len() {
            let mut input = stream[..size].to_vec();
            let len = receive(&mut &stream[size..], &mut input, &mut 0).unwrap();
            assert_eq!(&stream[len..], b"rest", "{size}");
            assert!(input.starts_with(&stream[..len]));
        }
        assert!(matches!(receive(&mut &stream[..10], &mut Vec::new(), &mut 0), Err(HeadError::Ended)));
        assert!(matches!(receive(&mut &b"SSH-2.0"[..], &mut Vec::new(), &mut 0), Ok(7)));
        let endless = [b"GET / HTTP/1.1\r\n", [b'x'; MAX_HEAD_LEN].as_slice()].concat();
        assert!(matches!(receive(&mut endless.as_slice(), &mut Vec::new(), &mut 0), Err(HeadError::TooLong)));
    }
}
