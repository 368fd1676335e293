//! The sender as its user sees it, with the test as the group's audience (handout, section 4.2; Q20, Q21).
//!
//! What needs a network of its own needs `unshare` and `ip`, and says so when it has to skip.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::mpsc,
    time::Duration,
};

use lab_process::{Outcome, Program};
use lab_test::{PATIENCE, uninterrupted};
use mock_servers::{Events, ServerSettings, multicast};

const SENDER: &str = env!("CARGO_BIN_EXE_part4-sender");
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 1, 1);

/// The longest datagram, identity included.
const MAX_LEN: usize = 1472;

/// A member of the group on the loopback interface, at a port of its own.
struct Audience {
    socket: UdpSocket,
    port: String,
}

impl Audience {
    fn new() -> Self {
        Self::of(GROUP, 0)
    }

    fn of(group: Ipv4Addr, port: u16) -> Self {
        let socket = UdpSocket::bind((group, port)).unwrap();
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        Self { socket, port }
    }

    fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 65_536];
        let len = uninterrupted(|| self.socket.recv(&mut buffer)).expect("a datagram");
        buffer[..len].to_vec()
    }

    /// All that has come until now.
    fn hear_all(&self) -> Vec<Vec<u8>> {
        const LAST: &[u8] = b"That is all.";
        let address = (self.socket.local_addr().unwrap().ip(), self.socket.local_addr().unwrap().port());
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(LAST, address).unwrap();
        std::iter::from_fn(|| Some(self.hear()).filter(|datagram| datagram != LAST)).collect()
    }

    /// A sender to this group on the loopback interface.
    fn sender(&self, identity: &str) -> Program {
        let group = self.socket.local_addr().unwrap().ip().to_string();
        Program::start(SENDER, &[&group, &self.port, identity, "--interface", "127.0.0.1"]).unwrap()
    }
}

/// What is sent for `input`, which is typed as a whole; the sender says nothing itself.
fn datagrams(identity: &str, input: &[u8]) -> Vec<Vec<u8>> {
    let audience = Audience::new();
    let mut sender = audience.sender(identity);
    sender.input(input);
    let outcome = sender.finish(PATIENCE).unwrap();
    assert_eq!((outcome.code(), outcome.stdout().as_str(), outcome.stderr().as_str()), (0, "", ""));
    audience.hear_all()
}

fn check(identity: &str, input: &[u8], expected: &[&str]) {
    let seen: Vec<_> = datagrams(identity, input).into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect();
    assert_eq!(seen, expected);
}

/// A command line that ends with `code` at once, an empty stdout, and an error that contains each of `words`.
fn check_refused(arguments: &[&str], code: i32, words: &[&str]) {
    let mut sender = Program::start(SENDER, arguments).unwrap();
    sender.input(b"text\n");
    refused(&sender.finish(PATIENCE).unwrap(), code, words);
}

fn refused(outcome: &Outcome, code: i32, words: &[&str]) {
    let stderr = outcome.stderr();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (code, ""), "{}: {stderr}", outcome.command_line);
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{}: {word:?} is missing in: {stderr}", outcome.command_line);
    }
}

#[test]
fn q20_each_line_is_a_datagram_of_identity_and_text_without_the_newline() {
    check("123456", "But, soft!\nÔ Roméo 🌹\n".as_bytes(), &["123456But, soft!", "123456Ô Roméo 🌹"]);
}

#[test]
fn q20_a_line_leaves_when_it_is_typed_not_at_the_end() {
    let audience = Audience::new();
    let mut sender = audience.sender("123456");
    for line in ["first", "second"] {
        sender.input(format!("{line}\n").as_bytes());
        assert_eq!(audience.hear(), format!("123456{line}").as_bytes());
    }
}

#[test]
fn the_group_may_be_another_one() {
    let audience = Audience::of(Ipv4Addr::new(239, 255, 7, 7), 0);
    let mut sender = audience.sender("654321");
    sender.input(b"elsewhere\n");
    assert_eq!(audience.hear(), b"654321elsewhere");
}

#[test]
fn an_empty_line_is_a_bare_identity() {
    check("123456", b"\n\nlast\n", &["123456", "123456", "123456last"]);
}

#[test]
fn a_last_line_needs_no_newline() {
    check("123456", b"one\ntwo", &["123456one", "123456two"]);
}

#[test]
fn no_input_sends_nothing_and_is_no_error() {
    check("123456", b"", &[]);
}

