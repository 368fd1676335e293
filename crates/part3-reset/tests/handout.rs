//! Part 3 as a user sees it: the real program against the mock server, and against servers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, UdpSocket},
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use lab_process::{Outcome, Program, Stream};
use labnet::net::Family;
use mock_servers::{
    Running, ServerSettings,
    reset::{self, OtherFamily, Schedule},
};

/// The most that anything may take here: far more than it does.
const DEADLINE: Duration = Duration::from_secs(60);

/// A timeout that does not pass: who is answered in the first round needs one, however slow the machine.
const PATIENT: &str = "--timeout=3600";

/// Ports that are closed, one of each family: port 0 never picks them, and nobody uses them.
const CLOSED: [&str; 2] = ["127.0.0.1:1", "[::1]:1"];

fn start(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_part3-reset"));
    command.args(arguments).env_remove("LAB_SERVER").env("TZ", "UTC");
    Program::spawn(command).unwrap()
}

fn run(arguments: &[&str]) -> Outcome {
    end(start(arguments))
}

fn end(program: Program) -> Outcome {
    program.finish(DEADLINE).unwrap()
}

/// A server that the test plays itself, one datagram at a time.
struct Pmu {
    socket: UdpSocket,
    address: String,
    received: Cell<u64>,
}

impl Pmu {
    /// At `address`, where port 0 is any.
    fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("loopback addresses of both families, which part 3 needs");
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { socket, address, received: Cell::new(0) }
    }

    /// One of each family.
    fn pair() -> [Self; 2] {
        [Self::at("127.0.0.1:0"), Self::at("[::1]:0")]
    }

    fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0; 100];
        let (n, client) = self.socket.recv_from(&mut buffer)?;
        self.received.set(self.received.get() + 1);
        Ok((buffer[..n].to_vec(), client))
    }

    /// Waits for the next request, which is the handout's, and tells whose it is.
    fn request(&self) -> SocketAddr {
        let (datagram, client) = self.receive().expect("a request within the deadline");
        assert_eq!(datagram, b"RESET:20");
        client
    }

    fn send(&self, client: SocketAddr, datagram: impl AsRef<[u8]>) {
        self.socket.send_to(datagram.as_ref(), client).unwrap();
    }

    /// How many datagrams came in all, after the client has ended.
    fn packets(&self) -> u64 {
        self.socket.set_nonblocking(true).unwrap();
        while self.receive().is_ok() {}
        self.received.get()
    }
}

/// The mock server, on a port that is free in both families.
fn mock(config: reset::Config) -> Running {
    reset::spawn(&reset::Config { port: 0, ..config }, &ServerSettings::default()).unwrap()
}

/// A mock server that answers every packet in either family.
fn mock_of_both_families() -> Running {
    mock(reset::Config { loss: 0.0, schedule: Schedule::Both, ..reset::Config::default() })
}

/// A line of the answer.
struct Answer<'a> {
    offset: u64,
    from: SocketAddr,
    packets: u64,
    time: &'a str,
}

/// Takes a line of the answer apart, which is the contract's to the letter.
#[track_caller]
fn answer(line: &str) -> Answer<'_> {
    let words: Vec<&str> = line.split(' ').collect();
    let [offset, "from", from, "over", family, "after", packets, "packets", "at", time] = words[..] else {
        panic!("no answer: '{line}'");
    };
    let offset = offset.strip_prefix("OFFSET=").and_then(|x| x.parse().ok()).unwrap();
    let (from, packets): (SocketAddr, u64) = (from.parse().unwrap(), packets.parse().unwrap());
    assert_eq!(family, if from.is_ipv4() { "IPv4" } else { "IPv6" }, "{line}");
    assert_eq!(format!("OFFSET={offset} from {from} over {family} after {packets} packets at {time}"), line);
    assert!(is_rfc3339(time), "{time}");
    Answer { offset, from, packets, time }
}

/// RFC 3339, section 5.6: `date-time`.
fn is_rfc3339(time: &str) -> bool {
    let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else { return false };
    let zone = rest.strip_prefix(".0").map_or(rest, |fraction| fraction.trim_start_matches('0'));
    matches!(zone, "Z" | "+00:00" | "-00:00")
}

/// A success: this answer and nothing else, on stdout or on stderr.
#[track_caller]
fn check(outcome: &Outcome, offset: u64, from: &str, packets: u64) {
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    let stdout = outcome.stdout();
    let answer = answer(stdout.strip_suffix('\n').expect("a line"));
    assert_eq!((answer.offset, answer.from.to_string().as_str(), answer.packets), (offset, from, packets));
}

