//! Part 2 as a student sees it: the PDC against the lab's own PMU (handout, section 2; Q10 to Q15), and its command line.

#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

use lab_process::{Outcome, Program};
use lab_test::{check_error, finish, run, spawn};
use labnet::pmu::{Device, FLOOD_LEN, FloodText};
use mock_servers::{Running, ServerSettings, pmu};

use crate::{PDC, lines};

const MIB: usize = 1 << 20;

fn serve(device: Device) -> Running {
    pmu::spawn(&pmu::Config { port: 0, device, cork: true, ..pmu::Config::default() }, &ServerSettings::default())
        .unwrap()
}

fn flood(bytes: impl AsRef<[u8]>) -> Device {
    Device { flood: bytes.as_ref().into(), ..Device::default() }
}

fn start(environment: &[(&str, &str)], arguments: &str) -> Program {
    let mut command = Command::new(PDC);
    command.args(arguments.split_whitespace()).env_remove("LAB_SERVER").envs(environment.iter().copied());
    spawn(command)
}

fn pdc(arguments: &str) -> Outcome {
    run(PDC, &arguments.split_whitespace().collect::<Vec<_>>())
}

/// What the PDC shows of a PMU's answer, to the byte, and nothing else.
fn check(device: Device, arguments: &str, expected: impl AsRef<[u8]>) {
    let pmu = serve(device);
    check_outcome(&pdc(&format!("--server {} {arguments}", pmu.address())), expected.as_ref());
}

fn check_outcome(outcome: &Outcome, expected: &[u8]) {
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
    check_stdout(outcome, expected);
}

/// A long answer that differs is not printed, but where it does.
fn check_stdout(outcome: &Outcome, expected: &[u8]) {
    let command_line = &outcome.command_line;
    let same = outcome.stdout.iter().zip(expected).take_while(|(shown, expected)| shown == expected).count();
    let around =
        |bytes: &[u8]| bytes.iter().skip(same).take(40).copied().collect::<Vec<_>>().escape_ascii().to_string();
    let (shown, expected) = ((outcome.stdout.len(), around(&outcome.stdout)), (expected.len(), around(expected)));
    assert_eq!(shown, expected, "{command_line}: length, and what follows byte {same}");
}

// Short messages.

#[test]
fn q10_each_message_is_on_its_own_line() {
    check(Device::default(), "CMD_short:0", lines(1..=10));
    check(Device::default(), "CMD_short:0.02", lines(1..=10));
}

#[test]
fn q10_the_pdc_need_not_know_how_many_messages_there_are() {
    for messages in [1, 2, 9, 11, 15, 17, 101, 100_000] {
        for first in [0, 1] {
            check(Device { messages, first, ..Device::default() }, "CMD_short:0", lines(first..first + messages));
        }
    }
}

#[test]
fn no_message_at_all_is_an_empty_answer_with_a_warning() {
    let pmu = serve(Device { messages: 0, ..flood("") });
    for command in ["CMD_short:0", "CMD_floodme"] {
        let outcome = pdc(&format!("--server {} {command}", pmu.address()));
        assert_eq!((outcome.code(), outcome.stdout()), (0, String::new()));
        let warning = format!("warning: {} closed the connection without an answer\n", pmu.address());
        assert_eq!(outcome.stderr(), warning);
    }
}

#[test]
fn white_space_between_messages_is_skipped() {
    for separator in ["\n", "\r\n", " ", "\t \n\n"] {
        let device = Device { separator: separator.to_owned(), messages: 12, ..Device::default() };
        check(device, "CMD_short:0", lines(1..=12));
    }
}

#[test]
fn q11_with_d_above_0_the_messages_come_d_seconds_apart() {
    let pmu = serve(Device { messages: 4, ..Device::default() });
    let outcome = pdc(&format!("--server {} CMD_short:0.1", pmu.address()));
    check_outcome(&outcome, lines(1..=4).as_bytes());
    assert!(outcome.elapsed >= Duration::from_millis(300), "{:?}", outcome.elapsed);
}

#[cfg(target_os = "linux")]
#[test]
fn q12_with_d_0_there_are_fewer_packets_than_messages() {
    let pmu = serve(Device::default());
    let outcome = pdc(&format!("--server {} --stats CMD_short:0", pmu.address()));
    let packets = outcome.stats()[0]["data_segments_in"].as_u64().unwrap();
    assert!((1..10).contains(&packets), "{packets}");
}

#[test]
fn q13_all_messages_are_shown_however_they_are_cut() {
    // 162 bytes of nine messages and 18 or 19 to the 10th's first or second digit: 90 cuts between them.
    for len in (1..=20).chain([90, 162, 179, 180, 181, 1000]) {
        let device = Device { messages: 12, ..Device::default() };
        check(device, &format!("--recv-buffer {len} CMD_short:0"), lines(1..=12));
    }
}

