//! The timeline of real connections between a rustls client and a rustls server, both in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

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
use tls_trace::{Direction, Entry, Kind, Timeline};
use ttp::{CaDirectory, CertificateOptions, KeyKind};

use Direction::{Received, Sent};

const HANDSHAKE13: [&str; 7] =
    ["ClientHello", "ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished", "Finished"];

const HANDSHAKE12: [&str; 8] = [
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
enum Event {
    Bytes(Direction, Vec<u8>),
    Secret(String, Vec<u8>, Vec<u8>),
}

/// Where both sides' library and the wire write.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Recorder {
    fn add(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl KeyLog for Recorder {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.add(Event::Secret(label.to_owned(), client_random.to_vec(), secret.to_vec()));
    }
}

/// Certificates with keys of both kinds, made once.
struct Credentials {
    roots: Arc<RootCertStore>,
    rsa: (Vec<u8>, Vec<u8>),
    p256: (Vec<u8>, Vec<u8>),
    client: (Vec<u8>, Vec<u8>),
}

static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(|| {
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

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn chain((certificate, key): &(Vec<u8>, Vec<u8>)) -> Chain {
    (vec![CertificateDer::from_pem_slice(certificate).unwrap()], PrivateKeyDer::from_pem_slice(key).unwrap())
}

/// How both sides are set up.
#[derive(Clone)]
struct Setup {
    version: &'static SupportedProtocolVersion,
    suite: Option<CipherSuite>,
    server_groups: Vec<&'static dyn SupportedKxGroup>,
    p256: bool,
    asks_for_certificate: bool,
    has_client_certificate: bool,
    server_protocols: Vec<Vec<u8>>,
    fragment: Option<usize>,
    sends_tickets: bool,
}

fn tls13() -> Setup {
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

fn tls12() -> Setup {
    Setup { version: &TLS12, ..tls13() }
}

impl Setup {
    fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(wanted) = self.suite {
            provider.cipher_suites.retain(|suite| suite.suite() == wanted);
        }
        provider
    }

    /// Offers every suite of both versions, unless one is wanted.
    fn client(&self, recorder: &Arc<Recorder>) -> ClientConfig {
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

    fn server(&self) -> ServerConfig {
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
    fn run(&self) -> Vec<Event> {
        let recorder = Arc::new(Recorder::default());
        converse(Arc::new(self.client(&recorder)), Arc::new(self.server()), &recorder)
    }

    fn entries(&self) -> Vec<Entry> {
        replay(&self.run(), usize::MAX).0
    }
}

fn converse(client: Arc<ClientConfig>, server: Arc<ServerConfig>, recorder: &Recorder) -> Vec<Event> {
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
struct Pair<'r> {
    client: ClientConnection,
    server: ServerConnection,
    recorder: &'r Recorder,
}

impl<'r> Pair<'r> {
    fn new(name: &'static str, client: Arc<ClientConfig>, server: Arc<ServerConfig>, recorder: &'r Recorder) -> Self {
        Self {
            client: ClientConnection::new(client, ServerName::try_from(name).unwrap()).unwrap(),
            server: ServerConnection::new(server).unwrap(),
            recorder,
        }
    }

    /// Carries bytes until neither side has any; stops when a side refuses, with its alert.
    fn pump(&mut self) {
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

    fn say(&mut self, text: &[u8]) {
        self.client.writer().write_all(text).unwrap();
        self.pump();
        let mut read = vec![0; text.len()];
        self.server.reader().read_exact(&mut read).unwrap();
        assert_eq!(read, text);
    }

    fn answer(&mut self, text: &[u8]) {
        self.server.writer().write_all(text).unwrap();
        self.pump();
        let mut read = vec![0; text.len()];
        self.client.reader().read_exact(&mut read).unwrap();
        assert_eq!(read, text);
    }
}

fn feed(mut bytes: &[u8], mut read: impl FnMut(&mut dyn Read) -> std::io::Result<usize>) {
    while !bytes.is_empty() {
        read(&mut bytes).unwrap();
    }
}

/// The timeline of these events, with bytes in pieces of at most `size`; and its timeline for the counts.
fn replay(events: &[Event], size: usize) -> (Vec<Entry>, Timeline) {
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
fn told(entries: &[Entry]) -> Vec<String> {
    let told = entries.iter().filter(|entry| !matches!(entry.kind, Kind::Record | Kind::Act));
    told.map(|entry| format!("{} {}", if entry.direction == Some(Sent) { '>' } else { '<' }, entry.name)).collect()
}

fn find<'e>(entries: &'e [Entry], name: &str) -> &'e Entry {
    entries.iter().find(|entry| entry.kind != Kind::Record && entry.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn detail<'e>(entry: &'e Entry, field: &str) -> &'e str {
    let found = entry.details.iter().find(|(name, _)| name == field);
    &found.unwrap_or_else(|| panic!("no {field} in {entry}")).1
}

/// Whether any record stayed closed, or anything could not be read.
fn is_clear(entries: &[Entry]) -> bool {
    let is_closed = |(_, value): &(String, String)| value.starts_with("encrypted:") || value.contains("cannot be read");
    entries.iter().all(|entry| entry.kind != Kind::Problem && !entry.details.iter().any(is_closed))
}

/// A connection is told from its first message to its last, and its counts are those of the wire.
#[track_caller]
fn check(setup: &Setup, expected: &[&str]) -> Vec<Entry> {
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

fn show(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{entry}\n")).collect()
}

/// `expected` with other messages after the one at an index.
fn with(expected: &[&'static str], at: usize, others: &[&'static str]) -> Vec<&'static str> {
    [&expected[..at], others, &expected[at..]].concat()
}

#[test]
fn tls13_is_told_whole_with_each_suite() {
    for (suite, name) in [
        (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256 (OpenSSL: the same)"),
        (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384 (OpenSSL: the same)"),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256 (OpenSSL: the same)"),
    ] {
        let entries = check(&Setup { suite: Some(suite), ..tls13() }, &HANDSHAKE13);
        assert_eq!(detail(find(&entries, "ServerHello"), "cipher suite"), name);
        let hello = find(&entries, "ClientHello");
        assert_eq!((detail(hello, "cipher suites"), detail(hello, "cipher suite 1")), ("1", name));
        assert_eq!(find(&entries, "ApplicationData").len, b"a question of the client".len());
    }
}

#[test]
fn tls12_is_told_whole_with_each_suite() {
    for suite in [
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let p256 = format!("{suite:?}").contains("ECDSA");
        let entries = check(&Setup { suite: Some(suite), p256, ..tls12() }, &HANDSHAKE12);
        assert!(
            detail(find(&entries, "ServerHello"), "cipher suite").starts_with(&format!("{suite:?} (OpenSSL: ECDHE-"))
        );
        let scheme = detail(find(&entries, "ServerKeyExchange"), "signature scheme");
        assert_eq!(scheme.starts_with("ecdsa_secp256r1"), p256, "{scheme}");
    }
}

#[test]
fn client_authentication_adds_its_messages() {
    let asked = Setup { asks_for_certificate: true, ..tls13() };
    let with_request = with(&HANDSHAKE13, 3, &["CertificateRequest"]);
    let entries = check(&asked, &with(&with_request, 7, &["Certificate"]));
    let empty = entries.iter().rfind(|entry| entry.name == "Certificate").unwrap();
    assert_eq!((detail(empty, "certificates"), empty.direction), ("0", Some(Sent)));
    let authorities = detail(find(&entries, "CertificateRequest"), "extension certificate_authorities");
    assert!(authorities.contains("Socket Lab CA"), "{authorities}");

    let authenticated = Setup { has_client_certificate: true, ..asked };
    let entries = check(&authenticated, &with(&with_request, 7, &["Certificate", "CertificateVerify"]));
    let certificate = entries.iter().rfind(|entry| entry.name == "Certificate").unwrap();
    assert!(detail(certificate, "certificate 1, subject").contains("CN=client"), "{certificate}");

    let authenticated = Setup { version: &TLS12, ..authenticated };
    let expected = with(&HANDSHAKE12, 4, &["CertificateRequest"]);
    let expected = with(&with(&expected, 6, &["Certificate"]), 8, &["CertificateVerify"]);
    let entries = check(&authenticated, &expected);
    assert!(detail(find(&entries, "CertificateRequest"), "authorities").contains("Socket Lab CA"));
}

#[test]
fn a_retry_is_told_as_one_and_costs_a_round_trip() {
    let setup = Setup { server_groups: vec![aws_lc_rs::kx_group::SECP384R1], ..tls13() };
    let entries = check(&setup, &with(&HANDSHAKE13, 1, &["HelloRetryRequest", "ClientHello"]));
    let retry = find(&entries, "HelloRetryRequest");
    assert_eq!(detail(retry, "extension key_share"), "secp384r1 is asked for");
    assert_eq!(detail(find(&entries, "ServerHello"), "extension key_share"), "secp384r1 (97 bytes)");
    assert_eq!(replay(&setup.run(), usize::MAX).1.summary().round_trips, 2);
}

#[test]
fn round_trips_and_handshake_bytes_are_those_of_the_version() {
    let count = |setup: Setup| {
        let (entries, timeline) = replay(&setup.run(), usize::MAX);
        let summary = timeline.summary();
        let records = entries.iter().filter(|entry| entry.kind == Kind::Record);
        let sent: usize = records.filter(|entry| entry.direction == Some(Sent)).map(|entry| entry.len).sum();
        assert_eq!(sent as u64, summary.sent.bytes);
        // The question and close_notify come after Finished.
        assert_eq!(summary.sent.records - summary.sent.handshake_records, 2);
        assert!(summary.sent.handshake_bytes < summary.sent.bytes);
        summary
    };
    let summary = count(Setup { sends_tickets: true, ..tls13() });
    assert_eq!((summary.round_trips, summary.proposed.len()), (1, 9));
    assert_eq!(summary.version.map(|version| version.to_string()).as_deref(), Some("TLS 1.3 (0x0304)"));
    assert_eq!(summary.chosen.as_ref().map(|suite| suite.name.as_str()), Some("TLS_AES_256_GCM_SHA384"));
    let summary = count(tls12());
    assert_eq!((summary.round_trips, summary.proposed.len()), (2, 9));
    assert_eq!(summary.chosen.unwrap().openssl, Some("ECDHE-RSA-AES256-GCM-SHA384"));
}

#[test]
fn hellos_name_what_is_proposed_and_chosen() {
    let entries = tls13().entries();
    let hello = find(&entries, "ClientHello");
    assert_eq!(detail(hello, "extension server_name"), "localhost");
    assert_eq!(detail(hello, "extension application_layer_protocol_negotiation"), "2: h2, http/1.1");
    assert_eq!(detail(hello, "extension supported_versions"), "2: TLS 1.3 (0x0304), TLS 1.2 (0x0303)");
    assert_eq!(detail(hello, "extension key_share"), "1: x25519 (32 bytes)");
    assert!(detail(hello, "extension supported_groups").contains("secp256r1, secp384r1"));
    assert!(detail(hello, "extension signature_algorithms").contains("rsa_pss_rsae_sha256"));
    let signal = "1: TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
    assert_eq!(detail(hello, "beside them, as a signal"), signal);
    assert_eq!(detail(hello, "cipher suites"), "9");
    assert_eq!(detail(hello, "cipher suite 1"), "TLS_AES_256_GCM_SHA384 (OpenSSL: the same)");
    let eighth = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (OpenSSL: ECDHE-RSA-AES128-GCM-SHA256)";
    assert_eq!(detail(hello, "cipher suite 8"), eighth);
    let unnamed = |(_, value): &(String, String)| value.split(' ').any(|word| word.starts_with("0x"));
    assert!(!hello.details.iter().any(unnamed), "{hello}");
    assert_eq!((detail(hello, "random").len(), detail(hello, "session id").len()), (64, 64));
    assert_eq!(detail(find(&entries, "ServerHello"), "extension supported_versions"), "TLS 1.3 (0x0304)");
    let extensions = find(&entries, "EncryptedExtensions");
    assert_eq!(detail(extensions, "extension application_layer_protocol_negotiation"), "1: http/1.1");
    assert!(extensions.encrypted && !hello.encrypted);
    let certificate = find(&entries, "Certificate");
    assert!(detail(certificate, "certificate 1, subject").contains("CN=server"), "{certificate}");
    assert!(detail(certificate, "certificate 1, issuer").contains("CN=Socket Lab CA"), "{certificate}");
    let der = chain(&CREDENTIALS.rsa).0;
    assert_eq!(detail(certificate, "certificate 1, length"), format!("{} bytes", der[0].len()));
    assert_eq!(detail(find(&entries, "CertificateVerify"), "signature scheme"), "rsa_pss_rsae_sha512");
}

#[test]
fn tickets_are_told_and_a_resumed_session_is_shorter() {
    let tls13 = Setup { sends_tickets: true, ..tls13() };
    let tls12 = Setup { sends_tickets: true, ..tls12() };
    let resumed13 = ["ClientHello", "ServerHello", "EncryptedExtensions", "Finished", "Finished"];
    let first12 = with(&HANDSHAKE12, 7, &["NewSessionTicket"]);
    let resumed12 = ["ClientHello", "ServerHello", "NewSessionTicket", "Finished", "Finished"];
    for (setup, expected) in [(tls13, [&HANDSHAKE13[..], &resumed13]), (tls12, [&first12[..], &resumed12])] {
        let recorder = Arc::new(Recorder::default());
        let (client, server) = (Arc::new(setup.client(&recorder)), Arc::new(setup.server()));
        for expected in expected {
            let events = converse(Arc::clone(&client), Arc::clone(&server), &recorder);
            let (entries, timeline) = replay(&events, usize::MAX);
            assert!(is_clear(&entries), "{}", show(&entries));
            assert_eq!(timeline.summary().messages, expected);
            assert!(find(&entries, "NewSessionTicket").encrypted == (setup.version.version == TLS13.version));
        }
    }
}

#[test]
fn messages_are_put_together_over_records() {
    for setup in [tls13(), tls12()] {
        let fragmented = Setup { fragment: Some(100), ..setup.clone() };
        let expected: &[&str] = if setup.version.version == TLS13.version { &HANDSHAKE13 } else { &HANDSHAKE12 };
        let entries = check(&fragmented, expected);
        let records = |entries: &[Entry]| entries.iter().filter(|entry| entry.kind == Kind::Record).count();
        assert!(records(&entries) > records(&setup.entries()) + 10);
    }
}

#[test]
fn keys_that_are_updated_are_followed() {
    let recorder = Arc::new(Recorder::default());
    let setup = tls13();
    let mut pair = Pair::new("localhost", Arc::new(setup.client(&recorder)), Arc::new(setup.server()), &recorder);
    pair.pump();
    for _ in 0..3 {
        pair.say(b"before");
        pair.client.refresh_traffic_keys().unwrap();
        pair.say(b"after");
        pair.answer(b"answer");
        pair.server.refresh_traffic_keys().unwrap();
        pair.answer(b"another");
    }
    let events = std::mem::take(&mut *recorder.0.lock().unwrap());
    let (entries, timeline) = replay(&events, usize::MAX);
    assert!(is_clear(&entries), "{}", show(&entries));
    let updates = told(&entries).into_iter().filter(|name| name.ends_with("KeyUpdate")).count();
    assert!(updates >= 6, "{}", show(&entries));
    assert_eq!(timeline.summary().messages, HANDSHAKE13);
}

#[test]
fn a_refusal_is_told_by_the_alert_s_name() {
    // A server of TLS 1.3 finds out after its ServerHello, when it is already encrypting.
    for (setup, encrypted) in [(tls13(), true), (tls12(), false)] {
        let entries = Setup { server_protocols: vec![b"smtp".to_vec()], ..setup }.refused("localhost");
        let alert = find(&entries, "no_application_protocol");
        assert_eq!((detail(alert, "level"), alert.direction, alert.encrypted), ("fatal", Some(Received), encrypted));
    }
    // The certificate is for other names.
    let entries = tls13().refused("other.test");
    let alert = find(&entries, "bad_certificate");
    assert_eq!((alert.direction, alert.encrypted, alert.len), (Some(Sent), true, 2), "{}", show(&entries));
}

impl Setup {
    /// A handshake that a side ends.
    fn refused(&self, name: &'static str) -> Vec<Entry> {
        let recorder = Arc::new(Recorder::default());
        Pair::new(name, Arc::new(self.client(&recorder)), Arc::new(self.server()), &recorder).pump();
        replay(&std::mem::take(&mut *recorder.0.lock().unwrap()), usize::MAX).0
    }
}

#[test]
fn the_timeline_is_the_same_however_the_bytes_come() {
    for setup in [Setup { sends_tickets: true, ..tls13() }, tls12()] {
        let events = setup.run();
        let (whole, timeline) = replay(&events, usize::MAX);
        for size in [1, 2, 3, 5, 7, 64, 1000] {
            let (entries, pieces) = replay(&events, size);
            assert_eq!(entries, whole, "pieces of {size}");
            assert_eq!(pieces.summary(), timeline.summary());
        }
    }
}

#[test]
fn the_timeline_is_the_same_wherever_the_bytes_are_cut() {
    for setup in [tls13(), tls12()] {
        let events = setup.run();
        let (whole, _) = replay(&events, usize::MAX);
        for (index, event) in events.iter().enumerate() {
            let Event::Bytes(direction, bytes) = event else { continue };
            for at in 1..bytes.len() {
                let (front, back) = bytes.split_at(at);
                let mut timeline = Timeline::new();
                let mut entries = Vec::new();
                for (millis, event) in (0..).zip(&events) {
                    let time = Duration::from_millis(millis);
                    match event {
                        _ if millis == index as u64 => {
                            timeline.bytes(time, *direction, front);
                            entries.extend(timeline.drain());
                            timeline.bytes(time, *direction, back);
                        }
                        Event::Bytes(direction, bytes) => timeline.bytes(time, *direction, bytes),
                        Event::Secret(label, random, secret) => timeline.secret(label, random, secret),
                    }
                }
                entries.extend(timeline.finish());
                assert_eq!(entries, whole, "event {index} cut at {at}");
            }
        }
    }
}

#[test]
fn what_waits_for_a_secret_keeps_its_place() {
    let events = tls13().run();
    let mut timeline = Timeline::new();
    let mut bytes = events.iter().filter_map(|event| match event {
        Event::Bytes(direction, bytes) => Some((*direction, bytes)),
        Event::Secret(..) => None,
    });
    for _ in 0..2 {
        let (direction, bytes) = bytes.next().unwrap();
        timeline.bytes(Duration::ZERO, direction, bytes);
    }
    timeline.act(Duration::from_secs(1), "a pause");
    assert_eq!(told(&timeline.drain()), ["> ClientHello", "< ServerHello"]);
    assert!(timeline.drain().is_empty());
    for event in &events {
        if let Event::Secret(label, random, secret) = event {
            timeline.secret(label, random, secret);
        }
    }
    let entries = timeline.drain();
    assert_eq!(told(&entries)[..4], ["< EncryptedExtensions", "< Certificate", "< CertificateVerify", "< Finished"]);
    assert_eq!(entries.last().map(|entry| (entry.kind, entry.name.as_str())), Some((Kind::Act, "a pause")));
    assert!(timeline.finish().is_empty());
}

#[test]
fn without_its_secrets_a_connection_is_said_to_be_encrypted() {
    for (setup, label) in [(tls13(), "SERVER_HANDSHAKE_TRAFFIC_SECRET"), (tls12(), "CLIENT_RANDOM")] {
        let events = setup.run();
        let without = events.iter().filter(|event| !matches!(event, Event::Secret(name, ..) if name == label));
        let (entries, timeline) = replay(&without.cloned().collect::<Vec<_>>(), usize::MAX);
        let closed = |entry: &&Entry| entry.details.iter().any(|(_, value)| value.ends_with("its secret is not known"));
        assert!(entries.iter().filter(closed).count() >= 2, "{}", show(&entries));
        assert!(!timeline.summary().is_complete);
        // What goes the other way is told all the same.
        let is_told = told(&entries).contains(&"> close_notify".to_owned());
        assert_eq!(is_told, setup.version.version == TLS13.version, "{}", show(&entries));
    }
}

#[test]
fn a_wrong_secret_opens_nothing() {
    for (setup, label) in [(tls13(), "CLIENT_TRAFFIC_SECRET_0"), (tls12(), "CLIENT_RANDOM")] {
        for change in [|secret: &mut Vec<u8>| secret[0] ^= 1, |secret: &mut Vec<u8>| secret.truncate(5), Vec::clear] {
            let mut events = setup.run();
            for event in &mut events {
                if let Event::Secret(name, _, secret) = event
                    && name == label
                {
                    change(secret);
                }
            }
            let (entries, _) = replay(&events, usize::MAX);
            assert!(!is_clear(&entries));
            assert!(!told(&entries).contains(&"> ApplicationData".to_owned()), "{}", show(&entries));
        }
    }
}

#[test]
fn whoever_writes_in_the_clear_cannot_turn_the_keys() {
    let mut events = tls13().run();
    let Event::Bytes(Received, flight) = events[1].clone() else { panic!("{:?}", events[1]) };
    let (hello, rest) = flight.split_at(5 + usize::from(u16::from_be_bytes([flight[3], flight[4]])));
    let mut other = hello.to_vec();
    // Another server random and another suite: after record header, message header, version and random.
    other[11] ^= 1;
    other[5 + 4 + 2 + 32 + 1 + 32 + 1] ^= 1;
    let finished = [22, 3, 3, 0, 4, 20, 0, 0, 0].to_vec();
    let update = [22, 3, 3, 0, 5, 24, 0, 0, 1, 0].to_vec();
    let pieces = [hello.to_vec(), other, finished, update, rest.to_vec()];
    events.splice(1..2, pieces.map(|bytes| Event::Bytes(Received, bytes)));
    let (entries, timeline) = replay(&events, usize::MAX);
    assert!(is_clear(&entries), "{}", show(&entries));
    assert!(timeline.summary().is_complete);
    assert!(told(&entries).contains(&"< close_notify".to_owned()), "{}", show(&entries));
}

#[test]
fn an_answer_that_is_not_tls_is_shown() {
    let mut timeline = Timeline::new();
    timeline.bytes(Duration::ZERO, Received, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let entries = timeline.drain();
    assert_eq!((entries[0].name.as_str(), detail(&entries[0], "bytes")), ("not TLS", "485454502f (HTTP/)"));
    assert_eq!((timeline.finish()[0].len, timeline.finish().len()), (23, 0));
}

#[test]
fn a_peer_cannot_fill_the_memory_while_a_secret_does_not_come() {
    let events: Vec<Event> = tls13().run().into_iter().filter(|event| matches!(event, Event::Bytes(..))).collect();
    let mut timeline = Timeline::new();
    for event in &events[..2] {
        if let Event::Bytes(direction, bytes) = event {
            timeline.bytes(Duration::ZERO, *direction, bytes);
        }
    }
    timeline.drain();
    let record = [&[23, 3, 3, 0x40, 0][..], &[7; 0x4000]].concat();
    for _ in 0..100 {
        timeline.bytes(Duration::ZERO, Received, &record);
    }
    let told = timeline.drain().len();
    assert!(told > 50, "only {told} are told");
}

#[test]
fn entries_are_readable_by_people_and_programs() {
    let mut timeline = Timeline::new();
    timeline.act(Duration::from_micros(1500), "connect(): SYN, SYN-ACK, ACK");
    timeline.bytes(Duration::from_millis(2), Sent, &[21, 3, 1, 0, 2, 1, 0]);
    let entries = timeline.drain();
    let lines: Vec<String> = show(&entries).lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "      1.500 ms               connect(): SYN, SYN-ACK, ACK",
            "      2.000 ms -->      7 B  record Alert",
            "                                 version: TLS 1.0 (0x0301)",
            "      2.000 ms -->      2 B    close_notify",
            "                                 level: warning",
        ]
    );
    let json = serde_json::to_value(&entries[2]).unwrap();
    let expected = serde_json::json!({
        "at_s": 0.002, "kind": "alert", "direction": "sent", "len": 2, "name": "close_notify",
        "details": [["level", "warning"]], "encrypted": false,
    });
    assert_eq!(json, expected);
}

#[test]
fn the_secrets_of_a_timeline_are_not_shown() {
    let (_, timeline) = replay(&tls13().run(), usize::MAX);
    assert_eq!(format!("{timeline:?}"), "Timeline { held: 0, ready: 0, .. }");
}

#[test]
fn no_stream_makes_it_panic() {
    let mut random = Random(1);
    let recorded = [Setup { sends_tickets: true, ..tls13() }, Setup { asks_for_certificate: true, ..tls12() }];
    let recorded = recorded.map(|setup| setup.run());
    for round in 0..20_000 {
        let events = if round % 4 == 0 { random.noise() } else { random.mutated(&recorded[round % 2]) };
        let size = [1, 100, usize::MAX, usize::MAX][random.below(4)];
        let (entries, timeline) = replay(&events, size);
        if round % 100 == 0 {
            let _ = (show(&entries), serde_json::to_string(&timeline.summary()).unwrap());
        }
    }
}

/// Numbers that look random and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// Records with random content, in both directions.
    fn noise(&mut self) -> Vec<Event> {
        let record = |random: &mut Self| {
            let len = random.below(80);
            let kind = 20 + random.below(5) as u8;
            let mut bytes = vec![kind, 3, 3, 0, len as u8];
            bytes.extend((0..len).map(|_| random.next() as u8 >> random.below(8)));
            if kind == 22 && len > 4 {
                // A handshake message, to get past its header.
                bytes[5..9].copy_from_slice(&[random.below(26) as u8, 0, 0, len as u8 - 4]);
            }
            Event::Bytes(if random.below(2) == 0 { Sent } else { Received }, bytes)
        };
        (0..self.below(6)).map(|_| record(self)).collect()
    }

    /// A recorded connection with some bytes changed, left out or doubled.
    fn mutated(&mut self, events: &[Event]) -> Vec<Event> {
        let mut events = events.to_vec();
        for _ in 0..=self.below(4) {
            let index = self.below(events.len());
            match (&mut events[index], self.below(4)) {
                (Event::Bytes(_, bytes), 0) => bytes.truncate(self.below(bytes.len() + 1)),
                (Event::Bytes(_, bytes), 1) => bytes.extend_from_within(..self.below(bytes.len() + 1)),
                (Event::Bytes(_, bytes), _) if !bytes.is_empty() => {
                    let at = self.below(bytes.len());
                    bytes[at] = self.next() as u8;
                }
                (Event::Secret(_, _, secret), 0) => secret.truncate(self.below(secret.len() + 1)),
                _ => drop(events.remove(index)),
            }
            if events.is_empty() {
                break;
            }
        }
        events
    }
}
