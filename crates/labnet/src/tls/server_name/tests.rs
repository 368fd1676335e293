//! Server names byte by byte: what is hidden, what comes back, and what passes as it is.

use std::io::{self, Read};

use super::{
    filter::{CHANGE_CIPHER_SPEC, HANDSHAKE},
    *,
};

/// A ClientHello with an extension before and behind its server name, whose content is given.
fn hello(content: &[u8]) -> Vec<u8> {
    let extension = |number: [u8; 2], content: &[u8]| {
        [&number[..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
    };
    let extensions =
        [extension([0, 23], &[]), extension(SERVER_NAME, content), extension([0, 43], &[2, 3, 4])].concat();
    let mut body = [&[3, 3][..], &[7; 32], &[1, 9], &[0, 2, 0x13, 1], &[1, 0]].concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    [&[CLIENT_HELLO, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
}

fn one(name: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).unwrap();
    [&(len + 3).to_be_bytes()[..], &[HOST_NAME], &len.to_be_bytes(), name].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record =
        |piece: &[u8]| [&[HANDSHAKE, 3, 1][..], &u16::try_from(piece.len()).unwrap().to_be_bytes(), piece].concat();
    message.chunks(size).flat_map(record).collect()
}

#[test]
fn only_what_is_no_name_is_hidden_and_all_of_it_comes_back() {
    let long = [b'a'; 300];
    for (content, expected) in [
        (one(b"localhost"), false),
        (one(b"my_server.test"), false),
        (one(b"127.0.0.1"), false),
        (one(b"my server"), true),
        (one(b"a..b"), true),
        (one(b"\0"), true),
        (one(b"\xc3\xbc"), true),
        (one(b""), true),
        (one(&long), true),
        // A type that nobody has defined.
        (vec![0, 2, 9, 9], true),
        // No list at all, one of another length, and one of two names: rustls' to refuse.
        (vec![], false),
        (vec![0, 0], false),
        (vec![0, 9, HOST_NAME, 0, 1, b' '], false),
        (vec![0, 8, HOST_NAME, 0, 1, b' ', HOST_NAME, 0, 1, b' '], false),
        (vec![0, 4, HOST_NAME, 0, 9, b' '], false),
    ] {
        let original = hello(&content);
        let mut seen = original.clone();
        assert_eq!(hide(&mut seen), expected, "{content:?}");
        assert_eq!(seen != original, expected);
        let transcript = [seen.as_slice(), &[2, 0, 0, 1, 9]].concat();
        assert_eq!(*restore(&transcript), [original.as_slice(), &[2, 0, 0, 1, 9]].concat());
    }
}

#[test]
fn a_client_hello_may_come_in_any_pieces_and_twice() {
    let message = hello(&one(b"my server"));
    let mut hidden = message.clone();
    assert!(hide(&mut hidden));
    let others = [&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1][..], &records(&message, 50), &[23, 3, 3, 0, 2, 1, 1]];
    for size in [1, 3, 4, 5, 7, 16, 64, 500] {
        let sent = [&[records(&message, size).as_slice()][..], &others].concat().concat();
        let expected = [&records(&hidden, size)[..], others[0], &records(&hidden, 50), others[2]].concat();
        for read in [1, 2, 5, 4096] {
            let mut filter = SniFilter::new(Pieces(&sent, read));
            let mut seen = Vec::new();
            filter.read_to_end(&mut seen).unwrap();
            assert_eq!(seen, expected, "records of {size}, reads of {read}");
        }
    }
}

#[test]
fn what_is_no_client_hello_passes_as_it_is() {
    let message = hello(&one(b"my server"));
    let whole = records(&message, 500);
    for sent in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"GE",
        b"",
        &whole[..whole.len() - 1],
        &whole[..7],
        &[HANDSHAKE, 3, 3, 0, 0],
        &[HANDSHAKE, 3, 3, 0, 4, 2, 0, 0, 0],
        &[HANDSHAKE, 3, 3, 0, 4, CLIENT_HELLO, 1, 0, 0, 9],
        &[HANDSHAKE, 3, 3, 0xff, 0xff, CLIENT_HELLO],
        &[CHANGE_CIPHER_SPEC, 3, 3, 0, 9, 9],
    ] {
        let mut seen = Vec::new();
        SniFilter::new(Pieces(sent, 3)).read_to_end(&mut seen).unwrap();
        assert_eq!(seen, sent);
    }
    // What is not a ClientHello for its length alone, and every cut of one, is not touched either.
    for cut in 0..message.len() {
        assert!(!hide(&mut message[..cut].to_vec()));
        assert_eq!(*restore(&message[..cut]), message[..cut]);
    }
}

struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(self.0.len()).min(buffer.len());
        let (now, rest) = self.0.split_at(len);
        self.0 = rest;
        (&*now).read(buffer)
    }
}

/// The longest one that is looked at, in the shortest records.
#[test]
fn what_is_kept_for_a_client_has_a_bound() {
    let mut message = vec![b'x'; 4 + 0xffff];
    message[..4].copy_from_slice(&[CLIENT_HELLO, 0, 0xff, 0xff]);
    let sent = records(&message, 1);
    let mut filter = SniFilter::new(Pieces(&sent, 4096));
    let mut first = [0; 1];
    assert_eq!(filter.read(&mut first).unwrap(), 1);
    assert_eq!(filter.kept(), sent.len(), "six bytes for one");
    // One that says it is longer is not waited for.
    message[1] = 1;
    let sent = records(&message, 1);
    let mut filter = SniFilter::new(Pieces(&sent, 4096));
    assert_eq!(filter.read(&mut first).unwrap(), 1);
    assert!(filter.kept() < 4096, "{}", filter.kept());
}
