//! The channel as its users see it: both programs in every step, their certificates, and what each side refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::BTreeMap,
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    thread,
    time::Duration,
};

use lab_process::{Outcome, Program, Stream};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind, Purpose};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const SERVER: &str = env!("CARGO_BIN_EXE_channel-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_channel-client");

/// What is sent when nobody says (the source's).
const MESSAGE: &str = "The OTP for transferring Rs 1,00,000 to your friend's account is 256345.";

const STEPS: [&str; 3] = ["plain", "secure", "tls"];

/// The steps with certificates.
const PROTECTED: [&str; 2] = ["secure", "tls"];

/// What a folder of certificates holds.
const FILES: [&str; 6] =
    ["cacert.pem", "cakey.pem", "client_cert.pem", "client_key.pem", "server_cert.pem", "server_key.pem"];

/// A folder to work in; `certs` in it is that of the certificates, as it is by default.
struct Place(TempDir);

impl Place {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With certificates, the same for everyone.
    fn new() -> Self {
        static TEXTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
        Self::with(&TEXTS)
    }

    /// With certificates of another CA.
    fn of_another_ca() -> Self {
        static TEXTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
        Self::with(&TEXTS)
    }

    /// With files that are made once: to make keys takes time.
    fn with(texts: &OnceLock<BTreeMap<String, Vec<u8>>>) -> Self {
        let texts = texts.get_or_init(|| {
            let place = Self::empty();
            place.directory().complete(&["server", "client"]).unwrap();
            place.files()
        });
        let place = Self::empty();
        fs::create_dir(place.certs()).unwrap();
        for (file, text) in texts {
            fs::write(place.certs().join(file), text).unwrap();
        }
        place
    }

    fn certs(&self) -> PathBuf {
        self.0.path().join("certs")
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.certs())
    }

    /// The certificates' files and what they hold.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.certs()) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(file), bytes).unwrap();
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path()).env_remove("LAB_SERVER");
        Program::spawn(command).unwrap()
    }

    fn run(&self, program: &str, arguments: &str) -> Outcome {
        finish(self.start(program, &words(arguments)))
    }

    /// A server that has announced its port; 0 unless `arguments` have one.
    fn serve(&self, arguments: &[&str]) -> Listening {
        Listening::of(self.start(SERVER, &[&["--port", "0"], arguments].concat()))
    }

    /// What one server and one client make of each other: the outcome of each.
    fn session(&self, server: &[&str], client: &[&str]) -> (Outcome, Outcome) {
        self.session_with(self, server, client)
    }

    /// The same, the client with certificates of its own.
    fn session_with(&self, other: &Self, server: &[&str], client: &[&str]) -> (Outcome, Outcome) {
        let server = self.serve(&[&["--once"], server].concat());
        let at = server.address.to_string();
        let client = finish(other.start(CLIENT, &[&["--server", &at], client].concat()));
        (finish(server.program), client)
    }
}

/// A server that can be reached.
struct Listening {
    program: Program,
    address: SocketAddr,
}

impl Listening {
    fn of(mut program: Program) -> Self {
        let is_note = |line: &lab_process::Line| line.text.starts_with("note: listening on ");
        let note = program.line_with("listen", PATIENCE, is_note).unwrap_or_else(|failure| panic!("{failure}"));
        let address = note.text.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
        Self { program, address }
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Whether a line is as expected, where `*` stands for anything.
fn fits(line: &str, expected: &str) -> bool {
    let Some((before, after)) = expected.split_once('*') else { return line == expected };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(rest, after)))
}

/// A program that did what it should, without a word beside the note of where it listens.
fn check(outcome: &Outcome, expected: &[&str]) {
    let (command_line, stdout, stderr) = (&outcome.command_line, outcome.stdout(), outcome.stderr());
    let beside: Vec<_> = stderr.lines().filter(|line| !line.starts_with("note: listening on ")).collect();
    assert_eq!((outcome.code(), beside), (0, vec![]), "{command_line}");
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{command_line}: {stdout}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(fits(line, expected), "{command_line}: expected '{expected}' in place of '{line}'");
    }
    assert!(stdout.ends_with('\n'), "{command_line}");
}

