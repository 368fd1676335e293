//! A connection between a rustls client and a rustls server, both in memory, and its timeline.

use std::{
    io::{Read, Write},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use rustls::{
    CipherSuite, ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use tls_trace::{
    Direction::{self, Received, Sent},
    Entry, Kind, Timeline,
};
use ttp::{CaDirectory, CertificateOptions, KeyKind};

pub(crate) const HANDSHAKE13: [&str; 7] =
    ["ClientHello", "ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished", "Finished"];

pub(crate) const HANDSHAKE12: [&str; 8] = [
    "ClientHello",
    "ServerHello",
    "Certificate",
    "ServerKeyExchange",
    "ServerHelloDone",
    "ClientKeyExchange",
    "Finished",
    "Finished",
];

/// What happened on a connection, in its order.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Bytes(Direction, Vec<u8>),
    Secret(String, Vec<u8>, Vec<u8>),
}

/// Where both sides' library and the wire write.
#[derive(Debug, Default)]
pub(crate) struct Recorder(pub(crate) Mutex<Vec<Event>>);

impl Recorder {
    pub(crate) fn add(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl KeyLog for Recorder {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.add(Event::Secret(label.to_owned(), client_random.to_vec(), secret.to_vec()));
    }
}

/// Certificates with keys of both kinds, made once.
pub(crate) struct Credentials {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) rsa: (Vec<u8>, Vec<u8>),
    pub(crate) p256: (Vec<u8>, Vec<u8>),
    pub(crate) client: (Vec<u8>, Vec<u8>),
}

pub(crate) static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    directory.complete(&["server", "client"]).unwrap();
    directory.issue("p256.test", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.ca_certificate()).unwrap()).unwrap();
    let read =
        |name| (std::fs::read(directory.certificate(name)).unwrap(), std::fs::read(directory.key(name)).unwrap());
    Credentials { roots: Arc::new(roots), rsa: read("server"), p256: read("p256.test"), client: read("client") }
});

pub(crate) type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(crate) fn chain((certificate, key): &(Vec<u8>, Vec<u8>)) -> Chain {
    (vec![CertificateDer::from_pem_slice(certificate).unwrap()], PrivateKeyDer::from_pem_slice(key).unwrap())
}

/// How both sides are set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) version: &'static SupportedProtocolVersion,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) server_groups: Vec<&'static dyn SupportedKxGroup>,
    pub(crate) p256: bool,
    pub(crate) asks_for_certificate: bool,
    pub(crate) has_client_certificate: bool,
    pub(crate) server_protocols: Vec<Vec<u8>>,
    pub(crate) fragment: Option<usize>,
    pub(crate) sends_tickets: bool,
}

pub(crate) fn tls13() -> Setup {
    Setup {
        version: &TLS13,
        suite: None,
        server_groups: aws_lc_rs::ALL_KX_GROUPS.to_vec(),
        p256: false,
        asks_for_certificate: false,
        has_client_certificate: false,
        server_protocols: vec![b"http/1.1".to_vec()],
        fragment: None,
        sends_tickets: false,
    }
}

pub(crate) fn tls12() -> Setup {
    Setup { version: &TLS12, ..tls13() }
}

impl Setup {
    pub(crate) fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(wanted) = self.suite {
            provider.cipher_suites.retain(|suite| suite.suite() == wanted);
        }
        provider
    }

    /// Offers every suite of both versions, unless one is wanted.
    pub(crate) fn client(&self, recorder: &Arc<Recorder>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider()));
        let versions = if self.suite.is_some() { vec![self.version] } else { vec![&TLS13, &TLS12] };
        let builder = builder.with_protocol_versions(&versions).unwrap();
        let builder = builder.with_root_certificates(Arc::clone(&CREDENTIALS.roots));
        let mut config = if self.has_client_certificate {
            let (chain, key) = chain(&CREDENTIALS.client);
            builder.with_client_auth_cert(chain, key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        config.key_log = Arc::clone(recorder) as Arc<dyn KeyLog>;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.max_fragment_size = self.fragment;
        config
    }

    pub(crate) fn server(&self) -> ServerConfig {
        let provider = Arc::new(CryptoProvider { kx_groups: self.server_groups.clone(), ..self.provider() });
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&[self.version]).unwrap();
        let builder = if self.asks_for_certificate {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&CREDENTIALS.roots), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = chain(if self.p256 { &CREDENTIALS.p256 } else { &CREDENTIALS.rsa });
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = self.server_protocols.clone();
        config.max_fragment_size = self.fragment;
        config.send_tls13_tickets = if self.sends_tickets { 2 } else { 0 };
        if self.sends_tickets {
            config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
        }
        config
    }

    /// A connection with some data each way, and an orderly end.
    pub(crate) fn run(&self) -> Vec<Event> {
        let recorder = Arc::new(Recorder::default());
        converse(Arc::new(self.client(&recorder)), Arc::new(self.server()), &recorder)
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        replay(&self.run(), usize::MAX).0
    }
}

pub(crate) fn converse(client: Arc<ClientConfig>, server: Arc<ServerConfig>, recorder: &Recorder) -> Vec<Event> {
    let mut pair = Pair::new("localhost", client, server, recorder);
    pair.pump();
    pair.say(b"a question of the client");
    pair.answer(b"an answer");
    pair.client.send_close_notify();
    pair.pump();
    pair.server.send_close_notify();
    pair.pump();
    std::mem::take(&mut recorder.0.lock().unwrap())
}

/// Both sides of a connection.
pub(crate) struct Pair<'r> {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) recorder: &'r Recorder,
}

