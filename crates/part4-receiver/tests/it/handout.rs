//! The receiver as its user sees it, with the test as the broadcaster (handout, section 4.1; Q18, Q19).

use std::{
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    time::Duration,
};

use lab_process::{Outcome, Program, Stream};
use lab_test::{PATIENCE, spawn, uninterrupted};
use mock_servers::{ServerSettings, multicast};
use socket2::SockRef;

use crate::{RECEIVER, joined};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 1, 1);

/// Sends to a group on the loopback interface. Its own port is the group's as well: no two tests share one.
struct Broadcaster {
    socket: UdpSocket,
    port: u16,
}

impl Broadcaster {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        // The port was free; from now on receivers may share it.
        SockRef::from(&socket).set_reuse_address(true).unwrap();
        let port = socket.local_addr().unwrap().port();
        Self { socket, port }
    }

    fn send(&self, datagram: &[u8]) {
        self.send_to(GROUP, datagram);
    }

    fn send_to(&self, group: Ipv4Addr, datagram: &[u8]) {
        self.socket.send_to(datagram, (group, self.port)).unwrap();
    }

    /// A receiver on an interface, once it has joined.
    fn receiver_on(&self, interface: &str, options: &[&str]) -> Program {
        let group = [&GROUP.to_string(), &self.port.to_string(), "--interface", interface];
        joined(Program::start(RECEIVER, &[&group, options].concat()).unwrap())
    }

    fn receiver(&self, options: &[&str]) -> Program {
        self.receiver_on("127.0.0.1", options)
    }

    /// A receiver within a line of shell, where it is written `"$@"`. It ends by itself if the test fails.
    fn receiver_in_shell(&self, script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", RECEIVER, &GROUP.to_string(), &self.port.to_string()]);
        command.args(["--interface", "127.0.0.1", "--timeout", "60"]);
        joined(spawn(command))
    }
}

/// The next line of the answer.
fn shown(receiver: &mut Program) -> String {
    receiver.line_with("show a line", PATIENCE, |line| line.stream == Stream::Stdout).unwrap().text
}

/// The lines of stderr that begin with `label`.
fn labelled(outcome: &Outcome, label: &str) -> Vec<String> {
    outcome.stderr().lines().filter(|line| line.starts_with(label)).map(str::to_owned).collect()
}

/// What is shown of `datagrams`, byte for byte.
fn check(datagrams: &[&[u8]], expected: &str) -> Outcome {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver(&["--count", &datagrams.len().to_string()]);
    datagrams.iter().for_each(|datagram| broadcaster.send(datagram));
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!(String::from_utf8(outcome.stdout.clone()).unwrap(), expected);
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    outcome
}

/// A command line that ends with `code` at once, an empty stdout, and an error that contains each of `words`.
fn check_refused(arguments: &[&str], code: i32, words: &[&str]) {
    let outcome = Program::start(RECEIVER, arguments).unwrap().finish(PATIENCE).unwrap();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (code, ""), "{arguments:?}: {}", outcome.stderr());
    let errors = labelled(&outcome, "error: ");
    assert_eq!(errors.len(), 1, "{arguments:?}: {}", outcome.stderr());
    for word in words {
        assert!(outcome.stderr().contains(word), "{arguments:?}: {word:?} is missing in: {}", outcome.stderr());
    }
}

#[test]
fn q18_each_datagram_is_a_line_of_identity_and_text() {
    let outcome = check(
        &[b"swcmTVTwo households, both alike in dignity,", "123456Ô Roméo, 罗密欧 🌹!".as_bytes(), b"swcmTVRWND..."],
        "swcmTV: Two households, both alike in dignity,\n123456: Ô Roméo, 罗密欧 🌹!\nswcmTV: RWND...\n",
    );
    assert_eq!(labelled(&outcome, "warning: "), [""; 0]);
}