#[test]
fn an_identity_is_six_bytes_not_six_characters() {
    for identity in ["cl\u{e9}12", "      ", "swcmTV"] {
        check(identity, b"text\n", &[&format!("{identity}text")]);
    }
    for (identity, len) in [("12345", "5"), ("1234567", "7"), ("cl\u{e9}123", "7"), ("", "0"), ("\u{1f339}1234", "8")] {
        check_refused(&[identity], 2, &[len, "bytes", "6"]);
        check_refused(&["224.1.1.1", "5005", identity], 2, &[len, "bytes", "6"]);
    }
}

#[test]
fn a_line_of_10000_characters_becomes_several_datagrams_cut_between_characters() {
    // Of one to four bytes, so that a cut meets all of them.
    for shift in ["", "x", "xx", "xxx"] {
        let line: String = shift.chars().chain("aé∞🌊".chars().cycle()).take(10_000).collect();
        let mut heard = String::new();
        let datagrams = datagrams("123456", format!("{line}\nnext\n").as_bytes());
        let (next, parts) = datagrams.split_last().unwrap();
        for part in parts {
            assert!(part.len() <= MAX_LEN, "{}", part.len());
            let text = part.strip_prefix(b"123456").expect("each has the identity");
            heard += str::from_utf8(text).expect("cut between characters");
        }
        assert!(heard == line, "{} of {} bytes", heard.len(), line.len());
        assert_eq!(next, b"123456next");
    }
}

#[test]
fn a_line_that_fits_is_one_datagram_to_the_last_byte() {
    let longest = "y".repeat(MAX_LEN - 6);
    check("123456", format!("{longest}\n").as_bytes(), &[&format!("123456{longest}")]);
    check("123456", format!("{longest}z\n").as_bytes(), &[&format!("123456{longest}"), "123456z"]);
}

#[test]
fn what_is_not_utf8_is_not_sent_as_it_is() {
    let sent = datagrams("123456", b"caf\xe9!\n");
    assert_eq!(sent.len(), 1);
    let text = str::from_utf8(&sent[0]).expect("the format of the group is text");
    assert!(text.starts_with("123456caf") && text.ends_with('!'), "{text}");
}

#[test]
fn q21_an_opinion_of_more_than_300_characters_arrives_whole() {
    let line = "O, she doth teach the torches to burn bright! ";
    let opinion = line.repeat(8);
    check("123456", format!("{opinion}\n").as_bytes(), &[&format!("123456{opinion}")]);
}

