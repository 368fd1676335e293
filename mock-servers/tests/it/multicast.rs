//! The broadcaster of part 4 in its group: what it plays, whom it answers, and what it records (handout, section 4).

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use lab_test::{PATIENCE, uninterrupted};
use labnet::Error;
use mock_servers::{Events, Running, ServerSettings, multicast};
use serde_json::Value;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// So long that the play stands still after its first line.
const STANDSTILL: Duration = Duration::from_secs(3600);

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 1, 1);

/// A member of a group on the loopback interface, whose own port is the group's as well: no two tests share one.
struct Member {
    ears: UdpSocket,
    mouth: UdpSocket,
    group: SocketAddrV4,
}

impl Member {
    fn new() -> Self {
        let mouth = speaker();
        // The port was free; from now on others may share it.
        SockRef::from(&mouth).set_reuse_address(true).unwrap();
        let group = SocketAddrV4::new(GROUP, mouth.local_addr().unwrap().port());
        // The broadcaster listens at the same address.
        let ears = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        ears.set_reuse_address(true).unwrap();
        #[cfg(all(unix, not(target_os = "linux")))]
        ears.set_reuse_port(true).unwrap();
        ears.bind(&group.into()).unwrap();
        ears.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
        ears.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { ears: ears.into(), mouth, group }
    }

    fn say(&self, datagram: impl AsRef<[u8]>) {
        self.mouth.send_to(datagram.as_ref(), self.group).unwrap();
    }

    fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 65_536];
        let len = uninterrupted(|| self.ears.recv(&mut buffer)).expect("a datagram");
        buffer[..len].to_vec()
    }

    /// The text of the next datagram of the programme; what others say is passed over.
    fn hear_programme(&self) -> String {
        loop {
            if let Some(text) = self.hear().strip_prefix(b"swcmTV") {
                return String::from_utf8(text.to_vec()).unwrap();
            }
        }
    }

    /// A programme of these lines in this group.
    fn programme(&self, play: &[&str], interval: Duration) -> multicast::Config {
        let play = play.iter().map(ToString::to_string).collect();
        multicast::Config { port: self.group.port(), interval, play, ..multicast::Config::default() }
    }
}

fn speaker() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket
}

fn spawn(config: &multicast::Config) -> (Running, Receiver<String>) {
    let (report, events) = mpsc::channel();
    let site = ServerSettings {
        events: Events::new(move |event| drop(report.send(event.to_string()))),
        ..ServerSettings::default()
    };
    (multicast::spawn(config, &site).unwrap(), events)
}

/// A broadcaster that has said its one line, and a member that has heard it.
fn at_a_standstill(change: impl FnOnce(&mut multicast::Config)) -> (Member, Running, Receiver<String>) {
    let member = Member::new();
    let mut config = member.programme(&["But, soft!"], STANDSTILL);
    change(&mut config);
    let (running, events) = spawn(&config);
    assert_eq!(member.hear_programme(), "But, soft!");
    (member, running, events)
}

/// The next event that contains `words`.
fn event(events: &Receiver<String>, words: &str) -> String {
    loop {
        let event = events.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no event with {words:?}"));
        if event.contains(words) {
            return event;
        }
    }
}

/// One more identity crosses the threshold: the next thing the programme says is the answer to it.
fn check_nothing_but_the_answer_to(member: &Member, identity: &str) {
    member.say(identity.to_owned() + &"x".repeat(301));
    let answer = member.hear_programme();
    assert!(answer.contains(identity) && answer.contains("301"), "{answer}");
}

#[test]
fn q18_the_play_is_sent_line_by_line_and_begins_again_after_a_rewind() {
    let member = Member::new();
    let lines = ["Two households, both alike in dignity,", "", "Ô Roméo 🌹"];
    let (running, _events) = spawn(&member.programme(&lines, Duration::from_millis(1)));
    assert_eq!(running.addresses(), [member.group.into()]);
    for _ in 0..2 {
        for text in [lines[0], "", lines[2], "RWND..."] {
            assert_eq!(
                member.hear(),
                format!("swcmTV{text}").as_bytes(),
                "no newline, an empty line as a bare identity"
            );
        }
    }
}

#[test]
fn the_programme_waits_an_interval_between_lines_and_three_after_the_rewind() {
    const INTERVAL: Duration = Duration::from_millis(100);
    let member = Member::new();
    let begun = Instant::now();
    let _programme = spawn(&member.programme(&["one", "two"], INTERVAL));
    // A busy machine can only make it later. Intervals since the first line: before `two`, `RWND...`, and `one` again.
    for (text, intervals) in [("one", 0), ("two", 1), ("RWND...", 2), ("one", 5), ("two", 6)] {
        assert_eq!(member.hear_programme(), text);
        assert!(begun.elapsed() >= INTERVAL * intervals, "{text}: {:?}", begun.elapsed());
    }
}

#[test]
fn the_default_is_the_handouts_group_each_second_with_romeo_and_juliet() {
    let config = multicast::Config::default();
    assert_eq!((config.group, config.port), (GROUP, 5005));
    assert_eq!((config.interval, config.threshold), (Duration::from_secs(1), 300));
    assert!(config.play.len() > 20 && config.play.iter().any(String::is_empty), "lines, and empty ones between scenes");
    assert!(config.play.iter().all(|line| line.len() + 6 <= 1472 && !line.contains(['\r', '\n'])));
}

