//! The program `mock-servers`: what it says where, how it ends, and that it ends for no other reason.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use lab_process::{Line, Outcome, Program, Stream};
use lab_test::{PATIENCE, uninterrupted};
use socket2::{Domain, Protocol, Socket, Type};

const SERVERS: &str = env!("CARGO_BIN_EXE_mock-servers");

/// Servers that are ready.
struct Servers {
    program: Program,
    /// What they said before that.
    listening: Vec<String>,
}

impl Servers {
    fn start(arguments: &[&str]) -> Self {
        let mut program = Program::start(SERVERS, arguments).unwrap();
        program.line_with("be ready", PATIENCE, |line| line.text == "ready").unwrap();
        let stdout = program.lines().iter().filter(|line| line.stream == Stream::Stdout);
        let listening = stdout.map(|line| line.text.clone()).take_while(|line| line != "ready").collect();
        Self { program, listening }
    }

    /// The first address of a server, by `NAME PROTOCOL`.
    fn address(&self, name: &str) -> SocketAddr {
        let prefix = format!("listening {name} ");
        let address = self.listening.iter().find_map(|line| line.strip_prefix(&prefix));
        address.unwrap_or_else(|| panic!("no {name} in {:?}", self.listening)).parse().unwrap()
    }

    fn event(&mut self, begin: &str) -> String {
        let is_wanted = |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.starts_with(begin);
        self.program.line_with(&format!("report '{begin}'"), PATIENCE, is_wanted).unwrap().text
    }
}

fn run(arguments: &[&str]) -> Outcome {
    Program::start(SERVERS, arguments).unwrap().finish(PATIENCE).unwrap()
}

/// A command line that ends with `code`, an empty stdout, and one error that contains each of `words`.
fn check_refused(arguments: &[&str], code: i32, words: &[&str]) {
    let outcome = run(arguments);
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (code, ""), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?}: {word:?} is missing in: {stderr}");
    }
}

