//! Wrong programs of part 5, a few lines each: the report names what is wrong, and nothing else.

use std::{fs, thread};

use lab_process::{Outcome, Program};

use crate::report::{
    Need::{Java, Perl, Python},
    Report, java, lacks, other, side_by_side, source,
};

/// What the programs have in common: as little of RFC 6455 as it takes.
const BEGIN: &str = r#"
import base64, os, socket, struct, sys, time
command = sys.argv[1].encode()
is_flood = command == b"CMD_floodme"
TEXT, BINARY, CLOSE = 1, 2, 8
def open_link():
    global link, stream
    link = socket.create_connection(("tcpip.epfl.ch", 5006))
    stream = link.makefile("rb")
def send(opcode, payload):
    mask = os.urandom(4)
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    link.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + hidden)
def read(size):
    got = stream.read(size)
    if len(got) < size: raise EOFError
    return got
def frame():
    first, length = read(2)
    if length == 126: (length,) = struct.unpack(">H", read(2))
    elif length == 127: (length,) = struct.unpack(">Q", read(8))
    return first & 0x0F, read(length)
def upgrade():
    open_link()
    key = base64.b64encode(os.urandom(16)).decode()
    head = ["GET / HTTP/1.1", "Host: tcpip.epfl.ch:5006", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    link.sendall("\r\n".join(head + ["", ""]).encode())
    while stream.readline().strip(): pass
def messages(answers=True, wanted=(TEXT, BINARY), command=command):
    "The messages until the end, which is a close frame or a FIN."
    upgrade()
    send(TEXT, command)
    while True:
        try: opcode, payload = frame()
        except EOFError: return
        if opcode == CLOSE:
            if answers: send(CLOSE, payload)
            return
        if opcode in wanted: yield opcode, payload
"#;

/// Runs lab-report with a program on the experiments that matter for it.
fn report(only: &[&str], source: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("client.py");
    fs::write(&program, format!("{BEGIN}\n{source}\n")).unwrap();
    let command = format!("python3 {}", program.display());
    let mut arguments = vec!["--deadline", "25", "--part5", &command];
    only.iter().for_each(|only| {
        if only.starts_with("--") { arguments.push(only) } else { arguments.extend(["--only", only]) }
    });
    Report::of(&arguments)
}

const ALL: &[&str] = &["part5"];

/// A name, the experiments, a program, and all that is found about it.
type Case = (&'static str, &'static [&'static str], &'static str, &'static [&'static str]);

const WRONG: &[Case] = &[
    ("takes text frames alone", ALL, "for _, text in messages(wanted=[TEXT]): print(text.decode())", &["text-only"]),
    (
        "dies of a binary frame",
        ALL,
        "for kind, text in messages():\n  if kind == BINARY: raise ValueError('not text')\n  print(text.decode())",
        &["text-only"],
    ),
    (
        "waits for text frames for ever",
        ALL,
        "for kind, text in messages():\n  while kind == BINARY: time.sleep(1)\n  \
         print(text.decode())",
        &["text-only"],
    ),
    (
        "dies of a text frame",
        ALL,
        "for kind, text in messages():\n  if kind == TEXT: raise AttributeError('no decode')\n  print(text.decode())",
        &["binary-only"],
    ),
    (
        "takes binary frames alone, and the server sends text",
        &["part5", "--text"],
        "for _, text in messages(wanted=[BINARY]): print(text.decode())",
        &["binary-only"],
    ),
    ("shows bytes", ALL, "for _, text in messages(): print(text)", &["representation"]),
    (
        "takes the first message alone",
        ALL,
        "for _, text in messages():\n  print(text.decode())\n  send(CLOSE, b'')\n  break",
        &["first-message-only"],
    ),
    (
        "takes the first message alone and leaves without a word",
        ALL,
        "for _, text in messages():\n  print(text.decode())\n  break",
        &["first-message-only"],
    ),
    (
        "ends without a close frame",
        ALL,
        "for _, text in messages(answers=False): print(text.decode())",
        &["no-close-frame"],
    ),
    (
        "waits for a close frame for ever",
        ALL,
        "def read(size):\n  got = b''\n  while len(got) < size: time.sleep(0.01); got += stream.read(size - len(got))\n  return got\n\
         for _, text in messages(): print(text.decode())",
        &["needs-close-frame"],
    ),
    ("never ends", ALL, "for _, text in messages(): print(text.decode())\nwhile True: time.sleep(1)", &["never-ended"]),
    (
        "asks for something else",
        ALL,
        "for _, text in messages(command=command.replace(b'short:0', b'short:1')[:11].lower()): print(text.decode())",
        &["wrong-command"],
    ),
    (
        "sends a newline",
        ALL,
        "for _, text in messages(command=command + b'\\n'): print(text.decode())",
        &["bytes-after-command"],
    ),
    ("puts a label before each", ALL, "for _, text in messages(): print('Received:', text.decode())", &["prefix"]),
    ("tells a story", ALL, "print('connecting')\nfor _, text in messages(): print(text.decode())", &["extra-lines"]),
    ("ends no line", ALL, "for _, text in messages(): print(text.decode(), end='', flush=True)", &["joined-lines"]),
    (
        "forgets the last",
        ALL,
        "shown = [text.decode() for _, text in messages()]\nfor text in shown if is_flood else shown[:-1]: print(text)",
        &["late-output", "missing-messages"],
    ),
    (
        "shows the first twice",
        ALL,
        "is_first = not is_flood\nfor _, text in messages():\n  if is_first: print(text.decode())\n  print(text.decode()); \
         is_first = False",
        &["doubled-messages"],
    ),
    ("shows nothing", ALL, "for _, text in messages(): pass", &["no-output"]),
    (
        "shows all at its end",
        ALL,
        "for text in [text.decode() for _, text in messages()]: print(text)",
        &["late-output"],
    ),
    ("crashes", ALL, "for _, text in messages(): print(text.decode())\nint('x')", &["crashed"]),
    ("crashes at once", ALL, "int('x')", &["crashed"]),
    (
        "shows no more than a buffer of the text",
        ALL,
        "for _, text in messages(): print(text.decode()[:4096])",
        &["lost-tail"],
    ),
    (
        "does not ask for a WebSocket",
        &["part5-short", "part5-flood"],
        "open_link()\nlink.sendall(command)\nlink.shutdown(socket.SHUT_WR)\nprint(stream.read().decode())",
        &["no-upgrade"],
    ),
];

const RIGHT: &[Case] = &[
    ("takes both types", ALL, "for _, text in messages(): print(text.decode())", &[]),
    (
        "takes both types, and the server sends text",
        &["part5", "--text"],
        "for _, text in messages(): print(text.decode())",
        &[],
    ),
    ("asks in a binary frame", ALL, "TEXT = BINARY\nfor _, text in messages(wanted=(1, 2)): print(text.decode())", &[]),
    (
        "dies of an end without a close frame",
        ALL,
        "for _, text in messages(): print(text.decode())\nlink.settimeout(2)\nif len(stream.read()) or link.recv(1): pass",
        &[],
    ),
    (
        "leaves after the last message of its own accord",
        ALL,
        "left = 1 if is_flood else 10\nfor _, text in messages():\n  print(text.decode()); left -= 1\n  \
         if not left: send(CLOSE, b'\\x03\\xe8'); stream.read(); break",
        &[],
    ),
];

#[track_caller]
fn check(cases: &[Case]) {
    // Reports mostly wait.
    let results: Vec<(&str, Vec<String>, Vec<String>, Outcome)> = thread::scope(|scope| {
        let run = |&(name, only, source, expected): &Case| {
            scope.spawn(move || {
                let report = report(only, source);
                let expected = expected.iter().map(|id| format!("part5: {id}")).collect();
                (name, report.findings(), expected, report.outcome)
            })
        };
        let running: Vec<_> = cases.iter().map(run).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut wrong = Vec::new();
    for (name, mut found, mut expected, outcome) in results {
        found.sort();
        expected.sort();
        if found != expected {
            wrong.push(format!("{name}: {found:?} and not {expected:?}: {}", outcome.stderr()));
        }
        let remarks = ["late-output", "extra-lines", "prefix", "no-close-frame", "binary-only"];
        let is_fault = found.iter().any(|id| !remarks.iter().any(|remark| id.ends_with(remark)));
        if outcome.code() != i32::from(is_fault) && !found.iter().any(|id| id.ends_with("binary-only")) {
            wrong.push(format!("{name}: status {}: {}", outcome.code(), outcome.stderr()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! tests {
    ($($name:ident: $cases:expr;)*) => {
        $(
            #[test]
            fn $name() {
                if !lacks(stringify!($name), &[Python]) {
                    check($cases);
                }
            }
        )*
    };
}

tests! {
    a_wrong_client_of_frames_is_named_by_its_fault: &WRONG[..6];
    a_client_that_ends_wrongly_is_named_by_its_fault: &WRONG[6..12];
    a_client_that_shows_something_else_is_named_by_its_fault: &WRONG[12..18];
    a_client_that_shows_too_little_is_named_by_its_fault: &WRONG[18..];
    a_right_client_of_frames_has_no_findings: RIGHT;
}

/// A right client, on a seed.
#[track_caller]
fn check_right(command: &str, seed: &str) {
    let report = Report::of(&["--only", "part5", "--seed", seed, "--part5", command]);
    assert_eq!((report.findings(), report.outcome.code()), (vec![], 0), "{command}: {}", report.outcome.stderr());
}

#[test]
fn a_right_client_in_java_has_no_findings() {
    if !lacks("a_right_client_in_java_has_no_findings", &[Java]) {
        let folder = tempfile::tempdir().unwrap();
        check_right(&java(folder.path(), "Part5Ws"), "1");
    }
}

#[test]
fn a_right_client_in_perl_has_no_findings() {
    if !lacks("a_right_client_in_perl_has_no_findings", &[Perl]) {
        check_right(&format!("perl {}", source("part5_ws.pl")), "1");
    }
}

#[test]
fn a_right_client_has_no_findings_on_a_busy_machine_whatever_the_seed() {
    if lacks("a_right_client_has_no_findings_on_a_busy_machine_whatever_the_seed", &[Python]) {
        return;
    }
    let _busy: Vec<Program> = (0..4).map(|_| Program::start("sh", &["-c", "while :; do :; done"]).unwrap()).collect();
    side_by_side(&["2", "3", "4"], |seed| check_right(&other("part5_ws"), seed));
}
