//! Faults on the command line: who meets which, what is refused, and a proxy that has them for any server.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use lab_process::{Outcome, Program, Stream};
use lab_test::PATIENCE;
use labnet::net::ScopedIp;
use mock_servers::{
    ServerName, ServerSettings,
    fault::{Fault, FaultRule, FaultRules, table},
    pmu, proxy, reset,
};

const SERVERS: &str = env!("CARGO_BIN_EXE_mock-servers");

const README: &str = include_str!("../../README.md");

/// The whole answer to `CMD_short:0`.
const ANSWER_LEN: usize = 181;

fn start(arguments: &str) -> (Program, SocketAddr) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut program = Program::start(SERVERS, &arguments).unwrap();
    program.line_with("be ready", PATIENCE, |line| line.text == "ready").unwrap();
    let address = program.lines().iter().find_map(|line| line.text.strip_prefix("listening ")?.split(' ').nth(2));
    let address = address.unwrap().parse().unwrap();
    (program, address)
}

fn run(arguments: &str) -> Outcome {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    Program::start(SERVERS, &arguments).unwrap().finish(PATIENCE).unwrap()
}

/// A client of part 2: what it received, and how that ended.
fn ask(address: SocketAddr) -> (Vec<u8>, io::Result<()>) {
    let mut answer = Vec::new();
    let end = TcpStream::connect_timeout(&address, PATIENCE).and_then(|mut client| {
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(b"CMD_short:0")?;
        client.read_to_end(&mut answer).map(drop)
    });
    (answer, end)
}

fn settings(faults: FaultRules, seed: u64) -> ServerSettings {
    let ip: ScopedIp = std::net::Ipv4Addr::LOCALHOST.into();
    ServerSettings { bind: vec![ip], faults, seed, ..ServerSettings::default() }
}

#[test]
fn the_table_of_the_documentation_is_that_of_the_code() {
    let (_, rest) = README.split_once("mock_servers::fault::table has it -->\n").unwrap();
    let (listed, _) = rest.split_once("<!-- end -->").unwrap();
    let table = table::markdown();
    assert!(listed == table, "the table of README.md is to be\n{table}");
}

#[test]
fn the_list_has_a_line_for_each_fault_and_starts_nothing() {
    let outcome = run("--list-faults");
    let stdout = outcome.stdout();
    assert_eq!((outcome.code(), stdout.lines().count()), (0, table::ENTRIES.len()));
    assert!(stdout.lines().all(|line| line.split('\t').count() == 3), "{stdout}");
    assert!(stdout.starts_with("slice=BYTES[,PAUSE]\tpmu ws tls\t"), "{stdout}");
}

#[test]
fn one_client_alone_is_reset_and_an_event_says_which() {
    let (mut program, address) =
        start("pmu --pmu-port 0 --seed 1 --fault slice=3 --fault-for 2=reset=40 --events text");
    for client in 1..=3 {
        let (answer, end) = ask(address);
        match client {
            2 => assert!(answer.len() == 40 && end.is_err(), "{answer:?}"),
            _ => assert!(answer.len() == ANSWER_LEN && end.is_ok(), "{client}: {end:?}"),
        }
    }
    let met = |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.contains(" is client 2 ");
    let line = program.line_with("say who meets what", PATIENCE, met).unwrap().text;
    assert!(line.starts_with("pmu 127.0.0.1:") && line.ends_with(" is client 2 and meets slice=3, reset=40"), "{line}");
}