/// A client of part 3.
fn connected(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A client of part 2: its own address, and the whole answer.
fn ask(pmu: SocketAddr, command: &str) -> (SocketAddr, String) {
    let mut client = TcpStream::connect_timeout(&pmu, PATIENCE).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(command.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    (client.local_addr().unwrap(), answer)
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn each_server_says_where_it_listens_and_then_all_are_ready() {
    let ports = ["--pmu-port", "0", "--reset-port", "0", "--multicast-port", "0", "--ws-port", "0", "--seed", "1"];
    let servers = Servers::start(&[&["pmu", "reset", "multicast", "ws"], &ports[..]].concat());
    let port = |name| servers.address(name).port();
    let mut expected = vec![
        format!("listening pmu TCP 127.0.0.1:{}", port("pmu TCP")),
        format!("listening reset UDP 127.0.0.1:{}", port("reset UDP")),
        format!("listening reset UDP [::1]:{}", port("reset UDP")),
        format!("listening multicast UDP 224.1.1.1:{}", port("multicast UDP")),
        format!("listening ws TCP 127.0.0.1:{}", port("ws TCP")),
        format!("listening ws TCP [::1]:{}", port("ws TCP")),
    ];
    expected.retain(|line| has_ipv6() || !line.contains("::1"));
    assert_eq!(servers.listening, expected);
    assert!(!expected.iter().any(|line| line.ends_with(":0")), "{expected:?}");
    TcpStream::connect_timeout(&servers.address("pmu TCP"), PATIENCE).unwrap();
}

#[test]
fn only_the_servers_that_are_named_run_where_bind_says() {
    let servers = Servers::start(&["ws", "--ws-port", "0", "--bind", "127.0.0.1"]);
    assert_eq!(servers.listening, [format!("listening ws TCP {}", servers.address("ws TCP"))]);
}

#[test]
fn each_client_is_a_line_on_stdout_with_its_server_and_address() {
    let mut servers = Servers::start(&["pmu", "--pmu-port", "0", "--messages", "1"]);
    let (client, answer) = ask(servers.address("pmu TCP"), "CMD_short:0");
    assert_eq!(answer, "This is PMU data 1");
    let event = servers.event(&format!("pmu {client} "));
    assert!(event.contains("CMD_short:0"), "{event}");
}

#[test]
fn the_options_of_the_pmu_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let flood = folder.path().join("flood.txt");
    std::fs::write(&flood, "a flood of one's own").unwrap();
    let options = ["--messages", "2", "--first", "0", "--separator", r"\n", "--flood-file", flood.to_str().unwrap()];
    let servers = Servers::start(&[&["pmu", "--pmu-port", "0"], &options[..]].concat());
    for (command, expected) in
        [("CMD_short:0", "This is PMU data 0\nThis is PMU data 1\n"), ("CMD_floodme", "a flood of one's own")]
    {
        assert_eq!(ask(servers.address("pmu TCP"), command).1, expected);
    }
}

#[test]
fn the_flood_is_ascii_unless_told_otherwise_and_its_last_line_says_so() {
    for (options, len, is_ascii) in [
        (&[][..], 65_536, true),
        (&["--flood-size", "1001"], 1001, true),
        (&["--flood", "utf-8"], 65_536, false),
        (&["--flood", "utf-8", "--flood-size", "1001"], 1001, false),
    ] {
        let servers = Servers::start(&[&["pmu", "--pmu-port", "0"], options].concat());
        let flood = ask(servers.address("pmu TCP"), "CMD_floodme").1;
        assert_eq!((flood.len(), flood.is_ascii()), (len, is_ascii), "{options:?}");
        assert!(flood.lines().last().unwrap().contains("is the last"), "{options:?}");
    }
}

#[test]
fn the_options_of_the_programme_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let play = folder.path().join("play.txt");
    std::fs::write(&play, "Act I\r\n\r\nexeunt\n").unwrap();
    let options = ["--group", "239.255.7.7", "--play", play.to_str().unwrap(), "--interval", "0.02"];
    let servers = Servers::start(&[&["multicast", "--multicast-port", "0"], &options[..]].concat());

    let SocketAddr::V4(group) = servers.address("multicast UDP") else { panic!("the group is IPv4") };
    let member = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    // The broadcaster listens at the same address.
    member.set_reuse_address(true).unwrap();
    #[cfg(all(unix, not(target_os = "linux")))]
    member.set_reuse_port(true).unwrap();
    member.bind(&group.into()).unwrap();
    member.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST).unwrap();
    member.set_read_timeout(Some(PATIENCE)).unwrap();
    let member: UdpSocket = member.into();
    let hear = || {
        let mut buffer = [0; 2000];
        let len = uninterrupted(|| member.recv(&mut buffer)).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    assert!((0..4).any(|_| hear() == "swcmTVRWND..."), "the end of the play");
    assert_eq!([hear(), hear(), hear(), hear()], ["swcmTVAct I", "swcmTV", "swcmTVexeunt", "swcmTVRWND..."]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_are_its_normal_end_at_once_whoever_is_connected() {
    for end in [Program::interrupt, Program::terminate] {
        let mut servers = Servers::start(&["pmu", "ws", "--pmu-port", "0", "--ws-port", "0", "--seed", "1"]);
        let mut waiting = TcpStream::connect_timeout(&servers.address("pmu TCP"), PATIENCE).unwrap();
        waiting.set_read_timeout(Some(PATIENCE)).unwrap();
        waiting.write_all(b"CMD_short:3600").unwrap();
        waiting.read_exact(&mut [0; 18]).unwrap();
        let _silent = TcpStream::connect_timeout(&servers.address("ws TCP"), PATIENCE).unwrap();
        end(&mut servers.program);
        let outcome = servers.program.finish(PATIENCE).unwrap();
        assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    }
}

#[test]
fn help_shows_examples_and_version_the_name() {
    for (option, expected) in [("--help", "--multicast-port 0"), ("--version", "mock-servers")] {
        let outcome = run(&[option]);
        assert!(outcome.code() == 0 && outcome.stdout().contains(expected), "{}", outcome.stdout());
        assert_eq!(outcome.stderr(), "");
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_no_server_starts() {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (option, server, protocol, address) in [
        ("--pmu-port", "pmu", "TCP", tcp.local_addr().unwrap()),
        ("--ws-port", "ws", "TCP", tcp.local_addr().unwrap()),
        ("--reset-port", "reset", "UDP", udp.local_addr().unwrap()),
    ] {
        let error = format!("error: cannot listen on {protocol} port {address}: Address already in use\nhint: ");
        check_refused(&[server, option, &address.port().to_string()], 1, &[&error]);
    }
    // Also when another server before it could have started.
    let (taken, free) = (tcp.local_addr().unwrap().port().to_string(), ["--pmu-port", "0"]);
    check_refused(&[&["pmu", "ws", "--ws-port", &taken], &free[..]].concat(), 1, &[&taken]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    check_refused(&["pmux"], 2, &["pmux"]);
    for (option, value) in [
        ("--ws-port", "65536"),
        ("--loss", "1.1"),
        ("--family", "ipv5"),
        ("--first", "2"),
        ("--messages", "some"),
        ("--interval", "0"),
        ("--ack-separator", "-"),
        ("--seed", "x"),
        ("--bind", "localhost"),
        ("--max-connections", "0"),
    ] {
        check_refused(&[option, value], 2, &[option]);
    }
    check_refused(
        &["--flood-size", "-1"],
        2,
        &["invalid value '-1' for '--flood-size <BYTES>': expected a number of bytes"],
    );
    let pmu = "error: pmu is served over IPv4 alone, and --bind has none of its addresses: ::1\n";
    check_refused(&["pmu", "--bind", "::1", "--seed", "1"], 2, &[pmu]);
    let reset = "error: reset is served over IPv6 alone, and --bind has none of its addresses: 127.0.0.1\n";
    check_refused(&["reset", "--family", "ipv6", "--bind", "127.0.0.1", "--seed", "1"], 2, &[reset]);
    check_refused(&["--flood-size", "1", "--flood-file", "flood.txt"], 2, &["--flood-size", "--flood-file"]);
    check_refused(&["multicast", "--interface", "no-such-0"], 2, &["no-such-0", "127.0.0.1"]);
    check_refused(&["multicast", "--group", "10.0.0.1"], 2, &["10.0.0.1"]);
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    check_refused(&["pmu", "--pmu-port", "0", "--flood-file", "no such file"], 1, &["no such file"]);
    check_refused(&["multicast", "--multicast-port", "0", "--play", "no such play"], 1, &["no such play"]);
    check_refused(&["multicast", "--multicast-port", "0", "--record", "no/such/record"], 1, &["no/such/record"]);
}

#[test]
fn the_seed_is_printed_when_it_was_not_given() {
    let [first, second] = [0, 1].map(|_| {
        let mut servers = Servers::start(&["pmu", "--pmu-port", "0"]);
        servers.program.interrupt();
        let stderr = servers.program.finish(PATIENCE).unwrap().stderr();
        let seed = stderr.trim_end().strip_prefix("note: the seed is ").map(str::parse::<u64>);
        seed.expect("the seed and nothing else").expect("a number")
    });
    assert_ne!(first, second);
}

#[test]
fn q17_the_same_seed_makes_the_same_choices() {
    /// What becomes of a hundred requests: `OFFSET=X` or `lost`.
    fn fates(seed: &str) -> Vec<String> {
        let options = ["reset", "--reset-port", "0", "--family", "ipv4", "--loss", "0.5", "--seed", seed];
        let mut servers = Servers::start(&options);
        let client = connected(servers.address("reset UDP"));
        let begin = format!("reset {} RESET:20: ", client.local_addr().unwrap());
        let fate = |_| {
            client.send(b"RESET:20").unwrap();
            servers.event(&begin).split_off(begin.len())
        };
        (0..100).map(fate).collect()
    }
    let first = fates("17");
    assert!(first.iter().any(|fate| fate == "lost") && first.iter().any(|fate| fate.starts_with("OFFSET=")));
    assert_eq!(first, fates("17"));
    assert_ne!(first, fates("18"));
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_ends_it_quietly() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"{ "$@"; echo "status $?" >&2; } | head -1"#, "sh", SERVERS]);
    command.args(["ws", "--ws-port", "0", "--bind", "127.0.0.1", "--seed", "1"]);
    let mut program = Program::spawn(command).unwrap();
    let line = program.line_with("listen", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
    let address: SocketAddr = line.text.strip_prefix("listening ws TCP ").unwrap().parse().unwrap();
    // It learns that nobody reads when there is an event.
    let status = (0..600).find_map(|_| {
        drop(TcpStream::connect_timeout(&address, PATIENCE));
        let is_status = |line: &Line| line.stream == Stream::Stderr;
        let _ = program.line_with("end", Duration::from_millis(50), is_status);
        // It may be over before `ready` is out, and two pipes have no common order: then the status was passed over on
        // the way to the address.
        program.lines().iter().find(|line| is_status(line)).cloned()
    });
    assert_eq!(status.expect("it ends").text, "status 0");
    assert_eq!(program.finish(PATIENCE).unwrap().stderr(), "status 0\n");
}

/// A process whose stdout nobody reads; it is killed when dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn a_parent_that_never_reads_its_stdout_does_not_block_the_servers() {
    let mut command = Command::new(SERVERS);
    command.args(["reset", "--reset-port", "0", "--family", "ipv4", "--loss", "0"]);
    let mut servers = Unread(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    // Read to the address, then held open and left alone.
    let (sender, address) = mpsc::channel();
    let mut stdout = BufReader::new(servers.0.stdout.take().unwrap());
    thread::spawn(move || {
        let mut line = String::new();
        stdout.read_line(&mut line).map(|_| sender.send((line, stdout)))
    });
    let (line, _unread) = address.recv_timeout(PATIENCE).unwrap();
    let client = connected(line.trim_end().strip_prefix("listening reset UDP ").unwrap().parse().unwrap());

    // Each is an event of more than 400 bytes: the pipe takes about 150 of them, the queue behind it 4,096.
    for i in 0..6000 {
        client.send(&[b'?'; 400]).unwrap();
        let mut answer = [0; 100];
        let len =
            uninterrupted(|| client.recv(&mut answer)).unwrap_or_else(|error| panic!("{error} after {i} answers"));
        assert_eq!(&answer[..len], b"Wrong command.");
    }
    // Nor does it keep them from ending.
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_child(&servers.0), Signal::TERM).unwrap();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(servers.0.wait()));
        assert_eq!(ended.recv_timeout(PATIENCE).expect("it ends").unwrap().code(), Some(0));
    }
}

/// In a network of the test's own.
#[cfg(target_os = "linux")]
mod own_network {
    use lab_test::in_own_network;
    use socket2::SockRef;

    use super::*;

    /// What makes a network whole.
    const LOOPBACK: &str = "ip link set lo up";

    #[test]
    fn by_default_all_five_listen_on_the_handouts_ports() {
        in_own_network(LOOPBACK, || {
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new(SERVERS);
            command.current_dir(&folder);
            let mut program = Program::spawn(command).unwrap();
            program.line_with("be ready", PATIENCE, |line| line.text == "ready").unwrap();
            let expected = [
                "listening pmu TCP 127.0.0.1:5003",
                "listening reset UDP 127.0.0.1:5004",
                "listening reset UDP [::1]:5004",
                "listening multicast UDP 224.1.1.1:5005",
                "listening ws TCP 127.0.0.1:5006",
                "listening ws TCP [::1]:5006",
                "listening tls TCP 127.0.0.1:5007",
                "listening tls TCP [::1]:5007",
                "ready",
            ];
            let stdout: Vec<_> = program.lines().iter().filter(|line| line.stream == Stream::Stdout).collect();
            let seen: Vec<_> = stdout.iter().map(|line| line.text.as_str()).take(expected.len()).collect();
            assert_eq!(seen, expected);
        });
    }

    #[test]
    fn two_servers_of_one_call_that_want_the_same_port_are_both_named() {
        in_own_network(LOOPBACK, || {
            let taken = "port 127.0.0.1:5003: this program's own server pmu listens on 127.0.0.1:5003 already";
            let error = format!("error: cannot listen on TCP {taken}\nhint: each server needs a port of its own: ");
            check_refused(&["pmu", "ws", "--ws-port", "5003"], 1, &[&error]);
            // UDP and TCP are not in each other's way.
            let _servers = Servers::start(&["pmu", "reset", "--reset-port", "5003"]);
        });
    }

    #[test]
    fn an_address_that_is_given_twice_is_not_blamed_on_another_program() {
        in_own_network(LOOPBACK, || {
            for (server, protocol, port) in [("pmu", "TCP", 5003), ("reset", "UDP", 5004), ("ws", "TCP", 5006)] {
                for [first, second] in [["127.0.0.1", "127.0.0.1"], ["0.0.0.0", "127.0.0.1"]] {
                    let error = format!(
                        "error: cannot listen on {protocol} port {second}:{port}: this program listens on {first}:{port} \
                         already\nhint: give each address once; "
                    );
                    check_refused(&[server, "--bind", first, "--bind", second], 1, &[&error]);
                }
            }
        });
    }

    #[test]
    fn the_programme_travels_ten_hops() {
        in_own_network(LOOPBACK, || {
            /// Offset of the time to live in an IPv4 header (RFC 791, section 3.1).
            const TTL: usize = 8;
            let group = Ipv4Addr::new(224, 1, 1, 1);
            // What a raw socket receives begins with that header.
            let mut wire = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).unwrap();
            wire.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
            SockRef::from(&wire).set_read_timeout(Some(PATIENCE)).unwrap();
            let _servers = Servers::start(&["multicast", "--seed", "1"]);
            let mut packet = [0; 2000];
            let len = wire.read(&mut packet).unwrap();
            assert!(packet[..len].windows(6).any(|bytes| bytes == b"swcmTV"), "{:?}", &packet[..len]);
            assert_eq!(packet[TTL], 10);
        });
    }
}
