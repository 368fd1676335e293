//! The PMU of part 3 as its clients meet it: what it answers, what it loses, and when a port of it is closed.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    process::Command,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use lab_process::Program;
use lab_test::{PATIENCE, uninterrupted};
use labnet::net::Family;
use mock_servers::fault::Fault;
use mock_servers::{
    Events, Running, ServerSettings,
    reset::{self, Config, OtherFamily, Schedule},
};

/// Answers everything over IPv4, on a free port, unless a test says otherwise.
fn config() -> Config {
    Config { port: 0, loss: 0.0, schedule: Schedule::Always(Family::Ipv4), ..Config::default() }
}

fn spawn(config: &Config) -> Running {
    reset::spawn(config, &ServerSettings::default()).unwrap()
}

/// A server, and what it reports.
fn spawn_heard(config: &Config, seed: u64) -> (Running, Receiver<String>) {
    let (sender, events) = mpsc::channel();
    let site = ServerSettings {
        seed,
        events: Events::new(move |event| drop(sender.send(event.to_string()))),
        ..ServerSettings::default()
    };
    (reset::spawn(config, &site).unwrap(), events)
}

fn next(events: &Receiver<String>) -> String {
    events.recv_timeout(PATIENCE).expect("an event within the deadline")
}

/// A client that is connected to the server, as part 3 is: it hears of a closed port.
struct Client(UdpSocket);

impl Client {
    fn of(server: SocketAddr) -> Self {
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(server).unwrap();
        Self(socket)
    }

    fn send(&self, request: &[u8]) {
        // A refusal of the previous one may surface here: then this one was not sent.
        self.0.send(request).or_else(|_| self.0.send(request)).unwrap();
    }

    fn receive(&self, patience: Duration) -> io::Result<String> {
        let mut buffer = [0; 100];
        self.0.set_read_timeout(Some(patience)).unwrap();
        uninterrupted(|| self.0.recv(&mut buffer)).map(|n| String::from_utf8(buffer[..n].to_vec()).unwrap())
    }

    /// The answer to a request that cannot be lost.
    fn ask(&self, request: &[u8]) -> String {
        self.send(request);
        self.receive(PATIENCE).unwrap()
    }

    /// Asks until `is_wanted` is what happens, an answer or an error.
    fn ask_until(&self, is_wanted: impl Fn(&io::Result<String>) -> bool) {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while begun.elapsed() < PATIENCE {
            let sent = self.0.send(b"RESET:20").map(drop);
            let answer = sent.and_then(|()| self.receive(Duration::from_millis(50)));
            if is_wanted(&answer) {
                return;
            }
            seen.push(answer);
        }
        panic!("not within the deadline, but {:?}", seen.last());
    }
}

