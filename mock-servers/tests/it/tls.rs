//! The PMU of part 6 behind TLS: the certificate that it makes for itself, and the dialogue of part 2 (handout, section 6).

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use lab_process::{Outcome, Program, Stream};
use lab_test::{PATIENCE, uninterrupted};
use labnet::{
    net::{ClientLimits, Deadline, Server},
    pmu::{Device, FLOOD_LEN, FloodText},
    tls::{Client, ClientOptions, Roots},
};
use mock_servers::{
    Events, Running, ServerSettings,
    tls::{self, CertificateSource},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

const TEN: &str = "This is PMU data 1This is PMU data 2This is PMU data 3This is PMU data 4This is PMU data 5\
                   This is PMU data 6This is PMU data 7This is PMU data 8This is PMU data 9This is PMU data 10";

/// A folder with a CA and a certificate for localhost, of the kind that is quickly made.
fn certs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
    issue(&directory, 365, false);
    folder
}

fn issue(directory: &CaDirectory, days: u32, force: bool) {
    directory
        .issue("localhost", KeyKind::P256, None, &CertificateOptions { days, force, ..CertificateOptions::default() })
        .unwrap();
}

fn made(folder: &Path) -> CertificateSource {
    CertificateSource::Made(folder.to_owned())
}

fn files(folder: &Path) -> CertificateSource {
    let directory = CaDirectory::new(folder);
    CertificateSource::Files { certificate: directory.certificate("localhost"), key: directory.key("localhost") }
}

fn config(identity: CertificateSource, device: Device) -> tls::Config {
    tls::Config { port: 0, device, certificate: identity }
}

/// The handout's PMU, on a free port.
fn serve(identity: CertificateSource) -> Running {
    tls::spawn(&config(identity, Device::default()), &ServerSettings::default()).unwrap()
}

/// A PMU with other limits, and what it reports.
fn serve_within(limits: ClientLimits, folder: &Path) -> (Running, Receiver<String>) {
    let (sender, events) = mpsc::channel();
    let report = Events::new(move |event| drop(sender.send(event.to_string())));
    let site = ServerSettings { limits, events: report, ..ServerSettings::default() };
    (tls::spawn(&config(files(folder), Device::default()), &site).unwrap(), events)
}