/// A failure: no answer, and two lines on stderr, before any statistics.
#[track_caller]
fn check_failure(outcome: &Outcome, error: &str, hint: &str) {
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""), "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "{stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{stderr}");
}

/// The one object of `--stats`, the last line of stderr.
#[track_caller]
fn stats(outcome: &Outcome) -> Value {
    let objects = outcome.stats();
    assert_eq!(objects.len(), 1, "{}", outcome.stderr());
    objects[0].clone()
}

/// Packets over IPv4, packets over IPv6, rounds.
#[track_caller]
fn counted(outcome: &Outcome) -> [u64; 3] {
    let stats = stats(outcome);
    ["packets_ipv4", "packets_ipv6", "rounds"].map(|key| stats[key].as_u64().unwrap())
}

#[test]
fn q16_the_answer_names_family_and_time() {
    for pmu in Pmu::pair() {
        let program = start(&["--server", &pmu.address, PATIENT]);
        pmu.send(pmu.request(), "OFFSET=7");
        let outcome = end(program);
        check(&outcome, 7, &pmu.address, 1);
        assert_eq!(pmu.packets(), 1);

        // The time of day is the present one, in UTC as the environment says.
        const DAY: u64 = 24 * 3600;
        let stdout = outcome.stdout();
        let (_, clock) = answer(stdout.trim_end()).time.split_once('T').unwrap();
        let [hours, minutes, seconds] = [0, 3, 6].map(|at| clock[at..at + 2].parse::<u64>().unwrap());
        let present = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let age = (present + DAY - (hours * 3600 + minutes * 60 + seconds)) % DAY;
        assert!(age <= DEADLINE.as_secs(), "{clock} is {age} s ago");
    }
}

#[test]
fn q16_either_family_answers_alone_while_the_other_is_closed_or_silent() {
    for family in [Family::Ipv4, Family::Ipv6] {
        for other_family in [OtherFamily::Refuse, OtherFamily::Silent] {
            let schedule = Schedule::Always(family);
            let pmu = mock(reset::Config { loss: 0.0, schedule, other_family, ..reset::Config::default() });
            let outcome = run(&["localhost", &pmu.address().port().to_string(), PATIENT, "--stats"]);
            let answer = outcome.stdout();
            let answer = self::answer(answer.trim_end());
            assert_eq!((Family::of(answer.from), answer.from, answer.packets), (family, pmu.address(), 1));
            assert_eq!((&stats(&outcome)["family"], counted(&outcome)), (&json!(family.to_string()), [1, 1, 1]));
        }
    }
}

#[test]
fn localhost_is_asked_over_both_families_at_once() {
    let pmu = mock_of_both_families();
    let outcome = run(&["--server", &format!("localhost:{}", pmu.address().port()), PATIENT, "--stats"]);
    assert!(pmu.addresses().contains(&answer(outcome.stdout().trim_end()).from));
    assert_eq!(counted(&outcome), [1, 1, 1]);
}

#[test]
fn a_server_with_one_address_is_asked_over_its_family_alone() {
    for (pmu, expected) in Pmu::pair().iter().zip([[1, 0, 1], [0, 1, 1]]) {
        let (host, port) = pmu.address.rsplit_once(':').unwrap();
        let program = start(&[host, port, PATIENT, "--stats"]);
        pmu.send(pmu.request(), "OFFSET=7");
        assert_eq!(counted(&end(program)), expected);
    }
}

#[test]
fn the_real_servers_colon_is_shown_as_the_handouts_equals_sign() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    pmu.send(pmu.request(), "OFFSET:13");
    check(&end(program), 13, &pmu.address, 1);
}

#[test]
fn a_round_is_one_packet_to_each_family_and_the_first_answer_ends_it() {
    for answering in [0, 1] {
        let pmus = Pmu::pair();
        let [ipv4, ipv6] = pmus.each_ref().map(|pmu| format!("--server={}", pmu.address));
        let begun = Instant::now();
        let program = start(&[&ipv4, &ipv6, "--timeout=0.4", "--stats"]);
        for round in 0..3 {
            let clients = pmus.each_ref().map(Pmu::request);
            assert!(begun.elapsed() >= round * Duration::from_millis(400), "round {round} began early");
            if round == 2 {
                pmus[answering].send(clients[answering], "OFFSET=20");
            }
        }
        let outcome = end(program);
        // Three packets each, or more where the machine was too slow to take the answer within the round.
        let [packets, others] = pmus.each_ref().map(Pmu::packets);
        assert!(packets == others && packets >= 3, "{packets} and {others}");
        assert_eq!(counted(&outcome), [packets; 3]);
        let stdout = outcome.stdout();
        let answer = answer(stdout.trim_end());
        assert_eq!((answer.offset, answer.packets), (20, packets));
        assert_eq!(answer.from.to_string(), pmus[answering].address);
    }
}