fn is_refusal(answer: &io::Result<String>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The same port in the other family.
fn other_family(address: SocketAddr) -> SocketAddr {
    let ip = if address.is_ipv4() { "::1" } else { "127.0.0.1" };
    SocketAddr::new(ip.parse().unwrap(), address.port())
}

fn offset(answer: &str, separator: &str) -> u64 {
    answer.strip_prefix("OFFSET").and_then(|rest| rest.strip_prefix(separator)).unwrap().parse().unwrap()
}

/// What a server with this seed makes of a hundred requests over a family: `lost`, or its answer.
fn check(family: Family, seed: u64, loss: f64) -> Vec<String> {
    let (server, events) = spawn_heard(&Config { loss, schedule: Schedule::Always(family), ..config() }, seed);
    let client = Client::of(server.address());
    let name = client.0.local_addr().unwrap().port();
    let mut outcomes = Vec::new();
    for _ in 0..100 {
        client.send(b"RESET:20");
        let event = next(&events);
        let (head, outcome) = event.rsplit_once(": ").unwrap();
        assert!(head.starts_with("reset ") && head.ends_with(&format!(":{name} RESET:20")), "{event}");
        // An answer has left when its event comes, and nothing else has.
        if outcome != "lost" {
            assert_eq!(client.receive(PATIENCE).unwrap(), outcome);
        }
        outcomes.push(outcome.to_owned());
    }
    client.0.set_nonblocking(true).unwrap();
    assert_eq!(uninterrupted(|| client.0.recv(&mut [0; 1])).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    outcomes
}

#[test]
fn the_seed_fixes_what_is_lost_and_what_is_answered() {
    for family in [Family::Ipv4, Family::Ipv6] {
        let outcomes = check(family, 1, 0.5);
        assert_eq!(outcomes, check(family, 1, 0.5));
        assert_ne!(outcomes, check(family, 2, 0.5));
    }
    assert_ne!(check(Family::Ipv4, 1, 0.5), check(Family::Ipv6, 1, 0.5), "the families have dice of their own");
}

#[test]
fn without_loss_every_packet_is_answered_and_with_a_loss_of_one_none() {
    let lost = |loss| check(Family::Ipv4, 1, loss).iter().filter(|outcome| *outcome == "lost").count();
    assert_eq!((lost(0.0), lost(1.0)), (0, 100));
    assert!((20..80).contains(&lost(0.5)));
}

#[test]
fn the_first_packets_are_lost_for_certain_and_an_answer_has_its_copies() {
    let settings = ServerSettings { faults: Fault::Duplicate(1).into(), ..ServerSettings::default() };
    let server = mock_servers::reset::spawn(&Config { lose_first: (2, 0), ..config() }, &settings).unwrap();
    let client = Client::of(server.address());
    for _ in 0..3 {
        client.send(b"RESET:20");
    }
    let answer = client.receive(PATIENCE).unwrap();
    assert_eq!(client.receive(PATIENCE).unwrap(), answer, "the copy");
    let more = client.receive(Duration::from_millis(200)).unwrap_err();
    assert!(matches!(more.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{more}");
}

#[test]
fn the_offset_is_at_most_what_the_request_allows() {
    let server = spawn(&config());
    let client = Client::of(server.address());
    for n in [0, 1, 20, u64::MAX] {
        for _ in 0..20 {
            assert!(offset(&client.ask(format!("RESET:{n}").as_bytes()), "=") <= n);
        }
    }
}

#[test]
fn the_separator_is_the_one_of_the_configuration() {
    let server = spawn(&Config { separator: ':', ..config() });
    assert!(offset(&Client::of(server.address()).ask(b"RESET:20"), ":") <= 20);
}

#[test]
fn anything_but_a_request_is_a_wrong_command_with_the_same_loss() {
    let (server, events) = spawn_heard(&config(), 1);
    let client = Client::of(server.address());
    for wrong in [b"reset:20".as_slice(), b"RESET:", b"RESET:-1", b"RESET:20\n", b"\xff\0", b""] {
        assert_eq!(client.ask(wrong), "Wrong command.");
        assert!(next(&events).ends_with(": Wrong command."));
    }
    // Of any length: these begin as requests do.
    for len in [512, 1024, 4096] {
        assert_eq!(client.ask(format!("RESET:{}x", "0".repeat(len)).as_bytes()), "Wrong command.", "{len}");
    }
    assert!(offset(&client.ask(b"RESET:20"), "=") <= 20);

    let (server, events) = spawn_heard(&Config { loss: 1.0, ..config() }, 1);
    Client::of(server.address()).send(b"reset:20");
    assert!(next(&events).ends_with("reset:20: lost"));
}

#[test]
fn both_families_have_the_same_port_and_answer() {
    for schedule in [Schedule::Both, Schedule::Alternate(PATIENCE)] {
        let server = spawn(&Config { schedule, ..config() });
        let [ipv4, ipv6] = server.addresses() else { panic!("{:?}", server.addresses()) };
        assert_eq!((ipv4.to_string(), *ipv6), (format!("127.0.0.1:{}", ipv4.port()), other_family(*ipv4)));
        assert_ne!(ipv4.port(), 0);
    }
    let server = spawn(&Config { schedule: Schedule::Both, ..config() });
    for &address in server.addresses() {
        offset(&Client::of(address).ask(b"RESET:20"), "=");
    }
}

#[test]
fn the_family_that_never_answers_is_closed_or_silent() {
    for family in [Family::Ipv4, Family::Ipv6] {
        let schedule = Schedule::Always(family);
        let closed = spawn(&Config { schedule, ..config() });
        assert_eq!(closed.addresses(), [closed.address()]);
        Client::of(other_family(closed.address())).ask_until(is_refusal);
        offset(&Client::of(closed.address()).ask(b"RESET:20"), "=");

        let silent = spawn(&Config { schedule, other_family: OtherFamily::Silent, ..config() });
        assert_eq!(silent.addresses(), [silent.address()]);
        let client = Client::of(other_family(silent.address()));
        client.send(b"RESET:20");
        let nothing = client.receive(Duration::from_millis(200)).unwrap_err();
        assert!(matches!(nothing.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{nothing}");
        offset(&Client::of(silent.address()).ask(b"RESET:20"), "=");
    }
}

#[test]
fn ipv4_is_first_to_answer_and_ipv6_is_closed_until_its_turn() {
    let server = spawn(&Config { schedule: Schedule::Alternate(Duration::from_secs(3600)), ..config() });
    let [ipv4, ipv6] = server.addresses() else { panic!("{:?}", server.addresses()) };
    Client::of(*ipv6).ask_until(is_refusal);
    offset(&Client::of(*ipv4).ask(b"RESET:20"), "=");
    Client::of(*ipv6).ask_until(is_refusal);
}

#[test]
fn each_family_in_turn_answers_and_is_closed() {
    let schedule = Schedule::Alternate(Duration::from_millis(200));
    let (server, events) = spawn_heard(&Config { schedule, ..config() }, 1);
    for _ in 0..2 {
        for &address in server.addresses() {
            let client = Client::of(address);
            client.ask_until(Result::is_ok);
            client.ask_until(is_refusal);
        }
    }
    // Each change was an event, and no family had the same turn twice.
    let events: Vec<String> = events.try_iter().filter(|event| event.ends_with(" now")).collect();
    for family in ["IPv4", "IPv6"] {
        let of_family: Vec<bool> =
            events.iter().filter(|event| event.contains(family)).map(|event| !event.contains(" not ")).collect();
        assert!(of_family.len() >= 4, "{events:?}");
        assert!(of_family.windows(2).all(|turns| turns[0] != turns[1]), "{events:?}");
    }
}

#[test]
fn in_turn_a_silent_family_is_silent_and_never_refuses() {
    let schedule = Schedule::Alternate(Duration::from_millis(200));
    let server = spawn(&Config { schedule, other_family: OtherFamily::Silent, ..config() });
    for &address in server.addresses() {
        let client = Client::of(address);
        let check = |answer: &io::Result<String>| assert!(!is_refusal(answer), "{address}");
        client.ask_until(|answer| {
            check(answer);
            answer.is_ok()
        });
        client.ask_until(|answer| {
            check(answer);
            answer.is_err()
        });
    }
}

#[test]
fn a_server_that_is_dropped_closes_its_ports() {
    for other_family in [OtherFamily::Refuse, OtherFamily::Silent] {
        for schedule in [Schedule::Both, Schedule::Always(Family::Ipv4), Schedule::Alternate(PATIENCE)] {
            let server = spawn(&Config { schedule, other_family, ..config() });
            let address = server.address();
            offset(&Client::of(address).ask(b"RESET:20"), "=");
            drop(server);
            // Without a datagram that would wake it: the port is free again.
            let begun = Instant::now();
            for address in [address, self::other_family(address)] {
                while let Err(error) = UdpSocket::bind(address) {
                    assert!(begun.elapsed() < PATIENCE, "{address}: {error}");
                    thread::yield_now();
                }
            }
        }
    }
}

#[test]
fn a_taken_port_is_an_error_and_a_site_of_one_family_is_served() {
    let ipv4_only = ServerSettings { bind: vec![Ipv4Addr::LOCALHOST.into()], ..ServerSettings::default() };
    let config = Config { schedule: Schedule::Both, ..config() };
    let server = reset::spawn(&config, &ipv4_only).unwrap();
    assert_eq!(server.addresses(), [server.address()]);
    offset(&Client::of(server.address()).ask(b"RESET:20"), "=");

    let error = reset::spawn(&Config { port: server.address().port(), ..config }, &ipv4_only).unwrap_err();
    assert!(error.to_string().contains(&server.address().to_string()), "{error}");
}

fn program(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-servers"));
    command.args(arguments);
    Program::spawn(command).unwrap()
}

#[test]
fn the_program_tells_where_it_listens_then_what_happens() {
    let mut program =
        program(&["reset", "--reset-port=0", "--loss=0", "--family=both", "--ack-separator=:", "--seed=1"]);
    program.line_with("be ready", PATIENCE, |line| line.text == "ready").unwrap();
    let lines: Vec<String> = program.lines().iter().map(|line| line.text.clone()).collect();
    let [ipv4, ipv6] =
        [0, 1].map(|i| lines[i].strip_prefix("listening reset UDP ").unwrap().parse::<SocketAddr>().unwrap());
    assert_eq!((lines.len(), ipv6), (3, other_family(ipv4)));

    let client = Client::of(ipv6);
    let answer = client.ask(b"RESET:20");
    offset(&answer, ":");
    let event = format!("reset [::1]:{} RESET:20: {answer}", client.0.local_addr().unwrap().port());
    program.line_with("tell of the request", PATIENCE, |line| line.text == event).unwrap();
    program.interrupt();
    assert_eq!(program.finish(PATIENCE).unwrap().code(), 0);
}

#[test]
fn by_default_one_family_answers_at_a_time() {
    let mut program = program(&["reset", "--reset-port=0", "--loss=0", "--seed=1"]);
    let mut await_line = |text| program.line_with(text, PATIENCE, |line| line.text.contains(text)).unwrap().text;
    let address: SocketAddr = await_line("listening reset UDP 127.0.0.1:").rsplit(' ').next().unwrap().parse().unwrap();
    await_line("ready");
    // Ten seconds are enough on any machine; if they were not, its turn comes again.
    Client::of(address).ask_until(Result::is_ok);
    Client::of(other_family(address)).ask_until(is_refusal);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for wrong in [
        "--loss=1.1",
        "--loss=-0.1",
        "--loss=NaN",
        "--family=ipv5",
        "--family=alternate:0",
        "--family=alternate:",
        "--other-family=drop",
        "--ack-separator=;",
        "--reset-port=65536",
    ] {
        let outcome = program(&["reset", wrong]).finish(PATIENCE).unwrap();
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{wrong}: {stderr}");
        let (option, _) = wrong.split_once('=').unwrap();
        assert!(stderr.starts_with("error: ") && stderr.contains(option), "{wrong}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_address_is_served_not_only_the_first_of_its_family() {
    let mut bind = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))];
    if UdpSocket::bind("[::1]:0").is_ok() {
        bind.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
    }
    let settings = ServerSettings { bind: bind.iter().copied().map(Into::into).collect(), ..ServerSettings::default() };
    let pmu = reset::spawn(&Config { schedule: Schedule::Both, ..config() }, &settings).unwrap();
    let served: Vec<IpAddr> = pmu.addresses().iter().map(SocketAddr::ip).collect();
    assert_eq!(served, bind);
    for &address in pmu.addresses() {
        assert!(Client::of(address).ask(b"RESET:20").starts_with("OFFSET="), "{address}");
    }
}
