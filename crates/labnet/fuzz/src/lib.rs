//! What must hold of every input: a function for each decoder, for the fuzz targets and for the ordinary tests.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

use labnet::{
    feed::{Datagram, Identity, Sheet},
    net::{ClientLimits, Connection, block_on},
    pmu::{CommandReader, MAX_COMMAND_LEN, MAX_DIGITS, Messages, PREFIX, Progress},
    reset::Request,
    tls::PemFile,
    ws::{AcceptOptions, FrameType, WebSocketConnection},
};

/// Messages say the same whole, a byte at a time and cut in two; none is longer than it may be.
pub fn messages(input: &[u8]) {
    let (front, back) = input.split_at(input.len() / 2);
    let whole = shown(&[input]);
    assert_eq!(shown(&[front, back]), whole);
    assert_eq!(shown(&input.chunks(1).collect::<Vec<_>>()), whole);
}

/// What a stream says, with its end.
fn shown(chunks: &[&[u8]]) -> Vec<String> {
    let mut messages = Messages::new();
    let mut lines = Vec::new();
    for chunk in chunks {
        for message in messages.feed(chunk) {
            if let Ok(message) = &message {
                assert!(message.as_ref().starts_with(PREFIX) && message.as_ref().len() <= PREFIX.len() + MAX_DIGITS);
            }
            // How much of the stream an error shows depends on what had come of it.
            lines.push(message.map_or("error".to_owned(), |message| format!("{message:?}")));
        }
        assert!(messages.unfinished().len() <= PREFIX.len() + MAX_DIGITS);
    }
    lines.extend(messages.finish().transpose().map(|last| last.map_or("error".to_owned(), |last| format!("{last:?}"))));
    lines
}

/// A command that is complete at once is what its pieces match in the end, and is written as it was understood.
pub fn command(input: &[u8]) {
    let whole = CommandReader::default().push(input);
    let mut reader = CommandReader::default();
    let last = input.chunks(1).map(|piece| reader.push(piece)).last();
    assert!(reader.received().len() <= MAX_COMMAND_LEN + 1);
    if let Progress::Complete(command) = whole {
        let again = CommandReader::default().push(command.as_bytes());
        assert_eq!(again, Progress::Complete(command.clone()));
        match last {
            Some(Progress::Matches(pieces) | Progress::Complete(pieces)) => assert_eq!(pieces, command),
            other => panic!("{command:?} in pieces is {other:?}"),
        }
    }
}

/// A request that is accepted means what it says; an offset that is accepted is within it.
pub fn reset(input: &[u8]) {
    if let Some(request) = Request::parse(input) {
        assert_eq!(Request::parse(request.to_string().as_bytes()), Some(request));
    }
    for n in [0, 20, u64::MAX] {
        if let Some(offset) = (Request { n }).acknowledged_by(input) {
            assert!(offset.0 <= n);
            assert_eq!((Request { n }).acknowledged_by(offset.to_string().as_bytes()), Some(offset));
        }
    }
}

/// A datagram is shown on one line without a control byte; lines become the same datagrams however they come, each UTF-8
/// and with its sender.
pub fn feed(input: &[u8]) {
    let text = Datagram::new(input).to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let datagrams = |pieces: &[&[u8]]| {
        let mut sheet = Sheet::new("123456".parse::<Identity>().unwrap());
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut send = |datagram: &[u8]| {
            sent.push(datagram.to_vec());
            Ok::<(), ()>(())
        };
        pieces.iter().for_each(|piece| sheet.push(piece, &mut send).unwrap());
        sheet.finish(&mut send).unwrap();
        sent
    };
    let whole = datagrams(&[input]);
    assert!(whole.iter().all(|one| one.starts_with(b"123456") && str::from_utf8(one).is_ok()));
    assert_eq!(datagrams(&input.chunks(1).collect::<Vec<_>>()), whole);
}

/// A file of PEM blocks is read, or refused on one line.
pub fn pem(input: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    match PemFile::read(file.path()) {
        Ok(file) => drop((file.certificates(), file.private_key(), file.request(), file.items())),
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// A client that sends anything and leaves is served or refused. The first byte says whether an upgrade comes first, and
/// whether it offers compression.
pub fn websocket(input: &[u8]) {
    const LIMIT: usize = 4096;
    let [how, stream @ ..] = input else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, peer) = listener.accept().unwrap();
    let head = match how % 3 {
        0 => String::new(),
        offer => {
            let offer = ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"][usize::from(offer - 1)];
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
            )
        }
    };
    let sent = [head.as_bytes(), stream].concat();
    let client = thread::spawn(move || {
        let _ = client.write_all(&sent);
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    });
    let mut connection = Connection::new(accepted, peer);
    let limits = ClientLimits::default();
    let options =
        AcceptOptions { frame_type: FrameType::Text, max_message: LIMIT, deflate: true, ..AcceptOptions::default() };
    if let Ok(mut socket) = WebSocketConnection::accept(&mut connection, &limits, options) {
        while let Ok(Some(message)) = block_on(socket.receive()) {
            assert!(message.as_ref().len() <= LIMIT);
        }
    }
    drop(connection);
    client.join().unwrap();
}