/// A client that trusts the CA in the folder and expects the certificate to be for the address.
fn connect(address: SocketAddr, folder: &Path) -> Client {
    let options = ClientOptions {
        connect: Deadline::after(PATIENCE),
        silence: Some(PATIENCE),
        ..ClientOptions::trusting(Roots::load(&CaDirectory::new(folder).ca_certificate()).unwrap())
    };
    let server = Server::new(address.ip().to_string(), address.port());
    Client::connect(&server, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// All that comes, to close_notify.
fn rest(client: &mut Client) -> String {
    let (mut answer, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        let bytes = client.recv(&mut buffer).unwrap();
        if bytes.is_empty() {
            client.check_end().unwrap();
            return String::from_utf8(answer).unwrap();
        }
        answer.extend_from_slice(bytes);
    }
}

fn ask(address: SocketAddr, folder: &Path, command: &str) -> String {
    let mut client = connect(address, folder);
    client.send(command.as_bytes()).unwrap();
    rest(&mut client)
}

/// What a PMU answers to a command.
fn check(device: Device, command: &str, expected: &str) {
    let folder = certs();
    let pmu = tls::spawn(&config(files(folder.path()), device), &ServerSettings::default()).unwrap();
    assert_eq!(ask(pmu.address(), folder.path(), command), expected, "{command}");
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

// The certificate.

#[test]
fn a_certificate_for_this_machine_is_made_at_first_use_and_kept() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("certs");
    let pmu = serve(made(&folder));
    for address in pmu.addresses() {
        assert_eq!(ask(*address, &folder, "CMD_short:0"), TEN, "{address}");
    }
    let before = contents(&folder);
    let again = serve(made(&folder));
    assert_eq!(ask(again.address(), &folder, "CMD_short:0"), TEN);
    assert!(contents(&folder) == before);
}

#[test]
fn a_certificate_that_is_old_or_spoilt_or_of_an_earlier_ca_is_renewed() {
    let folder = certs();
    let directory = CaDirectory::new(folder.path());
    let certificate = directory.certificate("localhost");
    let spoilt: [&dyn Fn(); 4] = [
        &|| issue(&directory, 6, true),
        &|| fs::write(&certificate, "no certificate").unwrap(),
        &|| fs::remove_file(directory.key("localhost")).unwrap(),
        &|| drop(directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, true).unwrap()),
    ];
    for (case, spoil) in spoilt.iter().enumerate() {
        spoil();
        let before = fs::read(&certificate).unwrap();
        let pmu = serve(made(folder.path()));
        assert!(fs::read(&certificate).unwrap() != before, "case {case}");
        assert_eq!(ask(pmu.address(), folder.path(), "CMD_short:0"), TEN, "case {case}");
    }
}

#[test]
fn files_are_served_as_they_are_or_refused_by_name() {
    let (folder, other) = (certs(), certs());
    let directory = CaDirectory::new(folder.path());
    issue(&directory, 1, true);
    let before = contents(folder.path());
    assert_eq!(ask(serve(files(folder.path())).address(), folder.path(), "CMD_short:0"), TEN);
    assert!(contents(folder.path()) == before);

    let (certificate, key) = (directory.certificate("localhost"), directory.key("localhost"));
    let missing = folder.path().join("missing.pem");
    for (certificate, key, words) in [
        (certificate.clone(), CaDirectory::new(other.path()).key("localhost"), "match"),
        (missing.clone(), key.clone(), "missing.pem"),
        (certificate.clone(), missing, "missing.pem"),
        (key, certificate, "localhost_key.pem"),
    ] {
        let error = tls::spawn(
            &config(CertificateSource::Files { certificate, key }, Device::default()),
            &ServerSettings::default(),
        );
        let error = error.expect_err(words).to_string();
        assert!(error.contains(words), "no '{words}' in {error}");
    }
}

// The dialogue.

#[test]
fn it_answers_as_the_pmu_of_part_2() {
    check(Device::default(), "CMD_short:0", TEN);
    check(Device::default(), "CMD_short:0.01\r\n", TEN);
    check(Device::default(), "CMD_floodme", &String::from_utf8(FloodText::Ascii.text(FLOOD_LEN)).unwrap());
    let device = Device { first: 0, messages: 3, separator: "\n".to_owned(), ..Device::default() };
    check(device, "CMD_short:0", "This is PMU data 0\nThis is PMU data 1\nThis is PMU data 2\n");
    for unknown in ["HELLO", "CMD_short:x", "cmd_short:0"] {
        check(Device::default(), unknown, "");
    }
}

#[test]
fn a_command_may_come_in_records_of_its_own_for_each_piece() {
    let folder = certs();
    let pmu = serve(files(folder.path()));
    let mut client = connect(pmu.address(), folder.path());
    for piece in ["CMD_", "short", ":", "0"] {
        client.send(piece.as_bytes()).unwrap();
    }
    assert_eq!(rest(&mut client), TEN);
}

#[test]
fn each_connection_is_an_event_with_what_was_agreed_and_asked() {
    let folder = certs();
    let (pmu, events) = serve_within(ClientLimits::default(), folder.path());
    assert_eq!(ask(pmu.address(), folder.path(), "CMD_short:0"), TEN);
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.starts_with("tls 127.0.0.1:"), "{event}");
    assert!(event.contains(" TLSv1.3 TLS_AES_256_GCM_SHA384 CMD_short:0"), "{event}");
    let mut plain = TcpStream::connect_timeout(&pmu.address(), PATIENCE).unwrap();
    plain.write_all(b"CMD_short:0").unwrap();
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.contains(&plain.local_addr().unwrap().to_string()) && event.contains("TLS"), "{event}");
}

#[test]
fn a_client_that_is_silent_too_long_is_given_up_before_and_after_the_handshake() {
    let folder = certs();
    let limits = ClientLimits { silence: Duration::from_secs(2), ..ClientLimits::default() };
    let (pmu, events) = serve_within(limits, folder.path());
    let mut silent = TcpStream::connect_timeout(&pmu.address(), PATIENCE).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(uninterrupted(|| silent.read(&mut [0])).unwrap(), 0);
    assert!(events.recv_timeout(PATIENCE).unwrap().contains(&silent.local_addr().unwrap().to_string()));
    assert_eq!(rest(&mut connect(pmu.address(), folder.path())), "");
    assert!(events.recv_timeout(PATIENCE).unwrap().contains("too slow"));
}