#[test]
fn a_closed_port_is_no_answer_yet_and_no_reason_to_send_early() {
    for (pmu, closed) in Pmu::pair().iter().zip([CLOSED[1], CLOSED[0]]) {
        let begun = Instant::now();
        let program = start(&["--server", &pmu.address, "--server", closed, "--timeout=0.4", "--stats"]);
        for round in 0..4 {
            let client = pmu.request();
            assert!(begun.elapsed() >= round * Duration::from_millis(400), "round {round} began early");
            if round == 3 {
                pmu.send(client, "OFFSET=0");
            }
        }
        let outcome = end(program);
        let packets = pmu.packets();
        assert_eq!(answer(outcome.stdout().trim_end()).packets, packets);
        // What went to the closed port is a packet too, and no reason to complain.
        assert_eq!((counted(&outcome), outcome.stderr().lines().count()), ([packets; 3], 1), "{}", outcome.stderr());
    }
}

#[test]
fn two_closed_ports_are_asked_for_as_long_as_two_silent_ones() {
    let [ipv4, ipv6] = CLOSED;
    let outcome = run(&["--server", ipv4, "--server", ipv6, "--timeout=0.2", "--max-rounds=4", "--stats"]);
    check_failure(&outcome, "acknowledged nothing in 4 rounds of 0.200 s", "mock-servers");
    assert_eq!(counted(&outcome), [4; 3]);
    assert!(outcome.elapsed >= Duration::from_millis(800), "{:?}", outcome.elapsed);
}

#[test]
fn a_port_that_opens_later_is_found() {
    let [ipv4, ipv6] = Pmu::pair();
    let address = ipv6.address.clone();
    drop(ipv6);
    let program = start(&["--server", &ipv4.address, "--server", &address, "--timeout=0.1"]);
    // At the beginning of the third round the first and the second have been refused.
    for _ in 0..3 {
        ipv4.request();
    }
    let ipv6 = Pmu::at(&address);
    ipv6.send(ipv6.request(), "OFFSET=7");
    check(&end(program), 7, &address, ipv4.packets());
}

#[test]
fn a_stranger_is_not_heard() {
    for (pmu, stranger) in Pmu::pair().iter().zip(Pmu::pair()) {
        let program = start(&["--server", &pmu.address, PATIENT]);
        let client = pmu.request();
        stranger.send(client, "OFFSET=1");
        pmu.send(client, "OFFSET=2");
        check(&end(program), 2, &pmu.address, 1);
    }
}

#[test]
fn the_unspecified_address_is_this_machine_and_who_answers_there_no_stranger() {
    for (pmu, unspecified) in Pmu::pair().iter().zip(["0.0.0.0", "::"]) {
        let port = pmu.address.rsplit(':').next().unwrap();
        let program = start(&[unspecified, port, "--timeout=1", "--max-rounds=10"]);
        pmu.send(pmu.request(), "OFFSET=7");
        let outcome = end(program);
        assert_eq!((outcome.stderr().as_str(), outcome.code()), ("", 0));
        assert_eq!(answer(outcome.stdout().trim_end()).offset, 7);
    }
}

#[test]
fn what_is_no_acknowledgement_is_passed_over_with_a_warning() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    let client = pmu.request();
    let noise: [(&[u8], &str); 12] = [
        (b"Wrong command.", "Wrong command."),
        (b"OFFSET=21", "OFFSET=21"),
        (b"OFFSET=-1", "OFFSET=-1"),
        (b"OFFSET=+1", "OFFSET=+1"),
        (b"OFFSET=1.0", "OFFSET=1.0"),
        (b"OFFSET=", "OFFSET="),
        (b"OFFSET 1", "OFFSET 1"),
        (b"offset=1", "offset=1"),
        (b"RESET:20", "RESET:20"),
        (b"OFFSET=18446744073709551617", "OFFSET=18446744073709551617"),
        (b"\x1b[2J\xff", "\\x1b[2J\\xff"),
        (b"", ""),
    ];
    for (datagram, _) in noise {
        pmu.send(client, datagram);
    }
    pmu.send(client, "OFFSET=20");
    pmu.send(client, "OFFSET=1");
    let outcome = end(program);
    let stdout = outcome.stdout();
    let answer = answer(stdout.strip_suffix('\n').unwrap());
    assert_eq!((answer.offset, answer.packets), (20, 1));
    let warning = |shown| format!("warning: no acknowledgement of RESET:20 from {}: '{shown}'\n", pmu.address);
    assert_eq!(outcome.stderr(), noise.map(|(_, shown)| warning(shown)).concat());
}