#[test]
fn q18_an_empty_line_of_the_play_is_shown_as_one() {
    check(&[b"swcmTV", b"swcmTVafter it"], "swcmTV: \nswcmTV: after it\n");
}

#[test]
fn q18_the_programme_of_the_mock_server_is_shown_from_its_first_line() {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver(&["--count", "4"]);
    let programme = multicast::Config {
        port: broadcaster.port,
        interval: Duration::from_millis(20),
        play: ["From forth the fatal loins".to_owned(), String::new(), "of these two foes".to_owned()].into(),
        ..multicast::Config::default()
    };
    let _server = multicast::spawn(&programme, &ServerSettings::default()).unwrap();
    assert_eq!(
        receiver.finish(PATIENCE).unwrap().stdout(),
        "swcmTV: From forth the fatal loins\nswcmTV: \nswcmTV: of these two foes\nswcmTV: RWND...\n"
    );
}

#[test]
fn q18_a_line_is_out_before_the_next_datagram_comes() {
    let broadcaster = Broadcaster::new();
    let mut receiver = broadcaster.receiver(&[]);
    for i in 0..3 {
        broadcaster.send(format!("swcmTVline {i}").as_bytes());
        assert_eq!(shown(&mut receiver), format!("swcmTV: line {i}"));
    }
}

#[test]
fn q19_two_receivers_on_one_host_both_show_everything() {
    let broadcaster = Broadcaster::new();
    let receivers = [broadcaster.receiver(&["--count", "3"]), broadcaster.receiver(&["--count", "3"])];
    for text in ["swcmTVone", "123456two", "swcmTVthree"] {
        broadcaster.send(text.as_bytes());
    }
    for receiver in receivers {
        assert_eq!(receiver.finish(PATIENCE).unwrap().stdout(), "swcmTV: one\n123456: two\nswcmTV: three\n");
    }
}

#[test]
fn q19_a_group_that_someone_else_joined_on_the_same_port_is_not_shown() {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver(&["--count", "1"]);
    let other_group = Ipv4Addr::new(224, 1, 1, 2);
    let other = UdpSocket::bind((other_group, broadcaster.port)).unwrap();
    other.join_multicast_v4(&other_group, &Ipv4Addr::LOCALHOST).unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();

    broadcaster.send_to(other_group, b"swcmTVfor the others");
    uninterrupted(|| other.recv(&mut [0; 100])).expect("it does come to this host");
    broadcaster.send(b"swcmTVfor us");
    assert_eq!(receiver.finish(PATIENCE).unwrap().stdout(), "swcmTV: for us\n");
}

#[test]
fn one_trailing_newline_is_dropped_and_all_other_control_characters_are_escaped() {
    check(
        &[b"swcmTVnewline\n", b"swcmTVtwo\n\n", b"swcmTV\n", b"swcmTVa\tb\rc\0\x07\x1b[2Jd\x7f", b"swc\nTVx"],
        "swcmTV: newline\nswcmTV: two\\n\nswcmTV: \nswcmTV: a\\tb\\rc\\x00\\x07\\x1b[2Jd\\x7f\nswc\\nTV: x\n",
    );
}

#[test]
fn characters_that_reorder_or_hide_text_are_escaped_and_those_of_all_languages_are_not() {
    let kept = "swcmTVשלום می\u{200c}خواهم e\u{301} 👩\u{200d}🚀";
    check(
        &["swcmTVabc\u{202e}fdp.\u{2066}\u{61c}\u{2028}\u{9b}2J".as_bytes(), kept.as_bytes()],
        &format!(
            "swcmTV: abc\\xe2\\x80\\xaefdp.\\xe2\\x81\\xa6\\xd8\\x9c\\xe2\\x80\\xa8\\xc2\\x9b2J\nswcmTV: {}\n",
            &kept[6..]
        ),
    );
}