// A flood.

#[test]
fn q14_a_flood_is_shown_as_received() {
    let text = |kind: FloodText| kind.text(FLOOD_LEN);
    check(Device::default(), "CMD_floodme", [&text(FloodText::Ascii), b"\n".as_slice()].concat());
    // Cut within characters by almost every recv.
    let utf8 = text(FloodText::Utf8);
    check(flood(&utf8), "--recv-buffer 7 CMD_floodme", [&utf8, b"\n".as_slice()].concat());
    let not_text: Vec<u8> = (0..=255).cycle().take(5000).chain(*b"\n").collect();
    check(flood(&not_text), "CMD_floodme", &not_text);
}

#[test]
fn a_flood_ends_with_one_newline_its_own_or_ours() {
    for (text, expected) in [
        ("x", "x\n"),
        ("x\n", "x\n"),
        ("x\n\n", "x\n\n"),
        ("\n", "\n"),
        ("x\r", "x\r\n"),
        ("洪水 🌊", "洪水 🌊\n"),
        ("This is PMU data 1This is PMU data 2", "This is PMU data 1This is PMU data 2\n"),
    ] {
        check(flood(text), "CMD_floodme", expected);
    }
}

#[test]
fn q15_the_receive_buffer_changes_the_number_of_recv_calls_and_not_the_answer() {
    let text = [&FloodText::Ascii.text(MIB - 1), b"\n".as_slice()].concat();
    check(flood(&text), "CMD_floodme", &text);
    for (len, recv_buffer) in [(MIB, 1000), (MIB / 2, 7), (MIB / 16, 1)] {
        let text = [&text[..len - 1], b"\n"].concat();
        let pmu = serve(flood(&text));
        let outcome = pdc(&format!("--server {} --stats --recv-buffer {recv_buffer} CMD_floodme", pmu.address()));
        check_stdout(&outcome, &text);
        let recv_calls = outcome.stats()[0]["recv_calls"].as_u64().unwrap();
        assert!(recv_calls > len.div_ceil(recv_buffer) as u64, "{}: {recv_calls}", outcome.command_line);
    }
}

// The command line.

#[test]
fn both_command_lines_of_the_lab_work() {
    let pmu = serve(Device::default());
    let (address, port) = (pmu.address(), pmu.address().port());
    for arguments in [
        format!("--server {address} CMD_short:0"),
        format!("CMD_short:0 --server={address}"),
        format!("--server localhost:{port} CMD_short:0"),
        format!("127.0.0.1 {port} CMD_short:0"),
        format!("localhost {port} CMD_short:0"),
        format!("127.0.0.1 {port} CMD_short:0 --recv-buffer 4"),
    ] {
        check_outcome(&pdc(&arguments), lines(1..=10).as_bytes());
    }
}

#[test]
fn several_commands_are_answered_in_order() {
    let device = Device { messages: 2, ..flood("one long text") };
    let once = lines(1..=2);
    let expected = format!("{once}one long text\n{once}{once}");
    check(device.clone(), "CMD_short:0 CMD_floodme CMD_short:0 CMD_short:0.01", &expected);
    let pmu = serve(device);
    let port = pmu.address().port();
    let outcome = pdc(&format!("127.0.0.1 {port} CMD_short:0 CMD_floodme CMD_short:0 CMD_short:0.01"));
    check_outcome(&outcome, expected.as_bytes());
}

#[test]
fn stats_are_one_json_object_for_each_command_at_the_end_of_stderr() {
    let pmu = serve(flood("one long text"));
    let outcome = pdc(&format!("--server {} --stats CMD_short:0 CMD_floodme", pmu.address()));
    assert_eq!(outcome.code(), 0);
    assert_eq!(outcome.stdout(), lines(1..=10) + "one long text\n");
    assert_eq!(outcome.stderr().lines().count(), 2, "{}", outcome.stderr());

    let stats = outcome.stats();
    let transfers = [("CMD_short:0", 10, lines(1..=10).len() - 10), ("CMD_floodme", 1, "one long text".len())];
    for (stats, (command, messages, bytes)) in stats.iter().zip(transfers) {
        let mut keys: Vec<_> = stats.as_object().unwrap().keys().collect();
        keys.sort_unstable();
        assert_eq!(keys, ["bytes", "command", "data_segments_in", "elapsed_s", "messages", "recv_calls"]);
        assert_eq!(stats["command"], command);
        assert_eq!(stats["messages"], messages);
        assert_eq!(stats["bytes"], bytes);
        assert!(stats["recv_calls"].as_u64().is_some_and(|calls| calls >= 2), "{stats}");
        assert!(stats["elapsed_s"].as_f64().is_some_and(|seconds| seconds > 0.0), "{stats}");
        let packets = &stats["data_segments_in"];
        assert!(if cfg!(target_os = "linux") { packets.is_u64() } else { packets.is_null() }, "{stats}");
    }
    assert_eq!(stats.len(), transfers.len());
}

