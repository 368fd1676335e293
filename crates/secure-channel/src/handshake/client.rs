//! The client's states.
//!
//! A step cannot be taken before the one that it needs:
//!
//! ```compile_fail,E0599
//! # fn f(greeted: secure_channel::handshake::client::Greeted, frame: &secure_channel::Frame) {
//! greeted.finished(frame); // no method named `finished` found for struct `Greeted`
//! # }
//! ```
//!
//! nor twice:
//!
//! ```compile_fail,E0382
//! # fn f(greeted: secure_channel::handshake::client::Greeted, frame: &secure_channel::Frame) {
//! let answered = greeted.server_hello(frame);
//! let again = greeted.server_hello(frame); // use of moved value
//! # }
//! ```

use std::time::SystemTime;

use super::{Established, to_be_signed};
use crate::{
    ChannelSuite, Failure, PartyIdentity, Trust,
    crypto::{self, KeyMaterial, PublicKey, Refused},
    frame::{Frame, Kind},
    message::{Certificate, ClientHello, RANDOM_LEN, ServerHello},
    schedule::{Schedule, Side, Transcript},
};

/// Proposes suites: the client hello, and the state that waits for its answer.
///
/// # Errors
/// [`Failure::NoCryptography`]; [`Failure::Length`] for too many suites.
pub fn start(suites: &[ChannelSuite]) -> Result<(Frame, Greeted), Failure> {
    let random = crypto::random().map_err(no_crypto)?;
    let hello = ClientHello::new(random, suites).encode()?;
    let mut transcript = Transcript::new();
    transcript.add(&hello);
    Ok((hello, Greeted { transcript, random, suites: suites.to_vec() }))
}

/// The hello is out.
pub struct Greeted {
    transcript: Transcript,
    random: [u8; RANDOM_LEN],
    suites: Vec<ChannelSuite>,
}

impl Greeted {
    /// Takes the server's choice.
    ///
    /// # Errors
    /// [`Failure::NotOffered`], and those of [`ServerHello::decode`].
    pub fn server_hello(mut self, frame: &Frame) -> Result<Answered, Failure> {
        let hello = ServerHello::decode(frame.expect(Kind::ServerHello)?)?;
        let suite = self.suites.iter().copied().find(|suite| *suite as u16 == hello.suite);
        let suite = suite.ok_or(Failure::NotOffered(hello.suite))?;
        self.transcript.add(frame);
        Ok(Answered { transcript: self.transcript, randoms: (self.random, hello.random), suite })
    }
}

/// The server has chosen.
pub struct Answered {
    transcript: Transcript,
    randoms: ([u8; RANDOM_LEN], [u8; RANDOM_LEN]),
    suite: ChannelSuite,
}

impl Answered {
    /// Verifies the server's certificate as of a moment.
    ///
    /// # Errors
    /// [`Failure::Certificate`], and those of [`Certificate::decode`].
    pub fn certificate(mut self, frame: &Frame, trust: &Trust, at: SystemTime) -> Result<CertificateVerified, Failure> {
        let certificate = Certificate::decode(frame.expect(Kind::Certificate)?)?;
        let server = trust.verify(&certificate, at)?;
        self.transcript.add(frame);
        Ok(CertificateVerified { transcript: self.transcript, randoms: self.randoms, suite: self.suite, server })
    }
}

/// The certificate is the server's; whether its key is, will be seen at finished.
pub struct CertificateVerified {
    transcript: Transcript,
    randoms: ([u8; RANDOM_LEN], [u8; RANDOM_LEN]),
    suite: ChannelSuite,
    server: PublicKey,
}

impl CertificateVerified {
    /// Answers the server's request for a certificate: certificate, key exchange, certificate verify and finished, to be
    /// sent in this order.
    ///
    /// # Errors
    /// [`Failure::Unexpected`], or [`Failure::Length`] when the own chain is too long.
    pub fn certificate_request(
        mut self,
        frame: &Frame,
        identity: &PartyIdentity,
    ) -> Result<([Frame; 4], AwaitingFinished), Failure> {
        frame.expect(Kind::CertificateRequest)?;
        self.transcript.add(frame);

        let certificate = identity.certificate.encode()?;
        self.transcript.add(&certificate);

        let material = KeyMaterial::new().map_err(no_crypto)?;
        let exchange = Frame::new(Kind::KeyExchange, &self.server.encrypt(&material).map_err(no_crypto)?)?;
        self.transcript.add(&exchange);

        let signature = identity.key.sign(&to_be_signed(&self.transcript.hash())).map_err(no_crypto)?;
        let verify = Frame::new(Kind::CertificateVerify, &signature)?;
        self.transcript.add(&verify);

        let schedule = Schedule::new(&material, (&self.randoms.0, &self.randoms.1), &self.transcript, self.suite);
        let tag = schedule.finished(Side::Client, &self.transcript).map_err(no_crypto)?;
        let finished = Frame::new(Kind::Finished, &tag)?;
        self.transcript.add(&finished);

        let frames = [certificate, exchange, verify, finished];
        Ok((frames, AwaitingFinished { transcript: self.transcript, suite: self.suite, schedule }))
    }
}

/// All is said; the server must confirm it.
pub struct AwaitingFinished {
    transcript: Transcript,
    suite: ChannelSuite,
    schedule: Schedule,
}

impl AwaitingFinished {
    /// Checks that the server has the same keys and saw the same handshake.
    ///
    /// # Errors
    /// [`Failure::Finished`], [`Failure::Unexpected`].
    pub fn finished(self, frame: &Frame) -> Result<Established, Failure> {
        self.schedule.check_finished(Side::Server, &self.transcript, frame.expect(Kind::Finished)?)?;
        let (encryptor, decryptor) = self.schedule.records(Side::Client).map_err(no_crypto)?;
        Ok(Established { suite: self.suite, encryptor, decryptor })
    }
}

/// Our own library refuses: no fault of the peer's.
pub(super) fn no_crypto(Refused: Refused) -> Failure {
    Failure::NoCryptography
}