/// A program that failed with one error, with each of these words in it.
fn check_error(outcome: &Outcome, code: i32, expected: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!(outcome.code(), code, "{command_line}: {stderr}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("{command_line}: {stderr}") };
    for word in expected {
        assert!(error.contains(word), "{command_line}: no '{word}' in {stderr}");
    }
    let is_known = |line: &str| ["error: ", "hint: ", "note: "].iter().any(|label| line.starts_with(label));
    assert!(stderr.lines().all(is_known), "{command_line}: {stderr}");
}

/// A program that failed before it did anything.
fn check_refused(outcome: &Outcome, code: i32, expected: &[&str]) {
    check_error(outcome, code, expected);
    assert_eq!(outcome.stdout(), "", "{}", outcome.command_line);
}

/// What stands behind a label, wherever it is found.
fn values(outcome: &Outcome, label: &str) -> Vec<String> {
    outcome.stdout().lines().filter_map(|line| line.trim_start().strip_prefix(label).map(str::to_owned)).collect()
}

/// An address where nobody listens, nor will while the stream is kept: the port of a connection's other end.
fn nobody() -> (TcpStream, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    (taken, address)
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

fn skip(why: &str) {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let _ = io::Write::write_all(&mut io::stderr(), format!("skipped: {test}: {why}\n").as_bytes());
}

// The steps.

#[test]
fn step_plain_shows_the_message_and_that_nothing_proves_anything() {
    let (server, client) = Place::empty().session(&["--step", "plain"], &["--step", "plain"]);
    let up = [
        "the server is up and listening on 127.0.0.1:*",
        "127.0.0.1:* connected",
        "sending the message in plain text",
        "ACK received; nothing proves from whom",
    ];
    check(&server, &up);
    let received = [
        "connected to 127.0.0.1:*",
        "received 72 bytes in plain text; nothing proves from whom, nor that they were not altered",
        "ACK sent; nothing proves to the server by whom",
        MESSAGE,
    ];
    check(&client, &received);
}

/// The session of step secure on both sides, under the suite that a client's choice leads to.
fn check_secure(place: &Place, options: &str, offered: &str, chosen: &str, ciphertext: &str) {
    let (server, client) = place.session(&[], &words(options));
    let offered = format!("  cipher suites: {offered}");
    let chosen = format!("  cipher suite: {chosen}");
    let hello = |said: &'static str| ["  hash: SHA-256", "  random bytes: *", said];
    let proof = |who: [&'static str; 3]| [who[0], who[1], "issuer country: CH", "version: 3", who[2]];
    let expected = [
        &["the server is up and listening on 127.0.0.1:*", "127.0.0.1:* connected", "handshake begins"][..],
        &["message: client hello", "  protocol: 1", &offered],
        &hello("client hello received"),
        &["message: server hello", "  protocol: 1", &chosen],
        &hello("server hello sent"),
        &proof(["verifying the client's certificate", "common name: client", "client certificate verified"]),
        &["symmetric keys exchanged, and confirmed by both sides"],
        &["handshake complete: 9 records, * bytes, 1 round trip, * ms", "sending the message, protected"],
        &["acknowledgement verified: the client has the message"],
    ];
    check(&server, &expected.concat());
    let ciphertext = format!("ciphertext: *… ({ciphertext} bytes)");
    let expected = [
        &["connected to 127.0.0.1:*", "handshake begins"][..],
        &["message: client hello", "  protocol: 1", &offered],
        &hello("client hello sent"),
        &["message: server hello", "  protocol: 1", &chosen],
        &hello("server hello received"),
        &proof(["verifying the server's certificate", "common name: server", "server certificate verified"]),
        &["symmetric keys exchanged, and confirmed by both sides"],
        &["handshake complete: 9 records, * bytes, 2 round trips, * ms"],
        &["message received, protected", &ciphertext, "message verified to its end, and acknowledged", MESSAGE],
    ];
    check(&client, &expected.concat());

    // Both saw the same hellos, each with 32 bytes of its own.
    let randoms = values(&client, "random bytes: ");
    assert_eq!(values(&server, "random bytes: "), randoms);
    assert!(randoms.iter().all(|random| random.len() == 64 && random.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert_ne!(randoms[0], randoms[1]);
    // The plaintext is not what is called the ciphertext.
    let shown = &values(&client, "ciphertext: ")[0];
    let plaintext: String = MESSAGE.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!plaintext.starts_with(&shown[..8]), "{shown}");
}

#[test]
fn step_secure_shows_hellos_certificates_keys_ciphertext_verdict_and_the_message_last() {
    let (ctr, gcm) = ("RSA-AES128-CTR-HMAC-SHA256", "RSA-AES256-GCM-SHA256");
    let place = Place::new();
    // The message has 72 bytes; HMAC adds 32, GCM 16.
    check_secure(&place, "", &format!("{ctr}, {gcm}"), ctr, "104");
    check_secure(&place, "--suite aes128-hmac", ctr, ctr, "104");
    check_secure(&place, "--suite aes256-gcm", gcm, gcm, "88");
    check_secure(&place, "--suite aes256-gcm --suite aes128-hmac", &format!("{gcm}, {ctr}"), gcm, "88");
    check_secure(&place, "--suite RSA-AES256-GCM-SHA256 --step secure", gcm, gcm, "88");
}

#[test]
fn no_two_sessions_have_the_same_random_bytes_or_ciphertext() {
    let place = Place::new();
    let [one, other] = [0, 1].map(|_| place.session(&[], &[]).1);
    for label in ["random bytes: ", "ciphertext: "] {
        let (one, other) = (values(&one, label), values(&other, label));
        assert!(!one.is_empty() && one.iter().all(|value| !other.contains(value)), "{label}: {one:?}, {other:?}");
    }
}

#[test]
fn step_tls_shows_what_was_agreed_certificates_verdict_and_the_message_last() {
    let (server, client) = Place::new().session(&["--step", "tls"], &["--step", "tls"]);
    let expected = [
        "the server is up and listening on 127.0.0.1:*",
        "127.0.0.1:* connected",
        "hellos exchanged: TLSv1.3 TLS_AES_256_GCM_SHA384",
        "common name: client",
        "issuer country: CH",
        "version: 3",
        "client certificate verified",
        "handshake complete: * records, * bytes, 1 round trip, * ms",
        "sending the message over TLS",
        "acknowledgement received over TLS: the client has the message",
    ];
    check(&server, &expected);
    let expected = [
        "connected to 127.0.0.1:*",
        "hellos exchanged: TLSv1.3 TLS_AES_256_GCM_SHA384",
        "common name: server",
        "issuer country: CH",
        "version: 3",
        "server certificate verified",
        "handshake complete: * records, * bytes, 1 round trip, * ms",
        "message verified to its end, and acknowledged over TLS",
        MESSAGE,
    ];
    check(&client, &expected);
}

// The message.

/// A message arrives as it was sent: behind the verdict, and with `--quiet` alone.
fn check_message(place: &Place, server: &[&str], message: &[u8]) {
    // On a line of its own.
    let newline: &[u8] = if message.ends_with(b"\n") { b"" } else { b"\n" };
    let expected = [message, newline].concat();
    for step in STEPS {
        let server = place.serve(&[server, &["--step", step]].concat());
        let at = format!("--step {step} --server {}", server.address);
        if message.is_empty() && step == "plain" {
            // There an empty message cannot be told from none.
            check_error(&place.run(CLIENT, &at), 1, &["ended the connection without a message"]);
            continue;
        }
        let quiet = place.run(CLIENT, &format!("{at} --quiet"));
        assert_eq!((quiet.code(), quiet.stderr()), (0, String::new()), "{}", quiet.command_line);
        assert!(quiet.stdout == expected, "{step}: {} bytes: {:.200}", quiet.stdout.len(), quiet.stdout());
        let client = place.run(CLIENT, &at);
        assert_eq!((client.code(), client.stderr()), (0, String::new()), "{}", client.command_line);
        let told = client.stdout.strip_suffix(expected.as_slice()).expect("the message last");
        let is_told = if step == "plain" { "ACK sent" } else { "acknowledged" };
        let verdict = String::from_utf8_lossy(told).lines().last().unwrap_or_default().to_owned();
        assert!(verdict.contains(is_told), "{step}: {verdict}");
    }
}

#[test]
fn a_message_of_ones_own_arrives_as_it_was_sent() {
    let place = Place::new();
    for text in ["short", "na\u{ef}ve \u{2013} \u{4f60}\u{597d} \u{1f511}", "two\nlines\n", " ", ""] {
        check_message(&place, &["--message", text], text.as_bytes());
    }
    let long = "0123456789".repeat(10 << 10);
    check_message(&place, &["--message", &long], long.as_bytes());
}

#[test]
fn a_message_from_a_file_arrives_to_the_byte() {
    let place = Place::new();
    let mut state = 1_u32;
    let mut byte = || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    // Around the ends of records, and several megabytes.
    for len in [0, 1, 16_384, 16_385, (5 << 20) + 7] {
        let bytes: Vec<u8> = (0..len).map(|_| byte()).collect();
        place.write("message", &bytes);
        check_message(&place, &["--message-file", "message"], &bytes);
    }
}

#[test]
fn a_message_file_that_cannot_be_read_is_named_before_the_port_opens() {
    let place = Place::new();
    check_refused(&place.run(SERVER, "--port 0 --message-file missing"), 1, &["cannot read missing", "No such file"]);
    check_refused(&place.run(SERVER, "--port 0 --message-file certs"), 1, &["cannot read certs"]);
    let too_long = fs::File::create(place.0.path().join("long")).unwrap();
    too_long.set_len((256 << 20) + 1).unwrap();
    check_refused(&place.run(SERVER, "--port 0 --message-file long"), 2, &["long", "longer than 268435456 bytes"]);
}

// Statistics.

const KEYS: [&str; 10] = [
    "bytes",
    "elapsed_s",
    "handshake_bytes",
    "handshake_records",
    "handshake_round_trips",
    "handshake_s",
    "mb_per_s",
    "message_s",
    "step",
    "suite",
];

#[test]
fn stats_say_what_handshake_and_message_cost_on_either_side() {
    let place = Place::new();
    let text = "x".repeat(100_000);
    for step in STEPS {
        let (server, client) =
            place.session(&["--stats", "--step", step, "--message", &text], &["--stats", "--step", step]);
        for outcome in [&server, &client] {
            assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
            let all = outcome.stats();
            let [stats] = &all[..] else { panic!("{}", outcome.stderr()) };
            let mut keys: Vec<_> = stats.as_object().unwrap().keys().collect();
            keys.sort_unstable();
            assert_eq!(keys, KEYS);
            let number = |key: &str| stats[key].as_f64().unwrap_or_else(|| panic!("no {key} in {stats}"));
            assert_eq!((&stats["step"], number("bytes")), (&step.into(), 100_000.0));
            let rate = number("bytes") / 1e6 / number("message_s");
            assert!((number("mb_per_s") / rate - 1.0).abs() < 1e-6, "{stats}");
            assert!(0.0 < number("message_s") && number("message_s") <= number("elapsed_s"), "{stats}");
            if step == "plain" {
                let handshake = KEYS.iter().filter(|key| key.starts_with("handshake") || **key == "suite");
                assert!(handshake.clone().all(|key| stats[key].is_null()), "{stats}");
                continue;
            }
            assert!(number("handshake_s") + number("message_s") <= number("elapsed_s"), "{stats}");
            // Two certificates and two values of 2048 bits must have passed.
            assert!((2000.0..6000.0).contains(&number("handshake_bytes")), "{stats}");
            let round_trips = if step == "secure" && outcome.command_line.contains("client") { 2.0 } else { 1.0 };
            assert_eq!(number("handshake_round_trips"), round_trips, "{stats}");
        }
        let (server, client) = (&server.stats()[0], &client.stats()[0]);
        for key in ["handshake_records", "handshake_bytes", "suite"] {
            assert_eq!(server[key], client[key], "{step}: {key}");
        }
        match step {
            "secure" => {
                assert_eq!(
                    (&client["handshake_records"], &client["suite"]),
                    (&9.into(), &"RSA-AES128-CTR-HMAC-SHA256".into())
                );
            }
            "tls" => assert_eq!(client["suite"], "TLSv1.3 TLS_AES_256_GCM_SHA384"),
            _ => {}
        }
    }
}

#[test]
fn what_is_said_of_the_handshake_is_what_stats_say() {
    let place = Place::new();
    for step in PROTECTED {
        let (server, client) = place.session(&["--stats", "--step", step], &["--stats", "--step", step]);
        for outcome in [server, client] {
            let stats = &outcome.stats()[0];
            let bytes = stats["handshake_bytes"].to_string();
            let (thousands, rest) = bytes.split_at(bytes.len() - 3);
            let said = format!("{} records, {thousands},{rest} bytes, ", stats["handshake_records"]);
            let shown = values(&outcome, "handshake complete: ");
            assert!(shown[0].starts_with(&said), "{shown:?}, {stats}");
        }
    }
}

#[test]
fn stats_are_the_last_line_also_after_an_error_with_null_for_what_did_not_come_to_pass() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for step in STEPS {
        let outcome = place.run(CLIENT, &format!("--step {step} --stats --server {nobody}"));
        let all = outcome.stats();
        let [stats] = &all[..] else { panic!("{}", outcome.stderr()) };
        assert_eq!((outcome.code(), &stats["step"], &stats["bytes"]), (1, &step.into(), &0.into()));
        let others = KEYS.iter().filter(|key| !["step", "bytes", "elapsed_s"].contains(key));
        assert!(others.clone().all(|key| stats[key].is_null()), "{stats}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_without_once_prints_an_object_for_each_client_at_its_end() {
    let place = Place::new();
    let mut server = place.serve(&["--stats"]);
    for _ in 0..3 {
        assert_eq!(place.run(CLIENT, &format!("127.0.0.1 {}", server.port())).code(), 0);
        let is_over = |line: &lab_process::Line| line.text.starts_with("acknowledgement verified");
        server.program.line_with("be acknowledged", PATIENCE, is_over).unwrap();
    }
    server.program.interrupt();
    let outcome = finish(server.program);
    let stats = outcome.stats();
    assert_eq!((outcome.code(), stats.len()), (0, 3), "{}", outcome.stderr());
    assert!(stats.iter().all(|stats| stats["handshake_records"] == 9 && stats["bytes"] == MESSAGE.len()));
}

// The command line, the beginning and the end.

#[test]
fn the_server_is_named_in_any_of_three_ways() {
    let place = Place::new();
    for step in STEPS {
        let server = place.serve(&["--step", step]);
        let (port, address) = (server.port(), server.address);
        for at in [
            format!("127.0.0.1 {port}"),
            format!("localhost {port}"),
            format!("--server {address}"),
            format!("--server localhost:{port}"),
        ] {
            let outcome = place.run(CLIENT, &format!("{at} --quiet --step {step}"));
            check(&outcome, &[MESSAGE]);
        }
    }
}

#[test]
fn lab_server_is_a_host_and_the_command_line_overrides_it() {
    let place = Place::new();
    let server = place.serve(&["--step", "plain"]);
    let client = |host: &str, arguments: &str| {
        let mut command = Command::new(CLIENT);
        command.args(words(arguments)).current_dir(place.0.path()).env("LAB_SERVER", host);
        finish(Program::spawn(command).unwrap())
    };
    let at = format!("--quiet --step plain --server {}", server.address);
    check(&client("channel.invalid", &at), &[MESSAGE]);
    check(&client("channel.invalid", &format!("127.0.0.1 {} --quiet --step plain", server.port())), &[MESSAGE]);
    check_refused(&client("channel.invalid", "--step plain"), 1, &["'channel.invalid'"]);
    check_refused(&client("127.0.0.1:5010", "--step plain"), 2, &["LAB_SERVER"]);
    // Whether or not somebody has that port: it is not the port of a name server.
    let default = client("127.0.0.1", "--step plain --connect-timeout 5 --timeout 1");
    assert!(default.code() == 0 || default.stderr().contains("127.0.0.1:5010"), "{}", default.stderr());
}

#[test]
fn both_sides_speak_ipv6() {
    if !has_ipv6() {
        return skip("no IPv6 here");
    }
    let place = Place::new();
    for step in STEPS {
        let server = place.serve(&["--bind", "::1", "--step", step]);
        assert!(server.address.is_ipv6(), "{}", server.address);
        let port = server.port();
        // One that is there alone is found by the name of both.
        for at in [format!("::1 {port}"), format!("--server [::1]:{port}"), format!("localhost {port}")] {
            check(&place.run(CLIENT, &format!("{at} --quiet --step {step}")), &[MESSAGE]);
        }
    }
}

/// A wrong command line: status 2, one error and one hint, and nothing was done.
fn check_usage(place: &Place, program: &str, arguments: &[&str]) {
    let outcome = finish(place.start(program, arguments));
    check_refused(&outcome, 2, &[]);
    let stderr = outcome.stderr();
    assert!(stderr.lines().count() <= 2, "{}: {stderr}", outcome.command_line);
    assert_eq!(place.names(), [""; 0], "{}", outcome.command_line);
}

#[test]
fn a_wrong_command_line_is_status_2_one_error_and_one_hint() {
    let place = Place::empty();
    for arguments in [
        "--port 65536",
        "--port x",
        "--port",
        "--step nonsense",
        "--step",
        "--timeout 0",
        "--timeout -1",
        "--timeout x",
        "--bind localhost",
        "--message a --message-file b",
        "--message",
        "--nonsense",
        "extra",
        "127.0.0.1 5010",
    ] {
        check_usage(&place, SERVER, &words(arguments));
    }
    for arguments in [
        "127.0.0.1",
        "127.0.0.1 5010 extra",
        "127.0.0.1 0",
        "127.0.0.1 x",
        "127.0.0.1 65536",
        "127.0.0.1:5010 5010",
        "127.0.0.1 5010 --server 127.0.0.1",
        "127.0.0.1 5010 127.0.0.1 5011",
        "--server 127.0.0.1:0",
        "--server 127.0.0.1:x",
        "--step nonsense",
        "--suite nonsense",
        "--suite",
        "--timeout 0",
        "--connect-timeout 0",
        "--nonsense",
    ] {
        check_usage(&place, CLIENT, &words(arguments));
    }
    let outcome = place.run(CLIENT, "--suite aes128");
    assert!(outcome.stderr().contains("aes128-hmac, aes256-gcm"), "{}", outcome.stderr());
    let outcome = place.run(SERVER, "--nonsense");
    assert!(outcome.stderr().lines().nth(1).unwrap().starts_with("hint: "), "{}", outcome.stderr());
}

#[test]
fn a_port_where_nobody_listens_is_named_with_a_hint() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for step in STEPS {
        let outcome = place.run(CLIENT, &format!("--step {step} --server {nobody}"));
        check_refused(&outcome, 1, &[&format!("cannot connect to {nobody}"), "refused"]);
        assert!(outcome.stderr().contains("\nhint: "), "{}", outcome.stderr());
    }
    let outcome = place.run(CLIENT, "--server channel.invalid");
    check_refused(&outcome, 1, &["'channel.invalid'"]);
}

#[test]
fn a_port_that_is_taken_is_named_with_a_hint() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let outcome = place.run(SERVER, &format!("--port {}", address.port()));
    check_refused(&outcome, 1, &[&format!("cannot listen on TCP port {address}"), "in use"]);
    assert!(outcome.stderr().contains("\nhint: "), "{}", outcome.stderr());
    // An address of another machine (RFC 5737).
    check_refused(&place.run(SERVER, "--port 0 --bind 192.0.2.1"), 1, &["192.0.2.1"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_the_normal_end_of_a_server_but_not_of_one_whose_client_is_still_to_come() {
    let place = Place::new();
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        for step in STEPS {
            for is_visited in [false, true] {
                for (options, code) in [(&[][..], 0), (&["--once"], code)] {
                    let mut server = place.serve(&[&["--step", step], options].concat());
                    let _silent = is_visited.then(|| {
                        let silent = TcpStream::connect(server.address).unwrap();
                        let is_seen = |line: &lab_process::Line| line.text.ends_with(" connected");
                        server.program.line_with("see the client", PATIENCE, is_seen).unwrap();
                        silent
                    });
                    end(&mut server.program);
                    let outcome = finish(server.program);
                    assert_eq!(outcome.code(), code, "{}: {}", outcome.command_line, outcome.stderr());
                }
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_client_as_the_signal_does_after_its_statistics() {
    let place = Place::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (end, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        for step in STEPS {
            let mut client = place.start(CLIENT, &["--server", &address, "--step", step, "--stats"]);
            let _server = silent.accept().unwrap();
            if step == "secure" {
                let is_waiting = |line: &lab_process::Line| line.text == "client hello sent";
                client.line_with("greet", PATIENCE, is_waiting).unwrap();
            }
            end(&mut client);
            let outcome = finish(client);
            assert_eq!((outcome.code(), outcome.stats().len()), (code, 1), "{step}: {}", outcome.stderr());
        }
    }
}

/// Runs a program whose output nobody reads.
#[cfg(unix)]
fn unread(place: &Place, program: &str, arguments: &str) -> Program {
    // A pipe whose only reader is gone before the program begins.
    let script = "rm -f gone; mkfifo gone && exec 3<>gone 4>gone 3<&- && exec \"$0\" \"$@\" >&4 4>&-";
    place.start("sh", &[&["-c", script, program], &words(arguments)[..]].concat())
}

#[cfg(unix)]
#[test]
fn a_client_whose_output_nobody_reads_verifies_and_acknowledges_and_ends_quietly() {
    let place = Place::new();
    // One who reads the first line alone.
    let script = "{ \"$0\" \"$@\"; echo \"status $?\" >&2; } | head -1";
    for step in STEPS {
        for quiet in ["", "--quiet"] {
            let server = place.serve(&["--once", "--step", step]);
            let client = finish(unread(&place, CLIENT, &format!("{quiet} --step {step} --server {}", server.address)));
            assert_eq!((client.code(), client.stderr()), (0, String::new()), "{step} {quiet}");
            assert_eq!(finish(server.program).code(), 0, "{step} {quiet}");

            let server = place.serve(&["--once", "--step", step]);
            let at = format!("{quiet} --step {step} --server {}", server.address);
            let piped = finish(place.start("sh", &[&["-c", script, CLIENT], &words(&at)[..]].concat()));
            assert_eq!(piped.stderr(), "status 0\n", "{step} {quiet}");
            assert_eq!(piped.stdout().lines().count(), 1, "{step} {quiet}");
            assert_eq!(finish(server.program).code(), 0, "{step} {quiet}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_server_whose_output_nobody_reads_ends_quietly() {
    let place = Place::new();
    for step in STEPS {
        let outcome = finish(unread(&place, SERVER, &format!("--port 0 --step {step}")));
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_stored_is_an_error() {
    let place = Place::new();
    for step in STEPS {
        for quiet in ["", "--quiet"] {
            let server = place.serve(&["--step", step]);
            let arguments = format!("{quiet} --step {step} --server {}", server.address);
            let script = "exec \"$0\" \"$@\" > /dev/full";
            let client = finish(place.start("sh", &[&["-c", script, CLIENT], &words(&arguments)[..]].concat()));
            check_refused(&client, 1, &["cannot write the answer", "No space"]);
        }
    }
}

#[test]
fn help_has_examples_that_can_be_typed_and_version_the_version() {
    let place = Place::new();
    for (program, name) in [(SERVER, "channel-server"), (CLIENT, "channel-client")] {
        let help = place.run(program, "--help");
        assert_eq!((help.code(), help.stderr()), (0, String::new()));
        // What follows two spaces is a remark.
        let is_example = |line: &str| line.trim().split("  ").next()?.strip_prefix(name).map(str::to_owned);
        let examples: Vec<_> = help.stdout().lines().filter_map(is_example).collect();
        assert!(examples.len() >= 3, "{}", help.stdout());
        for arguments in &examples {
            // None is a wrong command line.
            if program == CLIENT {
                let outcome = place.run(CLIENT, &format!("{arguments} --connect-timeout 5 --timeout 1"));
                assert_ne!(outcome.code(), 2, "{arguments}: {}", outcome.stderr());
            } else {
                place.serve(&words(arguments));
            }
        }
        check(&place.run(program, "--version"), &[&format!("* {}", env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn each_program_calls_itself_by_its_name() {
    let place = Place::empty();
    for (program, name) in [(SERVER, "channel-server"), (CLIENT, "channel-client")] {
        check(&place.run(program, "--version"), &[&format!("{name} {}", env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn a_server_that_cannot_be_reached_comes_with_a_hint() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for at in [nobody.to_string(), "channel.invalid".to_owned()] {
        let outcome = place.run(CLIENT, &format!("--server {at}"));
        check_refused(&outcome, 1, &[]);
        let stderr = outcome.stderr();
        assert!(stderr.contains("hint: "), "{stderr}");
    }
}

/// A server whose first line is read, and no other; it tells its status in the end.
#[cfg(unix)]
fn read_no_further(place: &Place, arguments: &[&str]) -> Listening {
    let script = "mkfifo lines; (head -1 <lines >&2; echo gone >&2) & exec 3>lines; \
                  \"$0\" \"$@\" >&3 3>&-; echo \"status $?\" >&2";
    let program = place.start("sh", &[&["-c", script, SERVER, "--port", "0"], arguments].concat());
    let mut server = Listening::of(program);
    let is_gone = |line: &lab_process::Line| line.text == "gone";
    if !server.program.lines().iter().any(is_gone) {
        server.program.line_with("be left", PATIENCE, is_gone).unwrap();
    }
    server
}

#[cfg(unix)]
#[test]
fn a_server_with_once_whose_output_nobody_reads_any_more_does_not_claim_an_acknowledgement() {
    let place = Place::new();
    for step in STEPS {
        let server = read_no_further(&place, &["--once", "--step", step]);
        let client = place.run(CLIENT, &format!("--quiet --step {step} --server {}", server.address));
        let outcome = finish(server.program);
        let claims = outcome.stderr().contains("\nstatus 0\n");
        assert_eq!(claims, client.stdout() == format!("{MESSAGE}\n"), "{step}: {}", outcome.stderr());
    }
}

#[cfg(unix)]
#[test]
fn a_server_whose_output_nobody_reads_any_more_serves_on_or_ends() {
    let place = Place::new();
    for step in STEPS {
        let server = read_no_further(&place, &["--step", step]);
        for _ in 0..3 {
            let client = place.run(CLIENT, &format!("--quiet --step {step} --server {}", server.address));
            let is_served = client.stdout() == format!("{MESSAGE}\n");
            assert!(is_served || client.stderr().contains("refused"), "{step}: {}", client.stderr());
        }
    }
}

// Certificates at first use.

#[cfg(unix)]
fn modes(place: &Place) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |file: &String| fs::metadata(place.certs().join(file)).unwrap().permissions().mode() & 0o7777;
    place.names().iter().map(|file| format!("{file} {:o}", mode(file))).collect()
}

#[cfg(unix)]
#[test]
fn certificates_are_made_at_first_use_and_keys_are_for_their_owner_alone() {
    let (_taken, nobody) = nobody();
    let expected = [
        "cacert.pem 644",
        "cakey.pem 600",
        "client_cert.pem 644",
        "client_key.pem 600",
        "server_cert.pem 644",
        "server_key.pem 600",
    ];
    for step in PROTECTED {
        let place = Place::empty();
        drop(place.serve(&["--step", step]));
        assert_eq!(modes(&place), expected);
        // And never again.
        let before = place.files();
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert!(place.files() == before);

        let place = Place::empty();
        check_refused(&place.run(CLIENT, &format!("--step {step} --server {nobody}")), 1, &["cannot connect"]);
        assert_eq!(modes(&place), expected);
    }
}

#[test]
fn step_plain_needs_no_certificates_and_makes_none() {
    let place = Place::empty();
    let (server, client) = place.session(&["--step", "plain"], &["--step", "plain"]);
    assert_eq!((server.code(), client.code()), (0, 0));
    assert!(!place.certs().exists());
    // Nor does it look at those that are there.
    fs::create_dir(place.certs()).unwrap();
    fs::write(place.certs().join("server_cert.pem"), "garbage").unwrap();
    let (server, client) = place.session(&["--step", "plain"], &["--step", "plain"]);
    assert_eq!((server.code(), client.code()), (0, 0));
}

#[test]
fn dir_names_another_folder() {
    let place = Place::empty();
    let (server, client) = place.session(&["--dir", "a/b"], &["--dir", "a/b"]);
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert!(!place.certs().exists());
    assert!(FILES.iter().all(|file| place.0.path().join("a/b").join(file).exists()));
}

/// Carries bytes between two streams, both ways, to the end of both.
fn carry(one: &TcpStream, other: &TcpStream) {
    thread::scope(|scope| {
        for (mut from, mut to) in [(one, other), (other, one)] {
            scope.spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
}

#[test]
fn a_server_and_clients_that_are_started_at_once_on_a_fresh_folder_agree() {
    for step in PROTECTED {
        let place = Place::empty();
        // The clients can call before the server has a port.
        let door = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = door.local_addr().unwrap().to_string();
        let patient = ["--quiet", "--step", step, "--timeout", "100", "--connect-timeout", "100", "--server", &at];
        let clients: Vec<_> = (0..3).map(|_| place.start(CLIENT, &patient)).collect();
        let server = place.serve(&["--step", step]);
        thread::scope(|scope| {
            for _ in &clients {
                let (client, _) = door.accept().unwrap();
                scope.spawn(move || carry(&client, &TcpStream::connect(server.address).unwrap()));
            }
        });
        clients.into_iter().for_each(|client| check(&finish(client), &[MESSAGE]));
        assert_eq!(place.names(), FILES);
    }
}

/// A place that lacks files.
fn lacking(files: &[&str]) -> Place {
    let place = Place::new();
    files.iter().for_each(|file| fs::remove_file(place.certs().join(file)).unwrap());
    place
}

#[test]
fn what_lacks_can_be_made_if_the_cas_key_is_there() {
    for files in [
        &["client_cert.pem"][..],
        &["client_cert.pem", "client_key.pem"],
        &["server_cert.pem"],
        &["server_cert.pem", "server_key.pem"],
        &["server_cert.pem", "server_key.pem", "client_cert.pem", "client_key.pem"],
        // Nobody needs it any more.
        &["cakey.pem"],
    ] {
        let place = lacking(files);
        let before = place.files();
        let (server, client) = place.session(&[], &[]);
        assert_eq!((server.code(), client.code()), (0, 0), "{files:?}: {}{}", server.stderr(), client.stderr());
        let after = place.files();
        assert!(before.iter().all(|(file, text)| after.get(file) == Some(text)), "{files:?}");
        assert_eq!(after.len(), if files == ["cakey.pem"] { 5 } else { 6 }, "{:?}", after.keys());
    }
}

#[test]
fn what_cannot_be_completed_is_named_and_nothing_is_made() {
    let (_taken, nobody) = nobody();
    for (files, named) in [
        (&["cacert.pem"][..], &["cakey.pem", "cacert.pem"][..]),
        (&["cacert.pem", "cakey.pem"], &["server_cert.pem", "cacert.pem"]),
        (&["server_key.pem"], &["server_cert.pem", "server_key.pem"]),
        (&["client_key.pem"], &["client_cert.pem", "client_key.pem"]),
        (&["cakey.pem", "client_cert.pem"], &["cacert.pem", "cakey.pem"]),
        (&["cakey.pem", "server_cert.pem", "server_key.pem"], &["cacert.pem", "cakey.pem"]),
    ] {
        for step in PROTECTED {
            let place = lacking(files);
            let before = place.files();
            let lacks = |party: &str| files.iter().any(|file| file.starts_with(party) || *file == "cacert.pem");
            let server = || place.run(SERVER, &format!("--port 0 --step {step}"));
            let client = || place.run(CLIENT, &format!("--step {step} --server {nobody}"));
            // A side that has all it needs goes on.
            let outcomes = [lacks("server").then(server), lacks("client").then(client)];
            for outcome in outcomes.into_iter().flatten() {
                // Nor was the port opened, or anybody called.
                check_refused(&outcome, 1, named);
                assert!(outcome.stderr().contains("is there without"), "{files:?}: {}", outcome.stderr());
                assert!(place.files() == before, "{files:?}: {:?}", place.names());
            }
        }
    }
}

#[test]
fn a_file_that_is_empty_or_garbage_is_named() {
    for (file, text) in [
        ("cacert.pem", ""),
        ("cacert.pem", "garbage"),
        ("server_cert.pem", ""),
        ("server_cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("server_key.pem", ""),
        ("server_key.pem", "garbage"),
    ] {
        for step in PROTECTED {
            let place = Place::new();
            fs::write(place.certs().join(file), text).unwrap();
            let before = place.files();
            check_refused(&place.run(SERVER, &format!("--port 0 --step {step}")), 1, &[&format!("certs/{file}: ")]);
            assert!(place.files() == before);
        }
    }
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let place = Place::empty();
    place.write("certs", "");
    check_refused(&place.run(SERVER, "--port 0"), 1, &["certs"]);
    check_refused(&place.run(SERVER, "--port 0 --dir certs/below"), 1, &["certs/below"]);
}

#[cfg(unix)]
#[test]
fn a_place_that_takes_no_files_gets_none_and_the_next_try_succeeds() {
    let (_taken, nobody) = nobody();
    for step in PROTECTED {
        // In blocks of 512 bytes: nothing, or what has the length of the CA's certificate but not of a key.
        for room in [0, 3] {
            let place = Place::empty();
            let script = format!("trap '' XFSZ; ulimit -f {room}; exec \"$0\" --port 0 --step {step}");
            let outcome = finish(place.start("sh", &["-c", &script, SERVER]));
            check_refused(&outcome, 1, &["cannot write ", "certs/"]);
            assert!(!place.certs().exists(), "{:?}", place.names());
            // A folder that was there stays.
            fs::create_dir(place.certs()).unwrap();
            check_refused(&finish(place.start("sh", &["-c", &script, SERVER])), 1, &["cannot write "]);
            assert_eq!(place.names(), [""; 0]);
        }
        let place = Place::empty();
        check_refused(&place.run(CLIENT, &format!("--step {step} --server {nobody}")), 1, &["cannot connect"]);
        assert_eq!(place.names(), FILES);
    }
}

/// Runs a script as root of a small world of its own; `None` where that is not allowed.
#[cfg(target_os = "linux")]
fn in_a_small_world(place: &Place, script: &str, arguments: &[&str]) -> Option<Outcome> {
    let unshared = |script: &str| place.start("unshare", &[&["-rm", "sh", "-c", script], arguments].concat());
    let mounts = Program::start("unshare", &["-rm", "sh", "-c", "mount -t tmpfs none /tmp"]).ok()?;
    (finish(mounts).code() == 0).then(|| finish(unshared(script)))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_read_only_device_is_left_as_it_was() {
    let (_taken, nobody) = nobody();
    let nobody = nobody.to_string();
    let place = Place::empty();
    fs::create_dir(place.certs()).unwrap();
    // Pages of 4 KiB: room for some of the files but not for all.
    for options in ["ro", "size=4k", "size=12k", "size=20k", "size=28k"] {
        let script = format!(
            "mount -t tmpfs -o mode=755,{options} none certs && \"$0\" \"$@\"; echo \"status $?\"; ls -A certs"
        );
        let Some(outcome) = in_a_small_world(&place, &script, &[CLIENT, "--server", &nobody]) else {
            return skip("no file system may be mounted here");
        };
        let stderr = outcome.stderr();
        assert_eq!(outcome.stdout(), "status 1\n", "{options}: {stderr}");
        assert!(stderr.starts_with("error: cannot ") && stderr.contains("certs"), "{options}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{options}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_made_at_first_use_is_ones_own_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let (_taken, nobody) = nobody();
    for umask in ["077", "022", "002", "000"] {
        let place = Place::empty();
        let script = format!("umask {umask}; exec \"$0\" --server {nobody}");
        check_refused(&finish(place.start("sh", &["-c", &script, CLIENT])), 1, &["cannot connect"]);
        assert_eq!(place.names(), FILES);
        let mode = fs::metadata(place.certs()).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "umask {umask}: {mode:o}");
    }
}

#[test]
fn a_side_needs_no_key_but_its_own() {
    let (server, client) = (lacking(&["cakey.pem"]), lacking(&["cakey.pem"]));
    for file in ["client_cert.pem", "client_key.pem"] {
        fs::remove_file(server.certs().join(file)).unwrap();
    }
    for file in ["server_cert.pem", "server_key.pem"] {
        fs::remove_file(client.certs().join(file)).unwrap();
    }
    for step in PROTECTED {
        let (server, client) = server.session_with(&client, &["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}

// Certificates that are refused.

/// What both sides say of a session in which one does not believe the other.
fn check_disbelief(step: &str, (server, client): (Outcome, Outcome), is_by_client: bool, why: &str) {
    let told = if step == "tls" { "refused the handshake with the alert " } else { "gave up: alert failure" };
    let (by, of) = if is_by_client { (&client, &server) } else { (&server, &client) };
    check_error(by, 1, &["127.0.0.1:", why]);
    check_error(of, 1, &["127.0.0.1:", told]);
    // Nobody got a message.
    assert!(!client.stdout().contains("OTP"), "{}", client.stdout());
    let verdicts = ["acknowledgement verified", "acknowledgement received", "message verified"];
    let has_verdict = |outcome: &Outcome| verdicts.iter().any(|verdict| outcome.stdout().contains(verdict));
    assert!(!has_verdict(&server) && !has_verdict(&client), "{}{}", server.stdout(), client.stdout());
    let is_verified = values(by, if is_by_client { "server certificate" } else { "client certificate" });
    assert_eq!(is_verified, [""; 0]);
}

/// Copies files from one place to another.
fn give(from: &Place, to: &Place, files: &[(&str, &str)]) {
    for (source, target) in files {
        fs::copy(from.certs().join(source), to.certs().join(target)).unwrap();
    }
}

#[test]
fn a_certificate_of_another_ca_is_refused_on_either_side() {
    let (here, elsewhere) = (Place::new(), Place::of_another_ca());
    for step in PROTECTED {
        let arguments = ["--step", step];
        // Everything is of another CA: the client is the first to see a certificate.
        let sessions = here.session_with(&elsewhere, &arguments, &arguments);
        check_disbelief(step, sessions, true, "CA");
        // The client believes the server, which does not believe the client.
        let stranger = Place::of_another_ca();
        give(&here, &stranger, &[("cacert.pem", "cacert.pem")]);
        fs::remove_file(stranger.certs().join("cakey.pem")).unwrap();
        check_disbelief(step, here.session_with(&stranger, &arguments, &arguments), false, "CA");
        // And the other way round.
        check_disbelief(step, stranger.session_with(&here, &arguments, &arguments), true, "CA");
    }
}

/// With the certificate of one side issued anew.
fn reissued(name: &str, options: CertificateOptions) -> Place {
    let place = Place::new();
    place.directory().issue(name, KeyKind::default(), None, &CertificateOptions { force: true, ..options }).unwrap();
    place
}

#[test]
fn a_certificate_that_expired_is_left_as_it_is_and_refused_on_either_side() {
    for (options, why) in [
        (
            CertificateOptions { starts_in: -30, days: 1, ..CertificateOptions::default() },
            "has a certificate that expired",
        ),
        (
            CertificateOptions { starts_in: 30, ..CertificateOptions::default() },
            "has a certificate that is not valid yet",
        ),
    ] {
        for (name, is_by_client) in [("server", true), ("client", false)] {
            let place = reissued(name, options.clone());
            let before = place.files();
            for step in PROTECTED {
                let sessions = place.session(&["--step", step], &["--step", step]);
                check_disbelief(step, sessions, is_by_client, why);
            }
            assert!(place.files() == before, "{:?}", place.names());
        }
    }
}

#[test]
fn a_certificate_for_another_purpose_is_refused_on_either_side() {
    let certificate = |name: &str| (format!("{name}_cert.pem"), format!("{name}_key.pem"));
    for (name, other, is_by_client) in [("server", "client", true), ("client", "server", false)] {
        // The other side's own, whoever lost its key.
        let (place, thief) = (Place::new(), Place::new());
        let ((cert, key), (other_cert, other_key)) = (certificate(name), certificate(other));
        give(&place, &thief, &[(&other_cert, &cert), (&other_key, &key)]);
        // With the right name.
        let purpose = if is_by_client { Purpose::Client } else { Purpose::Server };
        let misused = reissued(name, CertificateOptions { purpose: Some(purpose), ..CertificateOptions::default() });
        for wrong in [thief, misused] {
            for step in PROTECTED {
                let arguments = ["--step", step];
                let sessions = if is_by_client {
                    wrong.session_with(&place, &arguments, &arguments)
                } else {
                    place.session_with(&wrong, &arguments, &arguments)
                };
                check_disbelief(step, sessions, is_by_client, "has a certificate for another purpose");
            }
        }
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_on_either_side_with_both_names() {
    for (name, purpose, is_by_client) in [("server", Purpose::Server, true), ("client", Purpose::Client, false)] {
        for other in ["other.test", if is_by_client { "client" } else { "server" }, "127.0.0.1"] {
            let names = vec![other.parse().unwrap()];
            let place =
                reissued(name, CertificateOptions { names, purpose: Some(purpose), ..CertificateOptions::default() });
            let why = format!("was to be {name}, but its certificate is for {other}");
            for step in PROTECTED {
                check_disbelief(step, place.session(&["--step", step], &["--step", step]), is_by_client, &why);
            }
        }
    }
}

#[test]
fn a_certificate_for_both_purposes_or_several_names_is_accepted() {
    let names = ["other.test", "server"].map(|name| name.parse().unwrap()).to_vec();
    let place =
        reissued("server", CertificateOptions { names, purpose: Some(Purpose::Both), ..CertificateOptions::default() });
    for step in PROTECTED {
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}

#[test]
fn a_key_that_does_not_match_its_certificate_is_an_error_at_the_start() {
    let (_taken, nobody) = nobody();
    for step in PROTECTED {
        for (file, other) in [("server_key.pem", "client_key.pem"), ("client_key.pem", "cakey.pem")] {
            let place = Place::new();
            give(&place, &place, &[(other, file)]);
            let outcome = if file == "server_key.pem" {
                place.run(SERVER, &format!("--port 0 --step {step}"))
            } else {
                place.run(CLIENT, &format!("--step {step} --server {nobody}"))
            };
            let name = file.replace("_key", "_cert");
            check_refused(&outcome, 1, &[&format!("certs/{file}: does not match the certificate in certs/{name}")]);
        }
    }
}

/// With a key of the elliptic curve P-256 on one side.
fn elliptic(name: &str) -> Place {
    let place = Place::new();
    fs::remove_file(place.directory().key(name)).unwrap();
    place
        .directory()
        .issue(name, KeyKind::P256, None, &CertificateOptions { force: true, ..CertificateOptions::default() })
        .unwrap();
    place
}

#[test]
fn a_key_that_is_not_rsa_is_an_error_at_the_start_except_over_tls() {
    let (_taken, nobody) = nobody();
    for (name, program) in [("server", SERVER), ("client", CLIENT)] {
        let place = elliptic(name);
        let at = if program == SERVER { "--port 0".to_owned() } else { format!("--server {nobody}") };
        check_refused(&place.run(program, &at), 1, &[&format!("certs/{name}_key.pem: "), "RSA"]);
        let (server, client) = place.session(&["--step", "tls"], &["--step", "tls"]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}

#[test]
fn a_ca_with_a_key_of_its_own_kind_is_as_good() {
    let place = Place::empty();
    place.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
    for step in PROTECTED {
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert_eq!(place.names(), FILES);
    }
}

// What a server without --once does.

#[test]
fn a_server_without_once_serves_one_after_the_other_and_reports_who_did_not_acknowledge() {
    let (place, stranger) = (Place::new(), Place::of_another_ca());
    for step in PROTECTED {
        let mut server = place.serve(&["--step", step]);
        let at = format!("--step {step} --server {}", server.address);
        check_error(&stranger.run(CLIENT, &at), 1, &["CA"]);
        let is_report =
            |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.starts_with("not acknowledged");
        let report = server.program.line_with("report", PATIENCE, is_report).unwrap().text;
        assert!(fits(&report, "not acknowledged: 127.0.0.1:* alert *"), "{report}");
        check(&place.run(CLIENT, &format!("{at} --quiet")), &[MESSAGE]);
        let is_verdict = |line: &lab_process::Line| line.text.ends_with("the client has the message");
        server.program.line_with("be acknowledged", PATIENCE, is_verdict).unwrap();
    }
}

#[test]
fn dir_may_be_given_from_the_root() {
    let (place, elsewhere) = (Place::new(), Place::empty());
    let certs = place.certs();
    let at = certs.to_str().unwrap();
    let (server, client) = elsewhere.session(&["--dir", at], &["--dir", at]);
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert!(!elsewhere.certs().exists());
}