#[test]
fn bytes_that_are_not_utf8_are_escaped_one_by_one_in_text_and_identity() {
    check(
        &[b"swcmTVcaf\xe9 \xff", b"\x00\x01\x02\x03\xfe\xffbinary", b"12345\xc3\xa9cut"],
        "swcmTV: caf\\xe9 \\xff\n\\x00\\x01\\x02\\x03\\xfe\\xff: binary\n12345\\xc3: \\xa9cut\n",
    );
}

#[test]
fn a_datagram_too_short_for_an_identity_is_shown_with_a_warning() {
    let outcome = check(&[b"short", b"", b"\xff\n", b"swcmTVstill here"], "short\n\n\\xff\\n\nswcmTV: still here\n");
    let warnings = labelled(&outcome, "warning: ");
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("5 bytes from 127.0.0.1:"), "{warnings:?}");
}

#[test]
fn the_longest_datagram_of_udp_is_shown_whole() {
    let text = "x".repeat(65_507 - 6);
    check(&[format!("123456{text}").as_bytes()], &format!("123456: {text}\n"));
}

#[test]
fn count_ends_after_that_many_datagrams() {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver(&["--count", "2"]);
    for text in ["swcmTVone", "swcmTVtwo", "swcmTVthree"] {
        broadcaster.send(text.as_bytes());
    }
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!((outcome.stdout().as_str(), outcome.code()), ("swcmTV: one\nswcmTV: two\n", 0));
}

#[test]
fn timeout_ends_a_silence_with_status_1_after_what_came() {
    let broadcaster = Broadcaster::new();
    let mut receiver = broadcaster.receiver(&["--timeout", "2"]);
    broadcaster.send(b"swcmTVthe rest is silence");
    assert_eq!(shown(&mut receiver), "swcmTV: the rest is silence");
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!((outcome.stdout().as_str(), outcome.code()), ("swcmTV: the rest is silence\n", 1));
    let error = format!("error: nothing received from {GROUP}:{} for 2.000 s", broadcaster.port);
    assert_eq!(labelled(&outcome, "error: "), [error]);
    assert!(outcome.elapsed >= Duration::from_secs(2), "{:?}", outcome.elapsed);
}

#[test]
fn after_five_seconds_without_a_datagram_a_hint_names_the_loopback_interface() {
    let (silence, broadcaster) = (Broadcaster::new(), Broadcaster::new());
    let for_six_seconds = silence.receiver(&["--timeout", "6"]);
    let mut receiver = broadcaster.receiver(&["--count", "1"]);
    let hint = receiver.line_with("hint", PATIENCE, |line| line.text.starts_with("hint: ")).unwrap();
    assert!(hint.at >= Duration::from_secs(5) && hint.stream == Stream::Stderr, "{hint:?}");
    assert!(hint.text.contains("--interface 127.0.0.1"), "{hint}");

    broadcaster.send(b"swcmTVat last");
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!((outcome.stdout().as_str(), outcome.code()), ("swcmTV: at last\n", 0));

    let outcome = for_six_seconds.finish(PATIENCE).unwrap();
    assert_eq!((outcome.stdout().as_str(), outcome.code()), ("", 1));
    assert_eq!(labelled(&outcome, "hint: "), [hint.text], "once");
}