#[test]
fn port_0_picks_a_free_one() {
    let play = multicast::Config { port: 0, ..multicast::Config::default() };
    let (running, _events) = spawn(&play);
    assert_ne!(running.address().port(), 0);
    assert_eq!(running.address().ip(), GROUP);
}

#[test]
fn q21_each_of_two_senders_gets_exactly_one_answer_with_its_identity_and_count() {
    let (member, _running, _events) = at_a_standstill(|_| {});
    let students = [(speaker(), "123456", 320), (speaker(), "654321", 400)];
    for (socket, identity, count) in &students {
        // 320 in four datagrams of 80, 400 in four of 100; only the fourth makes it more than 300.
        let opinion = identity.to_string() + &"x".repeat(count / 4);
        for _ in 0..4 {
            socket.send_to(opinion.as_bytes(), member.group).unwrap();
        }
        let answer = member.hear_programme();
        assert!(answer.contains(identity) && answer.contains(&count.to_string()), "{answer}");
    }
    for (socket, identity, _) in &students {
        let more = identity.to_string() + &"more".repeat(200);
        socket.send_to(more.as_bytes(), member.group).unwrap();
    }
    check_nothing_but_the_answer_to(&member, "777777");
}

#[test]
fn q21_characters_are_counted_not_bytes_and_exactly_300_are_not_more() {
    let (member, _running, _events) = at_a_standstill(|_| {});
    // 300 characters of one to four bytes: 750 bytes.
    member.say("123456".to_owned() + &"aé∞🌊".repeat(75));
    check_nothing_but_the_answer_to(&member, "777777");
    member.say("123456!");
    let answer = member.hear_programme();
    assert!(answer.contains("123456") && answer.contains("301"), "{answer}");
}

#[test]
fn q21_the_programme_itself_is_never_answered() {
    let (member, _running, _events) = at_a_standstill(|_| {});
    member.say("swcmTV".to_owned() + &"I am the programme, too. ".repeat(20));
    assert!(member.hear_programme().starts_with("I am the programme"));
    check_nothing_but_the_answer_to(&member, "777777");
}

#[test]
fn the_threshold_is_an_option() {
    let (member, _running, _events) = at_a_standstill(|config| config.threshold = 2);
    member.say("123456ab");
    member.say("123456c");
    let answer = member.hear_programme();
    assert!(answer.contains("123456") && answer.contains('3'), "{answer}");
}

#[test]
fn what_others_send_is_an_event_escaped() {
    let (member, _running, events) = at_a_standstill(|_| {});
    let peer = member.mouth.local_addr().unwrap();
    member.say(b"123456caf\xe9 \x1b[5m");
    assert_eq!(event(&events, "123456"), format!("multicast {peer} 123456: caf\\xe9 \\x1b[5m"));
    member.say("123456a\u{202e}b");
    assert_eq!(event(&events, "123456"), format!("multicast {peer} 123456: a\\xe2\\x80\\xaeb"));
}

#[test]
fn datagrams_that_are_too_short_or_no_text_are_survived() {
    let (member, _running, events) = at_a_standstill(|_| {});
    for short in ["", "a", "short"] {
        member.say(short);
        event(&events, &format!("sent {} byte", short.len()));
    }
    member.say([0xff; 6]);
    member.say([b"\0\0\0\0\0\0".as_slice(), &[0x80; 65_501]].concat());
    let answer = member.hear_programme();
    assert!(answer.contains("\\x00") && answer.contains("65501"), "{answer}");
    check_nothing_but_the_answer_to(&member, "777777");
}

#[test]
fn the_record_has_each_datagram_of_the_group_as_a_line_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.jsonl");
    let (member, _running, events) = at_a_standstill(|config| config.record = Some(path.clone()));
    let texts = ["a \"quoted\" opinion", "", "Ô Roméo 🌹\nof two lines"];
    texts.iter().for_each(|text| member.say(format!("123456{text}")));
    member.say("123456that is all");
    event(&events, "that is all");

    let record = fs::read_to_string(&path).unwrap();
    let entries: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let by = |identity: &'static str| entries.iter().filter(move |entry| entry["identity"] == identity);
    assert_eq!(by("swcmTV").map(|entry| &entry["text"]).collect::<Vec<_>>(), ["But, soft!"]);
    let own: Vec<_> = by("123456").collect();
    assert_eq!(own.iter().map(|entry| &entry["text"]).collect::<Vec<_>>(), [&texts[..], &["that is all"]].concat());
    for entry in own {
        assert_eq!(entry.as_object().unwrap().len(), 4, "{entry}");
        assert_eq!(entry["source"], member.mouth.local_addr().unwrap().to_string());
        // As RFC 3339 writes it: 2018-11-07T23:55:00.000000000+01:00
        let time = entry["time"].as_str().unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape.replace(['+', '-'], "~"), "0000~00~00T00:00:00.000000000~00:00", "{time}");
    }
}

#[test]
fn what_cannot_be_had_is_an_error_that_names_it() {
    let config = multicast::Config { port: 0, ..multicast::Config::default() };
    let check = |config: multicast::Config, words: &str| {
        let error: Error = multicast::spawn(&config, &ServerSettings::default()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    let record = Some(PathBuf::from("no such folder/heard.jsonl"));
    check(multicast::Config { record, ..config.clone() }, "no such folder/heard.jsonl");
    check(multicast::Config { group: Ipv4Addr::new(10, 0, 0, 1), ..config.clone() }, "10.0.0.1");
    check(multicast::Config { interface: "203.0.113.77".parse().unwrap(), ..config }, "203.0.113.77");
}