#[test]
fn a_refused_client_finds_nobody_and_one_that_is_refused_alone_a_reset() {
    let (_program, address) = start("pmu --pmu-port 0 --seed 1 --fault refuse");
    let error = TcpStream::connect_timeout(&address, PATIENCE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let (_program, address) = start("pmu --pmu-port 0 --seed 1 --fault-for 1=refuse");
    let (answer, end) = ask(address);
    assert!(answer.is_empty() && end.is_err(), "{answer:?}");
    assert_eq!(ask(address).0.len(), ANSWER_LEN);
}

#[test]
fn the_same_seed_gives_the_same_clients_their_faults() {
    let rules = || ["truncate=40@0.5"].iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect::<FaultRules>();
    let schedule = |seed| {
        let config = pmu::Config { port: 0, ..pmu::Config::default() };
        let server = pmu::spawn(&config, &settings(rules(), seed)).unwrap();
        (0..16).map(|_| ask(server.address()).0.len()).collect::<Vec<_>>()
    };
    let first = schedule(1);
    assert!(first.contains(&40) && first.contains(&ANSWER_LEN), "{first:?}");
    assert_eq!(first, schedule(1));
    assert_ne!(first, schedule(2));
}

#[test]
fn what_cannot_be_is_refused_before_anything_listens() {
    let check = |arguments: &str, words: &str| {
        let outcome = run(arguments);
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{arguments}: {stderr}");
        assert!(stderr.contains(words), "{arguments}: {stderr}");
    };
    check("pmu --fault sliced", "no fault is called 'sliced': see --list-faults");
    check("pmu --fault slice", "'slice' needs a value: slice=BYTES[,PAUSE]");
    check("pmu --fault slice=x", "'x' is no value for slice=BYTES[,PAUSE]: expected a whole number");
    check("pmu --fault refuse@1.5", "expected a probability from 0 to 1");
    check("pmu --fault-for reset=40", "a client's number from 1 and a fault");
    check("pmu --fault garbage", "the fault 'garbage' is of reset, and none of these is started here");
    check("reset --fault icmp@0.5", "the fault 'icmp' closes the port for all clients");
    check("proxy", "proxy needs the server behind it: --to HOST:PORT");
    check("pmu --to localhost:1", "--to is of the server proxy");
    check("proxy --to localhost", "expected HOST:PORT");
    check("tls --tls-port 0 --cert no.pem --key no.pem --fault expired", "leave --cert and --key out");
}

#[test]
fn a_proxy_gives_a_server_over_tcp_the_faults() {
    let server = pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &settings(FaultRules::default(), 1));
    let server = server.unwrap();
    let to = format!("127.0.0.1:{}", server.address().port());
    let (mut program, address) = start(&format!("proxy --proxy-port 0 --seed 1 --to {to} --fault-for 2=truncate=40"));
    assert_eq!(ask(address).0.len(), ANSWER_LEN);
    let (answer, end) = ask(address);
    assert!(answer.len() == 40 && end.is_ok(), "{answer:?} {end:?}");
    let relayed = |line: &lab_process::Line| line.text.ends_with(&format!(" had {ANSWER_LEN} bytes from {to}"));
    program.line_with("say what passed", PATIENCE, relayed).unwrap();
    drop(server);
    let (answer, end) = ask(address);
    assert!(answer.is_empty() && end.is_err(), "{answer:?}");
    let told = |line: &lab_process::Line| line.text.contains(" has no server: cannot connect to ");
    program.line_with("say that nobody answers", PATIENCE, told).unwrap();
}

#[test]
fn a_proxy_ends_a_stalled_connection_with_its_client_and_resets_where_it_should() {
    let server = pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &settings(FaultRules::default(), 1));
    let server = server.unwrap();
    for (fault, is_reset) in [("stall=40", false), ("reset=40", true)] {
        let rules: FaultRules = [fault.parse::<FaultRule>().unwrap()].into_iter().collect();
        let to = server.address().to_string().parse().unwrap();
        let proxy = proxy::spawn(&proxy::Config { port: 0, to }, &settings(rules, 1)).unwrap();
        let mut client = TcpStream::connect_timeout(&proxy.address(), PATIENCE).unwrap();
        client.write_all(b"CMD_short:0").unwrap();
        let mut answer = [0; 40];
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.read_exact(&mut answer).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let error = client.read(&mut answer).unwrap_err();
        assert_eq!(error.kind() == io::ErrorKind::ConnectionReset, is_reset, "{fault}: {error}");
    }
}

#[test]
fn a_proxy_gives_a_server_over_udp_the_faults() {
    let config = reset::Config { port: 0, loss: 0.0, schedule: "ipv4".parse().unwrap(), ..reset::Config::default() };
    let server = reset::spawn(&config, &settings(FaultRules::default(), 1)).unwrap();
    let rules = [FaultRule::from(Fault::OutOfRange), FaultRule::from(Fault::Late(Duration::from_millis(50)))];
    let to = server.address().to_string().parse().unwrap();
    let proxy = proxy::spawn_udp(&proxy::Config { port: 0, to }, &settings(rules.into_iter().collect(), 1)).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(b"RESET:20").unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut buffer = [0; 100];
        let n = client.recv(&mut buffer).unwrap();
        seen.push(String::from_utf8(buffer[..n].to_vec()).unwrap());
    }
    assert_eq!(seen[0], "OFFSET=18446744073709551615");
    assert!(seen[1].strip_prefix("OFFSET=").is_some_and(|number| number.parse::<u64>().unwrap() <= 20), "{seen:?}");
}

#[test]
fn a_closed_port_is_told_by_icmp_and_opens_again() {
    let rules = Fault::Icmp(Duration::from_millis(600)).into();
    let config = reset::Config { port: 0, loss: 0.0, schedule: "ipv4".parse().unwrap(), ..reset::Config::default() };
    let server = reset::spawn(&config, &settings(rules, 1)).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut kinds = Vec::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        // The error of the last datagram may be told at the next.
        let received = client.send(b"RESET:20").and_then(|_| client.recv(&mut [0; 100]));
        match received {
            Ok(_) if kinds.contains(&io::ErrorKind::ConnectionRefused) => return,
            Ok(_) => {}
            Err(error) => kinds.push(error.kind()),
        }
    }
    panic!("refused and answered: {kinds:?}");
}

#[test]
fn faults_are_of_the_servers_that_have_them() {
    let is_of = |fault: &str, server| fault.parse::<FaultRule>().unwrap().is_of(server);
    assert!(is_of("loss", ServerName::Multicast) && is_of("loss", ServerName::Proxy));
    assert!(
        !is_of("icmp", ServerName::Proxy) && !is_of("rsv", ServerName::Proxy) && is_of("stall=1", ServerName::Proxy)
    );
}
