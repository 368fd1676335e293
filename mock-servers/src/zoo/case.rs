//! What there is to know about one case of the zoo.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{certificates::Make, defects::Defect};

/// One endpoint, by its name.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name that a client asks for (SNI); an address where there is no name.
    pub name: &'static str,
    /// What is there, in a line that a student understands.
    pub what: &'static str,
    /// What a client should do.
    pub expected: Expectation,
    /// What it should say when it refuses.
    pub class: Class,
    /// Why, with the source.
    pub reason: &'static str,
    /// Which part of a client has to see it.
    pub detected_by: DetectedBy,
    /// When the client can notice it.
    pub phase: Phase,
    /// Whether OpenSSL (`s_client -verify_return_error -verify_hostname NAME`) agrees with `expected`.
    pub openssl: Opinion,
    /// Whether Python (`ssl.create_default_context`) agrees with `expected`.
    pub python: Opinion,
    /// How it is made.
    pub(super) behaviour: Behaviour,
}

/// How a case is made.
#[derive(Clone, Copy)]
pub(super) enum Behaviour {
    /// A certificate, presented by a server that is correct otherwise.
    Certificate(Make),
    /// A good certificate, presented by a server that breaks the protocol.
    Protocol(Defect),
}

/// What a client should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Go on.
    Accept,
    /// Give up.
    Refuse,
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accept => "accept",
            Self::Refuse => "refuse",
        })
    }
}

/// Which part of a client has to see what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectedBy {
    /// The TLS library: rustls, with webpki for certificates.
    Library,
    /// The client itself: the library accepts it, or refuses it for another reason than the table's.
    Client,
    /// The client's patience: its deadline.
    Deadline,
}

/// When a client can notice what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Within the handshake.
    InHandshake,
    /// After it: the client has to ask for the page, and to read it to its end.
    AtEnd,
}

/// What another implementation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// The same.
    Same,
    /// It accepts what should be refused, or the other way round: why.
    Differs(&'static str),
}

/// What is wrong, under a name that does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Class {
    /// Nothing.
    Good,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is for another name, or for none.
    WrongHost,
    /// No CA that is trusted vouches for the certificate.
    UnknownIssuer,
    /// Nobody but itself vouches for the certificate.
    SelfSigned,
    /// The certificate's key may not be used for a TLS server.
    Purpose,
    /// The key is too short.
    WeakKey,
    /// The certificate is signed with a broken hash function.
    WeakSignature,
    /// The signature of a certificate is wrong.
    BadSignature,
    /// The server has another key than its certificate says.
    KeyMismatch,
    /// The certificate breaks the rules of its format.
    Malformed,
    /// A CA vouches for a name for which it may not.
    NameConstraints,
    /// A CA has more CAs below it than it may.
    PathLength,
    /// There are more certificates than a client follows.
    ChainTooLong,
    /// What signed the certificate is no CA.
    NotACa,
    /// The server's certificate is that of a CA.
    CaAsLeaf,
    /// A critical extension is not understood.
    CriticalExtension,
    /// There is no certificate.
    NoCertificate,
    /// The server wants a version that nobody should speak.
    ProtocolVersion,
    /// No cipher suite suits both.
    NoCommonSuite,
    /// The server answers what it was not asked.
    IllegalParameter,
    /// A message comes where it may not.
    UnexpectedMessage,
    /// What was sent under encryption was altered.
    Tampered,
    /// A record breaks the rules of its format.
    BadRecord,
    /// The connection ends within the handshake.
    HandshakeCut,
    /// The connection is reset within the handshake.
    Reset,
    /// The server refuses with an alert.
    Alert,
    /// The server does not speak TLS.
    NotTls,
    /// The handshake does not end.
    Silence,
    /// The answer ends without the server's word that it is whole.
    NoCloseNotify,
}