#[test]
fn q21_each_of_two_senders_is_answered_by_the_programme() {
    let reserved = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = reserved.local_addr().unwrap().port();
    let (report, events) = mpsc::channel();
    let site = ServerSettings {
        events: Events::new(move |event| drop(report.send(event.to_string()))),
        ..ServerSettings::default()
    };
    let programme = multicast::Config { port, interval: Duration::from_secs(3600), ..multicast::Config::default() };
    let _server = multicast::spawn(&programme, &site).unwrap();
    for identity in ["123456", "654321"] {
        let arguments = [&GROUP.to_string(), &port.to_string(), identity, "--interface", "127.0.0.1"];
        let mut student = Program::start(SENDER, &arguments).unwrap();
        // 51 characters of two bytes each: it takes six lines to write more than 300, not three.
        student.input(("é".repeat(51) + "\n").repeat(6).as_bytes());
        assert_eq!(student.finish(PATIENCE).unwrap().code(), 0);
        let mut events = std::iter::from_fn(|| events.recv_timeout(PATIENCE).ok());
        let answer = events.find(|event| event.starts_with("multicast answered: ")).expect("an answer");
        assert!(answer.contains(identity) && answer.contains("306"), "{answer}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    check_refused(&[], 2, &["ID"]);
    check_refused(&["224.1.1.1", "123456"], 2, &["224.1.1.1"]);
    check_refused(&["224.1.1.1", "5005", "123456", "more"], 2, &["more"]);
    check_refused(&["10.0.0.1", "5005", "123456"], 2, &["10.0.0.1", "multicast"]);
    check_refused(&["ff02::1", "5005", "123456"], 2, &["group"]);
    for port in ["0", "65536", "x"] {
        check_refused(&["224.1.1.1", port, "123456"], 2, &[port]);
    }
    check_refused(&["123456", "--ttl", "256"], 2, &["--ttl"]);
    check_refused(&["123456", "--interface", "no-such-0"], 2, &["no-such-0", "127.0.0.1"]);
}

#[test]
fn an_address_that_no_interface_has_is_status_1_with_a_hint() {
    // Of a network that is for examples only (RFC 5737).
    check_refused(
        &["224.1.1.1", "5005", "123456", "--interface", "203.0.113.77"],
        1,
        &["cannot send to the group 224.1.1.1:5005", "203.0.113.77", "\nhint: ", "--interface 127.0.0.1"],
    );
}

#[test]
fn help_shows_examples_and_version_the_name() {
    for (option, expected) in [("--help", "--interface 127.0.0.1"), ("--version", "part4-sender")] {
        let outcome = Program::start(SENDER, &[option]).unwrap().finish(PATIENCE).unwrap();
        assert!(outcome.code() == 0 && outcome.stdout().contains(expected), "{}", outcome.stdout());
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_as_the_signal_does() {
    let audience = Audience::new();
    let mut sender = audience.sender("123456");
    sender.input(b"typed\nbegun");
    assert_eq!(audience.hear(), b"123456typed");
    sender.interrupt();
    let end = sender.line_with("write", PATIENCE, |_| true);
    assert!(matches!(end, Err(lab_process::Error::Ended { .. })), "it ends while its input is open: {end:?}");
    assert_eq!(sender.finish(PATIENCE).unwrap().code(), 130);
}

/// In a network of the test's own.
#[cfg(target_os = "linux")]
mod own_network {
    use std::io::Read;

    use lab_test::in_own_network;
    use socket2::{Domain, Protocol, SockRef, Socket, Type};

    use super::*;

    /// What makes a network whole.
    const LOOPBACK: &str = "ip link set lo up";

    #[test]
    fn without_a_route_to_the_group_a_hint_names_the_loopback_interface() {
        in_own_network(LOOPBACK, || {
            let hint = ["error: cannot send to the group 224.1.1.1:5005 on the default interface: ", "\nhint: "];
            check_refused(&["123456"], 1, &[hint[0], hint[1], "--interface 127.0.0.1"]);

            // And that hint helps.
            let audience = Audience::of(GROUP, 5005);
            let mut sender = Program::start(SENDER, &["123456", "--interface", "127.0.0.1"]).unwrap();
            sender.input(b"on this machine\n");
            assert_eq!(audience.hear(), b"123456on this machine");
        });
    }

    #[test]
    fn who_is_on_the_loopback_interface_is_not_told_to_go_there() {
        in_own_network("ip link set lo down", || {
            let mut sender = Program::start(SENDER, &["123456", "--interface", "127.0.0.1"]).unwrap();
            sender.input(b"to nobody\n");
            let stderr = sender.finish(PATIENCE).unwrap().stderr();
            let error = "error: cannot send to the group 224.1.1.1:5005 on interface 127.0.0.1: ";
            assert!(
                stderr.starts_with(error) && stderr.ends_with("\nhint: is the loopback interface up?\n"),
                "{stderr}"
            );
        });
    }

    #[test]
    fn the_default_is_the_handouts_group_on_the_interface_that_the_route_names() {
        in_own_network(
            "ip link set lo up
             ip route add 224.0.0.0/4 dev lo src 127.0.0.1",
            || {
                let audience = Audience::of(GROUP, 5005);
                let mut sender = Program::start(SENDER, &["123456"]).unwrap();
                sender.input(b"by default\n");
                assert_eq!(audience.hear(), b"123456by default");
            },
        );
    }

    #[test]
    fn a_datagram_travels_one_hop_unless_told_otherwise() {
        in_own_network(LOOPBACK, || {
            /// Offset of the time to live in an IPv4 header (RFC 791, section 3.1).
            const TTL: usize = 8;
            // What a raw socket receives begins with that header.
            let mut wire = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).unwrap();
            wire.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
            SockRef::from(&wire).set_read_timeout(Some(PATIENCE)).unwrap();
            for (options, ttl) in [(&[][..], 1), (&["--ttl", "10"], 10), (&["--ttl", "255"], 255)] {
                let arguments = [&["123456", "--interface", "127.0.0.1"], options].concat();
                let mut sender = Program::start(SENDER, &arguments).unwrap();
                sender.input(b"how far?\n");
                let mut packet = [0; 100];
                let len = wire.read(&mut packet).unwrap();
                assert!(packet[..len].ends_with(b"123456how far?"), "{:?}", &packet[..len]);
                assert_eq!(packet[TTL], ttl);
                assert_eq!(sender.finish(PATIENCE).unwrap().code(), 0);
            }
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn where_nobody_has_joined_the_group_the_interface_is_named_once() {
    // A group that no test joins.
    let arguments = ["224.1.1.77", "5999", "123456", "--interface", "127.0.0.1"];
    let mut sender = Program::start(SENDER, &arguments).unwrap();
    sender.input(b"one\ntwo\n");
    let outcome = sender.finish(PATIENCE).unwrap();
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, ""));
    let stderr = outcome.stderr();
    let [note] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{stderr}") };
    assert!(
        note.starts_with("note: sent to 224.1.1.77:5999 on lo (127.0.0.1), where nobody on this machine"),
        "{note}"
    );
}