#[test]
fn the_hint_comes_before_a_short_timeout_ends_the_receiver() {
    let outcome = Broadcaster::new().receiver(&["--timeout", "3"]).finish(PATIENCE).unwrap();
    assert_eq!((outcome.stdout().as_str(), outcome.code()), ("", 1));
    let [hint] = &labelled(&outcome, "hint: ")[..] else { panic!("{}", outcome.stderr()) };
    // It does not propose what was done already.
    let expected = "hint: nothing has come to 224.1.1.1 on interface 127.0.0.1 for 1.5 s; receiver and sender must be";
    assert!(hint.starts_with(expected), "{hint}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_may_be_named() {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver_on("lo", &["--count", "1"]);
    broadcaster.send(b"swcmTVby name");
    assert_eq!(receiver.finish(PATIENCE).unwrap().stdout(), "swcmTV: by name\n");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for group in ["10.0.0.1", "223.255.255.255", "240.0.0.1", "127.0.0.1"] {
        check_refused(&[group, "5005"], 2, &[group, "multicast"]);
    }
    for group in ["ff02::1", "localhost", "224.1.1", ""] {
        check_refused(&[group, "5005"], 2, &["group"]);
    }
    for port in ["0", "65536", "-1", "x", ""] {
        check_refused(&["224.1.1.1", port], 2, &[]);
    }
    check_refused(&["224.1.1.1"], 2, &[]);
    check_refused(&["224.1.1.1", "5005", "5006"], 2, &[]);
    check_refused(&["--count", "many"], 2, &["--count"]);
    check_refused(&["--timeout", "0"], 2, &["--timeout"]);
    check_refused(&["--timeout=-1"], 2, &["--timeout"]);
    check_refused(&["--nonsense"], 2, &["--nonsense"]);
}

#[test]
fn an_unknown_interface_is_status_2_and_those_known_are_listed() {
    check_refused(&["--interface", "no-such-0"], 2, &["no-such-0", "127.0.0.1"]);
}

#[test]
fn an_address_that_no_interface_has_is_status_1_with_a_hint() {
    // Of a network that is for examples only (RFC 5737).
    check_refused(
        &["224.1.1.1", "5005", "--interface", "203.0.113.77"],
        1,
        &["cannot join the group 224.1.1.1:5005", "203.0.113.77", "\nhint: ", "--interface 127.0.0.1"],
    );
}

#[test]
fn help_shows_examples_and_version_the_name() {
    for (option, expected) in [("--help", "--interface 127.0.0.1"), ("--version", "part4-receiver")] {
        let outcome = Program::start(RECEIVER, &[option]).unwrap().finish(PATIENCE).unwrap();
        assert!(outcome.code() == 0 && outcome.stdout().contains(expected), "{}", outcome.stdout());
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_as_the_signal_does_and_keeps_what_was_shown() {
    let broadcaster = Broadcaster::new();
    for (signal, code) in [(Program::interrupt as fn(&mut Program), 130), (Program::terminate, 143)] {
        let mut receiver = broadcaster.receiver(&[]);
        broadcaster.send(b"swcmTVbefore it");
        assert_eq!(shown(&mut receiver), "swcmTV: before it");
        signal(&mut receiver);
        let outcome = receiver.finish(PATIENCE).unwrap();
        assert_eq!((outcome.stdout().as_str(), outcome.code()), ("swcmTV: before it\n", code));
        assert_eq!(labelled(&outcome, "error: "), [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_ends_it_quietly() {
    let broadcaster = Broadcaster::new();
    let mut receiver = broadcaster.receiver_in_shell(r#"{ "$@"; echo "status $?" >&2; } | head -1"#);
    // The first line ends `head`; the first one after that ends the receiver.
    let status = (0..600).find_map(|_| {
        broadcaster.send(b"swcmTVagain");
        receiver.line_with("end", Duration::from_millis(50), |line| line.text.starts_with("status ")).ok()
    });
    assert_eq!(status.unwrap().text, "status 0");
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!(outcome.stdout(), "swcmTV: again\n");
    assert_eq!(outcome.stderr().lines().count(), 2, "'joined' and the status, nothing else: {}", outcome.stderr());
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_stored_is_status_1() {
    let broadcaster = Broadcaster::new();
    let receiver = broadcaster.receiver_in_shell(r#"exec "$@" > /dev/full"#);
    broadcaster.send(b"swcmTVnowhere to go");
    let outcome = receiver.finish(PATIENCE).unwrap();
    assert_eq!(outcome.code(), 1);
    assert_eq!(
        labelled(&outcome, "error: "),
        ["error: cannot write the answer to standard output: No space left on device"]
    );
}
