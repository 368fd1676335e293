//! Wrong PMUs of part 6, a few lines each: the report names what is wrong, and nothing else.

use std::{fs, process::Command, thread};

use lab_process::{Outcome, Program};

use crate::report::{
    Need::{self, Java, Node, OpenSsl, Python},
    Report, java, lacks, side_by_side, source,
};

/// What the PMUs have in common: a right one, taken apart.
const BEGIN: &str = r#"
import os, socket, ssl, sys, time
port, certificate, key = (sys.argv + ["5003", "CAMIPRO1_cert.pem", "CAMIPRO1_key.pem"][len(sys.argv) - 1:])[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
def listen():
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("", int(port)))
    door.listen()
    return door
def clients(survives=(OSError,)):
    door = listen()
    while True:
        plain, _ = door.accept()
        try: pdc = context.wrap_socket(plain, server_side=True)
        except survives: plain.close(); continue
        yield pdc
def command(pdc): return pdc.recv(64)
def send(pdc, numbers=range(1, 11), pause=0):
    for number in numbers:
        pdc.sendall(f"This is PMU data {number}".encode())
        time.sleep(pause)
def close(pdc):
    try: pdc.unwrap()
    except OSError: pass
    pdc.close()
def talk(pdc):
    asked = command(pdc)
    if asked.startswith(b"CMD_short:"): send(pdc, pause=float(asked[10:]))
def serve(clients=clients, talk=talk, close=close):
    for pdc in clients():
        try: talk(pdc)
        except OSError: pass
        close(pdc)
"#;

/// Runs lab-report with a PMU on the experiments of part 6.
fn report(source: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pmu.py");
    fs::write(&program, format!("{BEGIN}\n{source}\n")).unwrap();
    let command = format!("python3 {}", program.display());
    Report::of(&["--only", "part6", "--deadline", "30", "--part6", &command])
}

/// A name, a program, and all that is found about it.
type Case = (&'static str, &'static str, &'static [&'static str]);

const WRONG: &[Case] = &[
    ("keeps the connection open", "kept = []\nserve(close=kept.append)", &["never-closes"]),
    (
        "waits for the client to close",
        "def close(pdc):\n  while pdc.recv(64): pass\n  pdc.close()\nserve(close=close)",
        &["never-closes"],
    ),
    ("ignores the command", "def talk(pdc): command(pdc); send(pdc)\nserve(talk=talk)", &["command-ignored"]),
    ("answers before it is asked", "def talk(pdc): send(pdc); command(pdc)\nserve(talk=talk)", &["command-ignored"]),
    (
        "sends one message",
        "def talk(pdc):\n  if command(pdc) == b'CMD_short:0': send(pdc, [1])\nserve(talk=talk)",
        &["one-message"],
    ),
    ("serves one client", "for pdc in clients():\n  talk(pdc)\n  close(pdc)\n  break", &["serves-once"]),
    (
        "serves one client and idles",
        "for pdc in clients():\n  talk(pdc)\n  close(pdc)\n  while True: time.sleep(1)",
        &["serves-once"],
    ),
    (
        "crashes after its first client",
        "for pdc in clients():\n  talk(pdc)\n  close(pdc)\n  pdc.recv(10)\n  int('x')",
        &["crashed"],
    ),
    (
        "does not speak TLS",
        "def clients():\n  door = listen()\n  while True: yield door.accept()[0]\n\
         def close(pdc): pdc.close()\nserve(clients=clients, close=close)",
        &["not-tls"],
    ),
    (
        "does not speak TLS and answers whatever comes",
        "def clients():\n  door = listen()\n  while True: yield door.accept()[0]\n\
         def talk(pdc): command(pdc); send(pdc)\ndef close(pdc): pdc.close()\nserve(clients, talk, close)",
        &["not-tls"],
    ),
    ("has TLS 1.2 alone", "context.maximum_version = ssl.TLSVersion.TLSv1_2\nserve()", &["one-version"]),
    ("has TLS 1.3 alone", "context.minimum_version = ssl.TLSVersion.TLSv1_3\nserve()", &["one-version"]),
    (
        "has TLS 1.3 alone and dies of another",
        "context.minimum_version = ssl.TLSVersion.TLSv1_3\nfor pdc in clients(()):\n  try: talk(pdc)\n  except OSError: pass\n  close(pdc)",
        &["dies-on-plain-text", "one-version"],
    ),
    (
        "greets",
        "def talk(pdc):\n  asked = command(pdc)\n  if asked == b'CMD_short:0': pdc.sendall(b'Welcome\\n'); send(pdc)\nserve(talk=talk)",
        &["banner"],
    ),
    (
        "greets before it is asked",
        "def first(pdc): pdc.sendall(b'Welcome\\n'); talk(pdc)\nserve(talk=first)",
        &["banner"],
    ),
    ("closes without close_notify", "def close(pdc): pdc.close()\nserve(close=close)", &["no-close-notify"]),
    (
        "dies of a client without TLS",
        "for pdc in clients(()):\n  try: talk(pdc)\n  except OSError: pass\n  close(pdc)",
        &["dies-on-plain-text"],
    ),
    (
        "leaves a number out",
        "def send(pdc, pause): [pdc.sendall(b'This is PMU data %d' % i) for i in (1, 2, 4)]\nserve()",
        &["wrong-numbers"],
    ),
    (
        "does not know the command",
        "def talk(pdc):\n  if command(pdc) == b'cmd_short:0': send(pdc)\nserve(talk=talk)",
        &["no-answer"],
    ),
    ("crashes at the command", "def talk(pdc): int(command(pdc))\nserve(talk=talk)", &["crashed"]),
    ("crashes at once", "int('x')", &["crashed"]),
    ("wants other arguments", "sys.exit('usage: pmu.py PORT')", &["usage-error"]),
    ("opens no port", "while True: time.sleep(1)", &["never-listens"]),
];