#[test]
fn a_datagram_of_any_length_is_judged_as_a_whole() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    let client = pmu.request();
    for len in [64, 512, 1024, 4096, 16_384] {
        // An acknowledgement only for who reads its first `len` bytes alone.
        pmu.send(client, format!("OFFSET={:0>1$}", "77", len - 5));
    }
    pmu.send(client, "OFFSET=3");
    assert_eq!(answer(end(program).stdout().trim_end()).offset, 3);
}

#[test]
fn a_flood_of_noise_does_not_hold_up_the_next_round() {
    let [pmu, _] = Pmu::pair();
    // The warnings go to a slow reader, as a terminal may be, so that there is always more noise to look at.
    let script = r#""$0" --server "$1" --timeout=0.2 --max-rounds=50 2>&1 | while read -r line; do (:); done"#;
    let program = Program::start("sh", &["-c", script, env!("CARGO_BIN_EXE_part3-reset"), &pmu.address]);
    let _program = program.unwrap();
    let client = pmu.request();
    pmu.socket.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    while pmu.receive().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no second round of 0.2 s in 20 s of noise");
        for _ in 0..100 {
            // Fails while the queues are full.
            let _ = pmu.socket.send_to(b"Wrong command.", client);
        }
    }
}

#[test]
fn an_acknowledgement_of_an_earlier_run_does_not_count() {
    for pmu in Pmu::pair() {
        let program = start(&["--server", &pmu.address, "--runs=2", "--timeout=0.4"]);
        let first = pmu.request();
        pmu.send(first, "OFFSET=1");
        pmu.send(first, "OFFSET=9");
        // The second run is under way with the first request that is no repetition.
        while pmu.request() == first {}
        pmu.send(first, "OFFSET=9");
        let second = pmu.request();
        pmu.send(second, "OFFSET=2");
        let outcome = end(program);
        let stdout = outcome.stdout();
        let [one, two, _] = stdout.lines().collect::<Vec<_>>()[..] else { panic!("{outcome:?}") };
        let (one, two) = (answer(one), answer(two));
        assert_eq!([one.offset, two.offset, one.packets + two.packets], [1, 2, pmu.packets()], "{stdout}");
        assert!(two.packets >= 2, "{stdout}");
    }
}

#[test]
fn the_other_familys_answer_does_not_count_for_the_next_run() {
    let pmu = mock_of_both_families();
    let server = format!("localhost:{}", pmu.address().port());
    let outcome = run(&["--server", &server, "--runs=50", PATIENT, "--stats"]);
    assert_eq!((counted(&outcome), outcome.stderr().lines().count()), ([50; 3], 1), "{}", outcome.stderr());
    assert!(outcome.stdout().lines().take(50).all(|line| answer(line).packets == 1));
}

#[test]
fn an_acknowledgement_that_comes_after_its_round_counts() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--timeout=0.3"]);
    let client = pmu.request();
    pmu.request();
    pmu.send(client, "OFFSET=5");
    let outcome = end(program);
    check(&outcome, 5, &pmu.address, pmu.packets());
}

#[test]
fn the_greatest_offset_is_the_one_that_was_asked_for() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT, "--n", "5"]);
    let (request, client) = pmu.receive().unwrap();
    assert_eq!(request, b"RESET:5");
    pmu.send(client, "OFFSET=6");
    pmu.send(client, "OFFSET=5");
    assert_eq!(answer(end(program).stdout().trim_end()).offset, 5);
}

/// The probability of `k` or more among `n`, each with probability `p`.
fn at_least(k: u64, n: u64, p: f64) -> f64 {
    let mut term = (1.0 - p).powf(n as f64);
    let mut sum = 0.0;
    for i in 0..=n {
        sum += if i >= k { term } else { 0.0 };
        term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
    }
    sum
}

