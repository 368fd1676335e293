//! The server's states.
//!
//! Keys cannot be had before the client has proved itself:
//!
//! ```compile_fail,E0599
//! # fn f(asked: secure_channel::handshake::server::Asked, frame: &secure_channel::Frame) {
//! asked.finished(frame); // no method named `finished` found for struct `Asked`
//! # }
//! ```

use std::time::SystemTime;

use super::{Established, client::no_crypto, to_be_signed};
use crate::{
    ChannelSuite, Failure, PartyIdentity, Trust,
    crypto::{self, KeyMaterial, PublicKey},
    frame::{Frame, Kind},
    message::{Certificate, ClientHello, RANDOM_LEN, ServerHello},
    schedule::{Schedule, Side, Transcript},
};

/// Nothing was said yet.
#[derive(Debug, Default)]
pub struct Listening(());

impl Listening {
    /// Answers a client hello: server hello, certificate and certificate request, to be sent in this order.
    ///
    /// # Errors
    /// [`Failure::NoCommonSuite`], and those of [`ClientHello::decode`].
    pub fn client_hello(self, frame: &Frame, identity: &PartyIdentity) -> Result<([Frame; 3], Asked), Failure> {
        let hello = ClientHello::decode(frame.expect(Kind::ClientHello)?)?;
        let suite = hello.choose()?;
        let random = crypto::random().map_err(no_crypto)?;
        let flight = [
            ServerHello { random, suite: suite as u16 }.encode()?,
            identity.certificate.encode()?,
            Frame::new(Kind::CertificateRequest, &[])?,
        ];
        let mut transcript = Transcript::new();
        transcript.add(frame);
        flight.iter().for_each(|frame| transcript.add(frame));
        Ok((flight, Asked { transcript, randoms: (hello.random, random), suite }))
    }
}

/// The client was asked for its certificate.
pub struct Asked {
    transcript: Transcript,
    randoms: ([u8; RANDOM_LEN], [u8; RANDOM_LEN]),
    suite: ChannelSuite,
}

impl Asked {
    /// Verifies the client's certificate as of a moment.
    ///
    /// # Errors
    /// [`Failure::Certificate`], and those of [`Certificate::decode`].
    pub fn certificate(mut self, frame: &Frame, trust: &Trust, at: SystemTime) -> Result<CertificateVerified, Failure> {
        let certificate = Certificate::decode(frame.expect(Kind::Certificate)?)?;
        let client = trust.verify(&certificate, at)?;
        self.transcript.add(frame);
        Ok(CertificateVerified { transcript: self.transcript, randoms: self.randoms, suite: self.suite, client })
    }

    /// What was chosen.
    pub fn suite(&self) -> ChannelSuite {
        self.suite
    }
}

/// The certificate is the client's; whether its key is, will be seen.
pub struct CertificateVerified {
    transcript: Transcript,
    randoms: ([u8; RANDOM_LEN], [u8; RANDOM_LEN]),
    suite: ChannelSuite,
    client: PublicKey,
}

impl CertificateVerified {
    /// Decrypts the key material. A failure shows only at [`AwaitingFinished::finished`].
    ///
    /// # Errors
    /// [`Failure::Unexpected`].
    pub fn key_exchange(mut self, frame: &Frame, identity: &PartyIdentity) -> Result<Informed, Failure> {
        let material = identity.key.decrypt(frame.expect(Kind::KeyExchange)?).map_err(no_crypto)?;
        self.transcript.add(frame);
        let Self { transcript, randoms, suite, client } = self;
        Ok(Informed { transcript, randoms, suite, client, material })
    }
}

/// The server has key material, from whomever.
pub struct Informed {
    transcript: Transcript,
    randoms: ([u8; RANDOM_LEN], [u8; RANDOM_LEN]),
    suite: ChannelSuite,
    client: PublicKey,
    material: KeyMaterial,
}

impl Informed {
    /// Checks that the owner of the client's certificate signed everything so far.
    ///
    /// # Errors
    /// [`Failure::Signature`], [`Failure::Unexpected`].
    pub fn certificate_verify(mut self, frame: &Frame) -> Result<AwaitingFinished, Failure> {
        let signature = frame.expect(Kind::CertificateVerify)?;
        if !self.client.verifies(&to_be_signed(&self.transcript.hash()), signature) {
            return Err(Failure::Signature);
        }
        self.transcript.add(frame);
        let randoms = (&self.randoms.0, &self.randoms.1);
        let schedule = Schedule::new(&self.material, randoms, &self.transcript, self.suite);
        Ok(AwaitingFinished { transcript: self.transcript, suite: self.suite, schedule })
    }
}

/// The client is who it says; it must confirm the keys.
pub struct AwaitingFinished {
    transcript: Transcript,
    suite: ChannelSuite,
    schedule: Schedule,
}

impl AwaitingFinished {
    /// Checks the client's confirmation: the server's own, to be sent, and the keys.
    ///
    /// # Errors
    /// [`Failure::Finished`], [`Failure::Unexpected`].
    pub fn finished(mut self, frame: &Frame) -> Result<(Frame, Established), Failure> {
        self.schedule.check_finished(Side::Client, &self.transcript, frame.expect(Kind::Finished)?)?;
        self.transcript.add(frame);
        let tag = self.schedule.finished(Side::Server, &self.transcript).map_err(no_crypto)?;
        let (encryptor, decryptor) = self.schedule.records(Side::Server).map_err(no_crypto)?;
        Ok((Frame::new(Kind::Finished, &tag)?, Established { suite: self.suite, encryptor, decryptor }))
    }
}