#[test]
fn a_client_that_takes_a_little_of_a_flood_now_and_then_is_given_up_after_one_limit_of_time() {
    let folder = certs();
    let (sender, events) = mpsc::channel();
    let settings = ServerSettings {
        limits: ClientLimits { stall: Duration::from_secs(1), ..ClientLimits::default() },
        events: Events::new(move |event| drop(sender.send(event.to_string()))),
        ..ServerSettings::default()
    };
    let flood = Device { flood: vec![b'x'; 64 << 20].into(), ..Device::default() };
    let pmu = tls::spawn(&config(files(folder.path()), flood), &settings).unwrap();
    let mut client = connect(pmu.address(), folder.path());
    client.send(b"CMD_floodme").unwrap();
    let begun = Instant::now();
    let event = loop {
        // One record of 4,000.
        client.recv(&mut [0; 16_384]).unwrap();
        if let Ok(event) = events.recv_timeout(Duration::from_millis(50)) {
            break event;
        }
        assert!(begun.elapsed() < PATIENCE, "it is never given up");
    };
    assert!(event.ends_with("CMD_floodme: gone: it did not take what it was sent within 1 s"), "{event}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn both_families_have_the_same_port() {
    let folder = certs();
    let pmu = serve(files(folder.path()));
    assert!(pmu.addresses().iter().all(|address| address.port() == pmu.address().port() && address.ip().is_loopback()));
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(pmu.addresses().len(), if has_ipv6 { 2 } else { 1 });
}

// The program.

fn start(folder: &Path, arguments: &str) -> Program {
    let mut servers = Command::new(env!("CARGO_BIN_EXE_mock-servers"));
    servers.arg("tls").args(arguments.split_whitespace()).current_dir(folder);
    Program::spawn(servers).unwrap()
}

/// Waits until a program is ready: the first address at which it listens.
fn ready(program: &mut Program) -> SocketAddr {
    let mut next = || {
        let line = program.line_with("say more", PATIENCE, |line| line.stream == Stream::Stdout);
        line.unwrap_or_else(|failure| panic!("{failure}")).text
    };
    let first = next();
    while next() != "ready" {}
    first.strip_prefix("listening tls TCP ").unwrap_or_else(|| panic!("{first}")).parse().unwrap()
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn programs_that_start_at_once_in_one_folder_share_what_the_first_makes() {
    let folder = tempfile::tempdir().unwrap();
    let mut programs: Vec<_> = (0..4).map(|_| start(folder.path(), "--tls-port 0 --seed 1")).collect();
    let addresses: Vec<_> = programs.iter_mut().map(ready).collect();
    for address in addresses {
        assert_eq!(ask(address, &folder.path().join("certs"), "CMD_short:0"), TEN);
    }
    for mut program in programs {
        let event = program.line_with("report", PATIENCE, |line| line.text.contains("CMD_short:0")).unwrap();
        assert!(event.stream == Stream::Stdout && event.text.starts_with("tls "), "{}", event.text);
        program.interrupt();
        assert_eq!(finish(program).code(), 0);
    }
}

#[test]
fn cert_and_key_name_files_and_go_together() {
    let folder = certs();
    let mut program = start(folder.path(), "--tls-port 0 --cert localhost_cert.pem --key localhost_key.pem --first 0");
    let address = ready(&mut program);
    assert!(ask(address, folder.path(), "CMD_short:0").starts_with("This is PMU data 0This is"));
    assert!(!folder.path().join("certs").exists());
    for (arguments, code, words) in [
        ("--cert localhost_cert.pem", 2, "--key"),
        ("--key localhost_key.pem", 2, "--cert"),
        ("--tls-port 0 --cert missing.pem --key localhost_key.pem", 1, "missing.pem"),
        ("--tls-port 0 --cert localhost_cert.pem --key cakey.pem", 1, "match"),
    ] {
        let outcome = finish(start(folder.path(), arguments));
        assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{arguments}: {}", outcome.stderr());
        assert!(outcome.stderr().contains(words), "{arguments}: no '{words}' in {}", outcome.stderr());
    }
}