#[test]
fn q17_the_last_line_sums_up_the_lines_above_it() {
    const RUNS: u64 = 40;
    let schedule = Schedule::Always(Family::Ipv6);
    let pmu = mock(reset::Config { loss: 0.6, schedule, ..reset::Config::default() });
    let server = format!("localhost:{}", pmu.address().port());
    let outcome = run(&["--server", &server, "--runs=40", "--timeout=0.03", "--stats"]);
    let stdout = outcome.stdout();
    let lines: Vec<&str> = stdout.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert_eq!(lines.len() as u64, RUNS);
    let packets = lines.iter().map(|line| answer(line).packets).sum();
    let [ipv4, ipv6, rounds] = counted(&outcome);
    assert_eq!([ipv4, ipv6, rounds], [packets; 3]);

    let loss = 1.0 - RUNS as f64 / packets as f64;
    let interval = last
        .strip_prefix(&format!("mean {:.2} packets, loss {loss:.3} (95 %: ", packets as f64 / RUNS as f64))
        .and_then(|rest| rest.strip_suffix(&format!(") over {RUNS} runs")))
        .unwrap_or_else(|| panic!("{packets} packets: {last}"));
    let (low, high) = interval.split_once(" to ").unwrap();
    assert_eq!((low.len(), high.len()), ("0.000".len(), "0.000".len()), "{last}");
    // Clopper and Pearson: at each end, as much loss as was seen, or more (less), has a probability of 2.5 %.
    let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
    let more = |p| at_least(packets - RUNS, packets, p);
    let less = |p| 1.0 - at_least(packets - RUNS + 1, packets, p);
    const ROUNDED: f64 = 0.0006;
    assert!(more(low - ROUNDED) < 0.025 && 0.025 < more(low + ROUNDED), "{last}");
    assert!(less(high + ROUNDED) < 0.025 && 0.025 < less(high - ROUNDED), "{last}");
}

#[test]
fn q17_a_single_run_has_no_last_line_and_without_loss_it_says_so() {
    let pmu = mock_of_both_families();
    let server = pmu.address().to_string();
    assert_eq!(run(&["--server", &server, PATIENT, "--runs=1"]).stdout().lines().count(), 1);
    let outcome = run(&["--server", &server, PATIENT, "--runs=10"]);
    let last = "mean 1.00 packets, loss 0.000 (95 %: 0.000 to 0.308) over 10 runs";
    assert_eq!((outcome.stdout().lines().last(), outcome.stdout().lines().count()), (Some(last), 11));
}

#[test]
fn it_gives_up_when_it_was_told_to_and_the_default_round_is_the_handouts_second() {
    let [pmu, _] = Pmu::pair();
    let outcome = run(&["--server", &pmu.address, "--max-rounds=2"]);
    check_failure(&outcome, "acknowledged nothing in 2 rounds of 1.000 s", "mock-servers");
    assert_eq!(pmu.packets(), 2);
    assert!(outcome.elapsed >= Duration::from_secs(2), "{:?}", outcome.elapsed);
}

#[test]
fn what_was_answered_before_it_gave_up_is_shown() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--runs=3", "--timeout=0.1", "--max-rounds=30"]);
    pmu.send(pmu.request(), "OFFSET=7");
    let outcome = end(program);
    assert_eq!((answer(outcome.stdout().trim_end()).offset, outcome.code()), (7, 1));
}

#[test]
fn the_statistics_are_one_object_at_the_end_of_stderr() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--server", CLOSED[1], PATIENT, "--stats"]);
    let client = pmu.request();
    pmu.send(client, "noise");
    pmu.send(client, "OFFSET:7");
    let outcome = end(program);
    assert_eq!((outcome.stdout().lines().count(), outcome.stderr().lines().count()), (1, 2));
    let stats = stats(&outcome);
    let elapsed = stats["elapsed_s"].as_f64().unwrap();
    assert!((0.0..=outcome.elapsed.as_secs_f64()).contains(&elapsed), "{elapsed}");
    assert_eq!(counted(&outcome), [1; 3]);
    assert_eq!(["command", "family", "offset"].map(|key| &stats[key]), [&json!("RESET:20"), &json!("IPv4"), &json!(7)]);
}