impl<'r> Pair<'r> {
    pub(crate) fn new(
        name: &'static str,
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
        recorder: &'r Recorder,
    ) -> Self {
        Self {
            client: ClientConnection::new(client, ServerName::try_from(name).unwrap()).unwrap(),
            server: ServerConnection::new(server).unwrap(),
            recorder,
        }
    }

    /// Carries bytes until neither side has any; stops when a side refuses, with its alert.
    pub(crate) fn pump(&mut self) {
        loop {
            let mut question = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut question).unwrap();
            }
            if !question.is_empty() {
                self.recorder.add(Event::Bytes(Sent, question.clone()));
                feed(&question, |rest| self.server.read_tls(rest));
                let _ = self.server.process_new_packets();
            }
            let mut answer = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut answer).unwrap();
            }
            if !answer.is_empty() {
                self.recorder.add(Event::Bytes(Received, answer.clone()));
                let mut rest = &answer[..];
                while !rest.is_empty() {
                    self.client.read_tls(&mut rest).unwrap();
                    let _ = self.client.process_new_packets();
                }
            }
            if question.is_empty() && answer.is_empty() {
                return;
            }
        }
    }

    pub(crate) fn say(&mut self, text: &[u8]) {
        self.client.writer().write_all(text).unwrap();
        self.pump();
        let mut read = vec![0; text.len()];
        self.server.reader().read_exact(&mut read).unwrap();
        assert_eq!(read, text);
    }

    pub(crate) fn answer(&mut self, text: &[u8]) {
        self.server.writer().write_all(text).unwrap();
        self.pump();
        let mut read = vec![0; text.len()];
        self.client.reader().read_exact(&mut read).unwrap();
        assert_eq!(read, text);
    }
}

pub(crate) fn feed(mut bytes: &[u8], mut read: impl FnMut(&mut dyn Read) -> std::io::Result<usize>) {
    while !bytes.is_empty() {
        read(&mut bytes).unwrap();
    }
}

/// The timeline of these events, with bytes in pieces of at most `size`; and its timeline for the counts.
pub(crate) fn replay(events: &[Event], size: usize) -> (Vec<Entry>, Timeline) {
    let mut timeline = Timeline::new();
    let mut entries = Vec::new();
    for (millis, event) in (0..).zip(events) {
        match event {
            Event::Bytes(direction, bytes) => {
                for piece in bytes.chunks(size) {
                    timeline.bytes(Duration::from_millis(millis), *direction, piece);
                    entries.extend(timeline.drain());
                }
            }
            Event::Secret(label, random, secret) => timeline.secret(label, random, secret),
        }
    }
    entries.extend(timeline.finish());
    (entries, timeline)
}

/// Names of messages, alerts and data, with the direction: `> ClientHello`.
pub(crate) fn told(entries: &[Entry]) -> Vec<String> {
    let told = entries.iter().filter(|entry| !matches!(entry.kind, Kind::Record | Kind::Act));
    told.map(|entry| format!("{} {}", if entry.direction == Some(Sent) { '>' } else { '<' }, entry.name)).collect()
}

pub(crate) fn find<'e>(entries: &'e [Entry], name: &str) -> &'e Entry {
    entries.iter().find(|entry| entry.kind != Kind::Record && entry.name == name).unwrap_or_else(|| panic!("no {name}"))
}

pub(crate) fn detail<'e>(entry: &'e Entry, field: &str) -> &'e str {
    let found = entry.details.iter().find(|(name, _)| name == field);
    &found.unwrap_or_else(|| panic!("no {field} in {entry}")).1
}

/// Whether any record stayed closed, or anything could not be read.
pub(crate) fn is_clear(entries: &[Entry]) -> bool {
    let is_closed = |(_, value): &(String, String)| value.starts_with("encrypted:") || value.contains("cannot be read");
    entries.iter().all(|entry| entry.kind != Kind::Problem && !entry.details.iter().any(is_closed))
}

/// A connection is told from its first message to its last, and its counts are those of the wire.
#[track_caller]
pub(crate) fn check(setup: &Setup, expected: &[&str]) -> Vec<Entry> {
    let events = setup.run();
    let (entries, timeline) = replay(&events, usize::MAX);
    assert!(is_clear(&entries), "{}", show(&entries));
    let summary = timeline.summary();
    assert_eq!(summary.messages, expected, "{}", show(&entries));
    assert!(summary.is_complete);
    let wire = |wanted: Direction| {
        let of = |event: &Event| match event {
            Event::Bytes(direction, bytes) if *direction == wanted => bytes.len(),
            _ => 0,
        };
        events.iter().map(of).sum::<usize>() as u64
    };
    assert_eq!((summary.sent.bytes, summary.received.bytes), (wire(Sent), wire(Received)));
    let after = told(&entries);
    let after: Vec<&str> =
        after.iter().map(String::as_str).filter(|name| !name.ends_with("NewSessionTicket")).collect();
    let end = ["> ApplicationData", "< ApplicationData", "> close_notify", "< close_notify"];
    assert_eq!(after[after.len() - 4..], end, "{}", show(&entries));
    entries
}

pub(crate) fn show(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{entry}\n")).collect()
}

/// `expected` with other messages after the one at an index.
pub(crate) fn with(expected: &[&'static str], at: usize, others: &[&'static str]) -> Vec<&'static str> {
    [&expected[..at], others, &expected[at..]].concat()
}

impl Setup {
    /// A handshake that a side ends.
    pub(crate) fn refused(&self, name: &'static str) -> Vec<Entry> {
        let recorder = Arc::new(Recorder::default());
        Pair::new(name, Arc::new(self.client(&recorder)), Arc::new(self.server()), &recorder).pump();
        replay(&std::mem::take(&mut *recorder.0.lock().unwrap()), usize::MAX).0
    }
}
