//! A server that hears frames by somebody without the client's key: it never gets to the end. The first byte says how
//! many of them are as they should be: none, the hello, or the certificate too.
#![no_main]

use std::time::SystemTime;

use secure_channel::{
    Failure, Frame, ChannelSuite, Trust,
    handshake::{Established, server::Listening},
    message::ClientHello,
};
use secure_channel_fuzz::{Parties, parties};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [good, stream @ ..] = input else { return };
    let hello = ClientHello::new([7; 32], &ChannelSuite::ALL).encode().unwrap();
    let mut frames = vec![hello, parties().certificate.clone()];
    frames.truncate(usize::from(good % 3));
    let mut rest = stream;
    while let Ok(Some((frame, following))) = Frame::cut(rest) {
        frames.push(frame);
        rest = following;
    }
    assert!(!matches!(hear(&frames), Ok(Some(_))));
});

/// `None` if the frames do not suffice.
fn hear(frames: &[Frame]) -> Result<Option<Established>, Failure> {
    let Parties { server, roots, .. } = parties();
    let [hello, frames @ ..] = frames else { return Ok(None) };
    let (_, asked) = Listening::default().client_hello(hello, server)?;
    let [certificate, frames @ ..] = frames else { return Ok(None) };
    let trusting = asked.certificate(certificate, &Trust::in_client(roots.clone()), SystemTime::now())?;
    let [exchange, frames @ ..] = frames else { return Ok(None) };
    let informed = trusting.key_exchange(exchange, server)?;
    let [verify, frames @ ..] = frames else { return Ok(None) };
    let confirming = informed.certificate_verify(verify)?;
    let [finished, ..] = frames else { return Ok(None) };
    let (_, established) = confirming.finished(finished)?;
    Ok(Some(established))
}