#[test]
fn the_statistics_come_after_an_error_too() {
    for (server, expected) in [(CLOSED[1], [0, 1, 1]), ("nowhere.invalid", [0, 0, 0])] {
        let outcome = run(&["--server", server, "--connect-timeout=3", "--timeout=0.1", "--max-rounds=1", "--stats"]);
        assert_eq!((outcome.code(), counted(&outcome)), (1, expected), "{server}");
        let stats = stats(&outcome);
        assert_eq!(
            ["command", "family", "offset"].map(|key| &stats[key]),
            [&json!("RESET:20"), &Value::Null, &Value::Null]
        );
    }
}

#[test]
fn a_signal_ends_it_after_what_it_has() {
    for (signal, status) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let [pmu, _] = Pmu::pair();
        let mut program = start(&["--server", &pmu.address, "--runs=60", PATIENT, "--stats"]);
        let first = pmu.request();
        pmu.send(first, "OFFSET=7");
        program.line_with("answer", DEADLINE, |line| line.stream == Stream::Stdout).unwrap();
        while pmu.request() == first {}
        signal(&mut program);
        let outcome = end(program);
        assert_eq!(outcome.code(), status);
        assert_eq!(answer(outcome.stdout().trim_end()).offset, 7);
        // The last packet may have left just before it would have been counted.
        let (packets, [counted, ..]) = (pmu.packets(), counted(&outcome));
        assert!(counted == packets || counted == packets - 1, "{counted} of {packets}");
        assert_eq!(stats(&outcome)["offset"], 7);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let pmu = mock_of_both_families();
    let script = r#"{ "$0" --server "$1" --runs 20; echo "status $?" >&2; } | head -1"#;
    let server = pmu.address().to_string();
    let outcome = end(Program::start("sh", &["-c", script, env!("CARGO_BIN_EXE_part3-reset"), &server]).unwrap());
    assert_eq!(outcome.stderr(), "status 0\n");
    answer(outcome.stdout().trim_end());
}

#[test]
fn a_name_without_address_is_an_error_with_a_hint() {
    let outcome = run(&["--server", "nowhere.invalid", "--connect-timeout=3"]);
    check_failure(&outcome, "'nowhere.invalid'", "start `mock-servers`, then pass --server localhost");

    let mut command = Command::new(env!("CARGO_BIN_EXE_part3-reset"));
    command.arg("--connect-timeout=3").env("LAB_SERVER", "elsewhere.invalid");
    check_failure(&end(Program::spawn(command).unwrap()), "'elsewhere.invalid'", "--server localhost");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let wrong: [(&[&str], &str); 19] = [
        (&["localhost", "5004", "--server", "localhost"], "twice"),
        (&["--server=127.0.0.1", "--server=127.0.0.1:6004"], "127.0.0.1:6004"),
        (&["--server=localhost", "--server=[::1]:6004"], "[::1]:6004"),
        (&["--server=127.0.0.1", "--server=::1", "--server=::1"], "twice"),
        (&["localhost"], "SERVER PORT"),
        (&["localhost", "5004", "5005"], "SERVER PORT"),
        (&["localhost", "0"], "localhost 0"),
        (&["localhost", "65536"], "localhost 65536"),
        (&["--server=localhost:0"], "localhost:0"),
        (&["--server="], "--server"),
        (&["--runs=0"], "--runs"),
        (&["--runs=x"], "--runs"),
        (&["--n=-1"], "--n"),
        (&["--n=1.5"], "--n"),
        (&["--timeout=0"], "--timeout"),
        (&["--timeout=-1"], "--timeout"),
        (&["--timeout=NaN"], "--timeout"),
        (&["--max-rounds=0"], "--max-rounds"),
        (&["--round"], "--round"),
    ];
    for (arguments, named) in wrong {
        let outcome = run(arguments);
        let stderr = outcome.stderr();
        let (error, hint) = stderr.split_once('\n').unwrap();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(error.starts_with("error: ") && error.contains(named), "{arguments:?}: {stderr}");
        assert!(hint.is_empty() || hint.starts_with("hint: ") && hint.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_has_examples_and_the_version_is_one_line() {
    let help = run(&["--help"]);
    assert_eq!((help.code(), help.stderr().as_str()), (0, ""));
    for word in ["Examples:", "[SERVER PORT]", "--server", "--n ", "--runs", "--timeout", "--max-rounds", "--stats"] {
        assert!(help.stdout().contains(word), "{word}");
    }
    let version = run(&["--version"]);
    assert_eq!((version.stdout(), version.code()), (format!("part3-reset {}\n", env!("CARGO_PKG_VERSION")), 0));
}