impl Class {
    /// Its name, such as `wrong-host`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongHost => "wrong-host",
            Self::UnknownIssuer => "unknown-issuer",
            Self::SelfSigned => "self-signed",
            Self::Purpose => "purpose",
            Self::WeakKey => "weak-key",
            Self::WeakSignature => "weak-signature",
            Self::BadSignature => "bad-signature",
            Self::KeyMismatch => "key-mismatch",
            Self::Malformed => "malformed",
            Self::NameConstraints => "name-constraints",
            Self::PathLength => "path-length",
            Self::ChainTooLong => "chain-too-long",
            Self::NotACa => "not-a-ca",
            Self::CaAsLeaf => "ca-as-leaf",
            Self::CriticalExtension => "critical-extension",
            Self::NoCertificate => "no-certificate",
            Self::ProtocolVersion => "protocol-version",
            Self::NoCommonSuite => "no-common-suite",
            Self::IllegalParameter => "illegal-parameter",
            Self::UnexpectedMessage => "unexpected-message",
            Self::Tampered => "tampered",
            Self::BadRecord => "bad-record",
            Self::HandshakeCut => "handshake-cut",
            Self::Reset => "reset",
            Self::Alert => "alert",
            Self::NotTls => "not-tls",
            Self::Silence => "silence",
            Self::NoCloseNotify => "no-close-notify",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Case {
    const fn new(
        name: &'static str,
        what: &'static str,
        expected: Expectation,
        class: Class,
        reason: &'static str,
        behaviour: Behaviour,
    ) -> Self {
        let (openssl, python) = (Opinion::Same, Opinion::Same);
        let (detected_by, phase) = (DetectedBy::Library, Phase::InHandshake);
        Self { name, what, expected, class, reason, detected_by, phase, openssl, python, behaviour }
    }

    /// A certificate that a client accepts.
    pub(super) const fn good(name: &'static str, what: &'static str, reason: &'static str, make: Make) -> Self {
        Self::new(name, what, Expectation::Accept, Class::Good, reason, Behaviour::Certificate(make))
    }

    /// A certificate that a client refuses.
    pub(super) const fn bad(
        name: &'static str,
        what: &'static str,
        class: Class,
        reason: &'static str,
        make: Make,
    ) -> Self {
        Self::new(name, what, Expectation::Refuse, class, reason, Behaviour::Certificate(make))
    }

    /// A server that a client accepts, although it does something unusual.
    pub(super) const fn odd(name: &'static str, what: &'static str, reason: &'static str, defect: Defect) -> Self {
        Self::new(name, what, Expectation::Accept, Class::Good, reason, Behaviour::Protocol(defect))
    }

    /// A server that breaks the protocol.
    pub(super) const fn broken(
        name: &'static str,
        what: &'static str,
        class: Class,
        reason: &'static str,
        defect: Defect,
    ) -> Self {
        Self::new(name, what, Expectation::Refuse, class, reason, Behaviour::Protocol(defect))
    }

    pub(super) const fn detected_by(self, detected_by: DetectedBy) -> Self {
        Self { detected_by, ..self }
    }

    pub(super) const fn at_end(self) -> Self {
        Self { phase: Phase::AtEnd, ..self }
    }

    pub(super) const fn openssl(self, why: &'static str) -> Self {
        Self { openssl: Opinion::Differs(why), ..self }
    }

    pub(super) const fn python(self, why: &'static str) -> Self {
        Self { python: Opinion::Differs(why), ..self }
    }

    /// OpenSSL, and Python on top of it.
    pub(super) const fn both(self, why: &'static str) -> Self {
        self.openssl(why).python(why)
    }

    /// Whether it is a certificate that is good or bad, and not the protocol.
    pub fn is_certificate(&self) -> bool {
        matches!(self.behaviour, Behaviour::Certificate(_))
    }
}

/// Name, expectation, class and reason, between tabs.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}\t{} ({})", self.name, self.expected, self.class, self.what, self.reason)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}
