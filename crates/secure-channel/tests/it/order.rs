//! A peer who has the keys, and does not keep to the order.

use std::{
    fmt::Debug,
    io::{Read, Write},
    thread,
    time::SystemTime,
};

use secure_channel::{
    Channel, ChannelSuite, Failure, Frame, Kind, Trust,
    channel::Error,
    frame::{HEADER_LEN, Header},
    handshake::{
        Established, client,
        server::{self},
    },
};

use crate::{
    pipe::{End, pipe},
    sessions::{MESSAGE, Parties, SOMETHING_FAILED, parties},
};

fn send_frame(end: &mut End, frame: &Frame) {
    end.write_all(frame.as_bytes()).unwrap();
}

fn next_frame(end: &mut End) -> Frame {
    let mut bytes = vec![0; HEADER_LEN];
    end.read_exact(&mut bytes).unwrap();
    let header = Header::decode(*bytes.first_chunk().unwrap()).unwrap();
    bytes.resize(HEADER_LEN + header.len, 0);
    end.read_exact(&mut bytes[HEADER_LEN..]).unwrap();
    Frame::cut(&bytes).unwrap().unwrap().0
}

/// The handshake of a client that does as it likes afterwards.
fn connect(end: &mut End) -> Established {
    let Parties { client, roots, .. } = parties();
    let (hello, state) = client::start(&ChannelSuite::ALL).unwrap();
    send_frame(end, &hello);
    let state = state.server_hello(&next_frame(end)).unwrap();
    let state = state.certificate(&next_frame(end), &Trust::in_server(roots.clone()), SystemTime::now()).unwrap();
    let (flight, state) = state.certificate_request(&next_frame(end), client).unwrap();
    flight.iter().for_each(|frame| send_frame(end, frame));
    state.finished(&next_frame(end)).unwrap()
}

/// The handshake of a server that does as it likes afterwards.
fn accept(end: &mut End) -> Established {
    let Parties { server, roots, .. } = parties();
    let (flight, state) = server::Listening::default().client_hello(&next_frame(end), server).unwrap();
    flight.iter().for_each(|frame| send_frame(end, frame));
    let state = state.certificate(&next_frame(end), &Trust::in_client(roots.clone()), SystemTime::now()).unwrap();
    let state = state.key_exchange(&next_frame(end), server).unwrap();
    let state = state.certificate_verify(&next_frame(end)).unwrap();
    let (finished, established) = state.finished(&next_frame(end)).unwrap();
    send_frame(end, &finished);
    established
}

fn failure_of<T: Debug>(result: Result<T, Error>) -> Failure {
    match result {
        Err(Error::Failure(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_takes_nothing_but_one_acknowledgement_for_one() {
    let unexpected = |came| Failure::Unexpected { came, awaited: Kind::Acknowledgement };
    for (records, expected) in [
        (&[(Kind::Acknowledgement, &b"NAK"[..])][..], Failure::NotAcknowledged),
        (&[(Kind::Acknowledgement, b"")], Failure::NotAcknowledged),
        (&[(Kind::Acknowledgement, b"ACK ")], Failure::NotAcknowledged),
        (&[(Kind::Data, b"ACK")], unexpected(Kind::Data)),
        (&[(Kind::End, b"")], unexpected(Kind::End)),
        (&[(Kind::Data, b""), (Kind::Acknowledgement, b"ACK")], unexpected(Kind::Data)),
    ] {
        let Parties { server, roots, .. } = parties();
        let (mut near, far) = pipe(None, usize::MAX);
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                let mut channel = Channel::accept(far, server, &Trust::in_client(roots.clone()), &mut |_| {})?;
                channel.send(MESSAGE)?;
                channel.await_acknowledgement()
            });
            let mut client = connect(&mut near);
            let mut out = Vec::new();
            records.iter().for_each(|(kind, text)| client.encryptor.seal(*kind, text, &mut out).unwrap());
            near.write_all(&out).unwrap();
            assert_eq!(failure_of(server.join().unwrap()), expected);
        });
        assert_eq!([next_frame(&mut near), next_frame(&mut near)].map(|frame| frame.kind()), [Kind::Data, Kind::End]);
        assert_eq!(next_frame(&mut near).as_bytes(), SOMETHING_FAILED, "{expected:?}");
    }
}

#[test]
fn a_client_takes_nothing_but_data_to_its_end_for_a_message() {
    let unexpected = |came| Failure::Unexpected { came, awaited: Kind::Data };
    let finished = Frame::new(Kind::Finished, &[0; 32]).unwrap();
    for (records, frame, expected) in [
        (&[(Kind::Acknowledgement, &b"ACK"[..])][..], None, unexpected(Kind::Acknowledgement)),
        (&[(Kind::Data, b"text"), (Kind::Acknowledgement, b"")], None, unexpected(Kind::Acknowledgement)),
        (&[(Kind::Data, b"text")], Some(&finished), unexpected(Kind::Finished)),
    ] {
        let Parties { client, roots, .. } = parties();
        let (near, mut far) = pipe(None, usize::MAX);
        thread::scope(|scope| {
            let client = scope.spawn(move || {
                Channel::connect(near, &ChannelSuite::ALL, client, &Trust::in_server(roots.clone()), &mut |_| {})?
                    .receive()
            });
            let mut server = accept(&mut far);
            let mut out = Vec::new();
            records.iter().for_each(|(kind, text)| server.encryptor.seal(*kind, text, &mut out).unwrap());
            out.extend(frame.iter().flat_map(|frame| frame.as_bytes()));
            far.write_all(&out).unwrap();
            assert_eq!(failure_of(client.join().unwrap()), expected);
        });
        assert_eq!(next_frame(&mut far).as_bytes(), SOMETHING_FAILED, "{expected:?}");
    }
}

#[test]
fn a_message_in_records_of_any_length_is_the_same_message() {
    let Parties { client, roots, .. } = parties();
    for lens in [&[0][..], &[0, 0, 5], &[1, 2, 0, 3], &[16_384, 0, 1]] {
        let (near, mut far) = pipe(None, usize::MAX);
        let message: Vec<u8> = (0..lens.iter().sum()).map(|i: usize| (i % 251) as u8).collect();
        let received = thread::scope(|scope| {
            let client = scope.spawn(move || {
                Channel::connect(near, &ChannelSuite::ALL, client, &Trust::in_server(roots.clone()), &mut |_| {})?
                    .receive()
            });
            let (mut server, mut out, mut rest) = (accept(&mut far), Vec::new(), &message[..]);
            for len in lens {
                let (part, others) = rest.split_at(*len);
                server.encryptor.seal(Kind::Data, part, &mut out).unwrap();
                rest = others;
            }
            server.encryptor.seal(Kind::End, b"", &mut out).unwrap();
            far.write_all(&out).unwrap();
            client.join().unwrap()
        });
        assert_eq!(received.unwrap().text, message, "{lens:?}");
    }
}