const RIGHT: &[Case] = &[
    ("ends with close_notify", "serve()", &[]),
    (
        "counts from 0 to 14 and separates messages",
        "def send(pdc, pause): [pdc.sendall(b'This is PMU data %d\\n' % i) for i in range(15)]\nserve()",
        &[],
    ),
    (
        "sends all at once",
        "def send(pdc, pause): pdc.sendall(b''.join(b'This is PMU data %d' % i for i in range(1, 18)))\nserve()",
        &[],
    ),
    (
        "has its own port and the files of the handout",
        "import socket\nport = 50443\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         context.load_cert_chain('CAMIPRO1_cert.pem', 'CAMIPRO1_key.pem')\nserve()",
        &[],
    ),
    (
        "has a number in the names of its files",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         context.load_cert_chain('123456_cert.pem', '123456_key.pem')\nserve()",
        &[],
    ),
    (
        "is on loopback alone, and looks at nothing but the beginning of the command",
        "def listen():\n  door = socket.create_server(('localhost', int(port)))\n  return door\n\
         def talk(pdc):\n  if command(pdc)[:9] == b'CMD_short': send(pdc)\nserve(talk=talk)",
        &[],
    ),
    (
        "dies of a command that the handout does not ask for",
        "for pdc in clients():\n  {b'CMD_short:0': send}[command(pdc)](pdc)\n  close(pdc)",
        &[],
    ),
];

#[track_caller]
fn check(cases: &[Case]) {
    // Reports mostly wait.
    let results: Vec<(&str, Vec<String>, Vec<String>, Outcome)> = thread::scope(|scope| {
        let run = |&(name, source, expected): &Case| {
            scope.spawn(move || {
                let report = report(source);
                let expected = expected.iter().map(|id| format!("part6: {id}")).collect();
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
        let remarks = ["banner", "no-close-notify", "dies-on-plain-text", "command-ignored"];
        let is_fault = found.iter().any(|id| !remarks.iter().any(|remark| id.ends_with(remark)));
        // Our PDC leaves at the first byte that belongs to no message.
        let leaves = found.iter().any(|id| id.ends_with("banner"));
        if !leaves && outcome.code() != i32::from(is_fault) {
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
    a_pmu_that_ends_wrongly_is_named_by_its_fault: &WRONG[..6];
    a_pmu_that_serves_wrongly_is_named_by_its_fault: &WRONG[6..12];
    a_pmu_that_says_more_or_less_is_named_by_its_fault: &WRONG[12..18];
    a_pmu_that_does_not_answer_is_named_by_its_fault: &WRONG[18..];
    a_right_pmu_has_no_findings: RIGHT;
}

#[track_caller]
fn check_right(test: &str, need: Need, command: &str) {
    if !lacks(test, &[need]) {
        let report = Report::of(&["--only", "part6", "--part6", command]);
        assert_eq!((report.findings(), report.outcome.code()), (vec![], 0), "{}", report.outcome.stderr());
    }
}

#[test]
fn a_right_pmu_in_java_has_no_findings() {
    if lacks("a_right_pmu_in_java_has_no_findings", &[Java]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    check_right("a_right_pmu_in_java_has_no_findings", Java, &java(folder.path(), "Part6Pmu"));
}

#[test]
fn a_right_pmu_in_node_has_no_findings() {
    check_right("a_right_pmu_in_node_has_no_findings", Node, &format!("node {}", source("part6_pmu.js")));
}

#[test]
fn a_right_pmu_in_c_has_no_findings() {
    if lacks("a_right_pmu_in_c_has_no_findings", &[OpenSsl]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pmu").display().to_string();
    let compiled = Command::new("cc").args(["-o", &program, &source("part6_pmu.c"), "-lssl", "-lcrypto"]).output();
    let compiled = compiled.unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    check_right("a_right_pmu_in_c_has_no_findings", OpenSsl, &program);
}

#[test]
fn a_right_pmu_has_no_findings_on_a_busy_machine_whatever_the_seed() {
    if lacks("a_right_pmu_has_no_findings_on_a_busy_machine_whatever_the_seed", &[Python]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pmu.py");
    fs::write(&program, format!("{BEGIN}\nserve()\n")).unwrap();
    let command = format!("python3 {}", program.display());
    let _busy: Vec<Program> = (0..4).map(|_| Program::start("sh", &["-c", "while :; do :; done"]).unwrap()).collect();
    side_by_side(&["2", "3", "4"], |seed| {
        let report = Report::of(&["--only", "part6", "--seed", seed, "--part6", &command]);
        assert_eq!((report.findings(), report.outcome.code()), (vec![], 0), "{}", report.outcome.stderr());
    });
}
