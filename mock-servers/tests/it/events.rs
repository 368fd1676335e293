//! Events: each is one JSON object that is read back as it was, stands in the README, and has its line.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use lab_process::{Program, Stream};
use labnet::net::Family;
use mock_servers::{
    ClientId, Event, ServerName,
    event::{ClientExit, TlsParameters, TransportProtocol, ZooOutcome, ZooPhase},
    fault::Fault,
    zoo,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");

const DEADLINE: Duration = Duration::from_secs(60);

/// At least one event of each kind.
fn samples() -> Vec<Event> {
    use ServerName::{Multicast, Pmu, Proxy, Reset, Tls, Ws, Zoo};
    let client = |server| ClientId { server, peer: "127.0.0.1:40000".parse().unwrap(), tls: None };
    let reason = || "Connection reset by peer".to_owned();
    let command = || "CMD_short:0".to_owned();
    let request = || "RESET:20".to_owned();
    let tls = || Some(TlsParameters { version: "TLSv1.3".into(), cipher_suite: "TLS_AES_256_GCM_SHA384".into() });
    let visit = |name: Option<&str>, class, outcome| {
        let name = name.map(str::to_owned);
        Event::Visited { client: client(Zoo), name: name.map(Into::into), class, outcome }
    };
    let ended = |phase, exit| ZooOutcome::Ended { phase, exit };
    let mut samples = vec![
        Event::Listening { server: Pmu, protocol: TransportProtocol::Tcp, address: "127.0.0.1:5003".parse().unwrap() },
        Event::Listening { server: Reset, protocol: TransportProtocol::Udp, address: "[::1]:5004".parse().unwrap() },
        Event::Authority { server: Zoo, certificate: "certs/zoo_cacert.pem".into() },
        Event::Ready,
        Event::NoIpv6 { server: Ws, reason: "Address family not supported by protocol".into() },
        Event::CannotAccept { server: Pmu, reason: "Too many open files".into() },
        Event::AtCapacity { server: Pmu, clients: 4096 },
        Event::CannotSend { client: client(Ws), reason: reason() },
        Event::CannotReceive { client: client(Ws), reason: reason() },
        Event::SocketFailed { server: Reset, reason: reason() },
        Event::Trouble { server: Reset, reason: "cannot listen on UDP port [::1]:5004: Address already in use".into() },
        Event::LeftOut { events: 17 },
        Event::Faulty {
            client: client(Pmu),
            number: 3,
            faults: vec![Fault::Slice { bytes: 3, pause: Duration::ZERO }, Fault::Reset(40)],
        },
        Event::Answered { client: client(Pmu), command: command(), sends: 10, bytes: 181 },
        Event::Answered { client: client(Ws), command: command(), sends: 10, bytes: 181 },
        Event::Echoed { client: client(Ws), messages: 3, bytes: 54 },
        Event::Answered { client: ClientId { tls: tls(), ..client(Tls) }, command: command(), sends: 10, bytes: 181 },
        Event::Gone { client: client(Pmu), command: Some(command()), reason: reason() },
        Event::Gone { client: ClientId { tls: tls(), ..client(Tls) }, command: None, reason: reason() },
        Event::UnknownCommand { client: client(Pmu), received: "\\x1b[2J".into() },
        Event::NoCommand { client: client(Pmu) },
        Event::TooSlow { client: ClientId { tls: tls(), ..client(Tls) } },
        Event::Silent { client: client(Ws), seconds: 10.0 },
        Event::HandshakeFailed { client: client(Tls), reason: "was too slow in the handshake".into() },
        Event::ProtocolError { client: client(Ws), reason: "broke the WebSocket protocol: …".into() },
        Event::FamilyChanged { server: Reset, family: Family::Ipv4, answers: true },
        Event::FamilyChanged { server: Reset, family: Family::Ipv6, answers: false },
        Event::Acknowledged { client: client(Reset), request: request().into(), reply: "OFFSET=7".into(), offset: 7 },
        Event::WrongCommand { client: client(Reset), request: "reset:20".into(), reply: "Wrong command.".into() },
        Event::Lost { client: client(Reset), request: request().into() },
        Event::CannotAnswer { client: client(Reset), reason: "Network is unreachable".into() },
        Event::Heard { client: client(Multicast), identity: "123456".into(), text: "But soft!".into() },
        Event::TooShort { client: client(Multicast), bytes: 5 },
        Event::Relayed { client: client(Proxy), to: "127.0.0.1:5003".parse().unwrap(), bytes: 181 },
        Event::NoUpstream {
            client: client(Proxy),
            reason: "cannot connect to localhost:5003: Connection refused".into(),
        },
        Event::Thanked { server: Multicast, identity: "123456".into(), characters: 301 },
    ];
    samples.extend([
        visit(Some("nobody.test"), None, ZooOutcome::NoSuchCase),
        visit(Some("good.test"), Some(zoo::Class::Good), ZooOutcome::Page),
        visit(Some("expired.test"), Some(zoo::Class::Expired), ZooOutcome::NoRequest),
        visit(Some("expired.test"), Some(zoo::Class::Expired), ended(ZooPhase::Page, ClientExit::Left)),
        visit(None, Some(zoo::Class::WrongHost), ended(ZooPhase::Handshake, ClientExit::TooSlow)),
        visit(Some("alert.test"), Some(zoo::Class::Alert), ZooOutcome::Bytes { bytes: 7 }),
        visit(Some("drip.test"), Some(zoo::Class::Silence), ZooOutcome::Drip { bytes: 10 }),
        visit(Some("twice.test"), Some(zoo::Class::UnexpectedMessage), ZooOutcome::Twice),
        visit(Some("reset.test"), Some(zoo::Class::Reset), ZooOutcome::Reset),
        visit(Some("silent.test"), Some(zoo::Class::Silence), ZooOutcome::Silence { left: true }),
        visit(None, None, ZooOutcome::NoClientHello { reason: "does not speak TLS".into() }),
        visit(
            Some("only.test"),
            Some(zoo::Class::Good),
            ZooOutcome::NoHandshake { reason: "has no TLS version in common with us".into() },
        ),
        visit(None, None, ZooOutcome::Trouble { reason: "cannot receive from 127.0.0.1:40000: Bad file".into() }),
        visit(
            Some("cut.test"),
            Some(zoo::Class::HandshakeCut),
            ended(ZooPhase::Defect, ClientExit::Gone { reason: reason() }),
        ),
        visit(
            Some("expired.test"),
            Some(zoo::Class::Expired),
            ended(
                ZooPhase::Handshake,
                ClientExit::Refused { reason: "refused the handshake with the alert certificate_expired".into() },
            ),
        ),
        visit(None, None, ended(ZooPhase::ClientHello, ClientExit::Left)),
    ]);
    samples
}

fn json_of(event: &Event) -> Value {
    serde_json::to_value(event).unwrap()
}

/// The kinds of a tagged enum, as serde lists them.
fn kinds<T: DeserializeOwned>(tag: &str) -> BTreeSet<String> {
    let mut object = json!({ tag: "?" });
    object["phase"] = json!("page");
    let error = serde_json::from_value::<T>(object).err().expect("there is no such kind").to_string();
    assert!(error.contains("expected one of"), "{error}");
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

/// What the samples have under a key.
fn values(key: &str) -> BTreeSet<String> {
    samples().iter().filter_map(|event| Some(json_of(event).get(key)?.as_str()?.to_owned())).collect()
}

#[test]
fn there_is_a_sample_of_each_kind() {
    assert_eq!(values("event"), kinds::<Event>("event"));
    assert_eq!(values("outcome"), kinds::<ZooOutcome>("outcome"));
    assert_eq!(values("exit"), kinds::<ClientExit>("exit"));
}

#[test]
fn each_event_is_read_back_as_it_was() {
    for event in samples() {
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.starts_with("{\"event\":\"") && !line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
    }
}

#[test]
fn each_class_of_the_zoo_is_read_back_and_written_as_it_is_shown() {
    for case in zoo::cases() {
        assert_eq!(serde_json::to_value(case.class).unwrap(), case.class.name());
    }
}

#[test]
fn the_readme_lists_each_event_with_its_line_and_each_field() {
    let rows: Vec<_> =
        samples().iter().map(|event| format!("| `{}` | `{event}` |", serde_json::to_string(event).unwrap())).collect();
    let listed: Vec<_> = README.lines().filter(|line| line.starts_with("| `{")).collect();
    assert!(listed == rows, "the rows of README.md are to be\n{}", rows.join("\n"));
    let fields: BTreeSet<_> = samples()
        .iter()
        .flat_map(|event| json_of(event).as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    for field in fields {
        assert!(README.contains(&format!("\n| `{field}` |")), "README.md does not describe the field {field}");
    }
}

#[test]
fn the_program_prints_the_same_events_as_objects() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-servers"));
    command.args(["pmu", "--pmu-port", "0", "--seed", "1", "--events", "json"]);
    let mut program = Program::spawn(command).unwrap();
    let mut next = |what: &str| {
        let is_it = |line: &lab_process::Line| line.stream == Stream::Stdout && line.text.contains(what);
        let line = program.line_with(what, DEADLINE, is_it).unwrap();
        serde_json::from_str::<Event>(&line.text).unwrap_or_else(|error| panic!("{error}: {}", line.text))
    };
    let Event::Listening { server: ServerName::Pmu, protocol: TransportProtocol::Tcp, address } = next("listening")
    else {
        panic!("not listening");
    };
    assert_eq!(next("ready"), Event::Ready);
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"CMD_short:0").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let id = ClientId { server: ServerName::Pmu, peer: client.local_addr().unwrap(), tls: None };
    drop(client);
    let (command, bytes) = ("CMD_short:0".to_owned(), answer.len() as u64);
    let answered = Event::Answered { client: id, command, sends: 10, bytes };
    assert_eq!(next("answered"), answered);
}