#[test]
fn a_wrong_command_line_is_status_2_with_an_error_and_a_hint_at_most() {
    for arguments in [
        "",
        "CMD",
        "CMD_short",
        "CMD_short:",
        "CMD_short:-1",
        "CMD_short:+1",
        "CMD_short:1e3",
        "CMD_short:.5",
        "CMD_short:1.",
        "CMD_short:3600.5",
        "CMD_short:x",
        "cmd_short:0",
        "CMD_floodme!",
        "CMD_short:0 CMD_nonsense",
        "127.0.0.1",
        "127.0.0.1 5003",
        "127.0.0.1 CMD_short:0",
        "127.0.0.1 0 CMD_short:0",
        "127.0.0.1 65536 CMD_short:0",
        "127.0.0.1 -1 CMD_short:0",
        "127.0.0.1:5003 5003 CMD_short:0",
        "127.0.0.1 5003 CMD_short:0 --server 127.0.0.1",
        "--server 127.0.0.1:0 CMD_short:0",
        "--server 127.0.0.1:x CMD_short:0",
        "--server CMD_short:0",
        "--recv-buffer 0 CMD_short:0",
        "--recv-buffer x CMD_short:0",
        "--timeout 0 CMD_short:0",
        "--timeout -1 CMD_short:0",
        "--connect-timeout inf CMD_short:0",
        "--nonsense CMD_short:0",
    ] {
        check_error(&pdc(arguments), 2, &[]);
    }
    check_error(&pdc("CMD_short:3601"), 2, &["'CMD_short:3601'", "CMD_short:d", "3600"]);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf8_is_no_command() {
    let argument = std::ffi::OsStr::from_bytes(b"CMD_short:\xff");
    let pdc = Program::start(PDC, &[argument]).unwrap();
    check_error(&finish(pdc), 2, &["UTF-8"]);
}

#[test]
fn a_name_without_address_gets_the_hint_to_run_the_servers_here() {
    let hint = ["'pmu.invalid'", "hint: ", "mock-servers", "--server localhost"];
    check_error(&pdc("--server pmu.invalid CMD_short:0"), 1, &hint);
    check_error(&pdc("pmu.invalid 5003 CMD_short:0"), 1, &hint);
    check_error(&finish(start(&[("LAB_SERVER", "pmu.invalid")], "CMD_short:0")), 1, &hint);
}

#[test]
fn lab_server_is_a_host_and_the_command_line_overrides_it() {
    let no_host = finish(start(&[("LAB_SERVER", "127.0.0.1:5003")], "CMD_short:0"));
    check_error(&no_host, 2, &["LAB_SERVER", "127.0.0.1:5003"]);
    let pmu = serve(Device::default());
    for arguments in ["--server 127.0.0.1:{port} CMD_short:0", "127.0.0.1 {port} CMD_short:0"] {
        let arguments = arguments.replace("{port}", &pmu.address().port().to_string());
        let outcome = finish(start(&[("LAB_SERVER", "pmu.invalid")], &arguments));
        check_outcome(&outcome, lines(1..=10).as_bytes());
    }
}

#[test]
fn a_port_where_nobody_listens_is_named_in_the_error() {
    // The port of a connection's other end: taken, and nobody listens on it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = pdc(&format!("--server {address} CMD_short:0"));
    check_error(&outcome, 1, &[&format!("cannot connect to {address}"), "refused", "hint: "]);
}

#[test]
fn a_server_with_ipv6_alone_is_a_clear_error_of_this_part() {
    for server in ["::1", "[::1]:5003"] {
        check_error(&pdc(&format!("--server {server} CMD_short:0")), 1, &["'::1' has no IPv4 address", "127.0.0.1"]);
    }
}

#[test]
fn help_has_examples_and_version_the_version() {
    let help = pdc("--help");
    assert_eq!((help.code(), help.stderr()), (0, String::new()));
    for example in ["Examples", "part2-pdc CMD_short:0", "part2-pdc 127.0.0.1 5003 CMD_short:0", "CMD_floodme"] {
        assert!(help.stdout().contains(example), "no '{example}' in {}", help.stdout());
    }
    check_outcome(&pdc("--version"), concat!("part2-pdc ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}
