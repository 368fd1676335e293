//! Wrong programs of part 2, a few lines each: the report names what is wrong, and nothing else.

use std::{fs, thread};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;

use crate::report::{
    Need::{self, Python},
    Report, java, lacks, side_by_side, source,
};

/// What the programs have in common.
const BEGIN: &str = r#"
import os, re, signal, socket, struct, sys, time
command = sys.argv[1].encode()
is_flood = command == b"CMD_floodme"
def connect():
    link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    link.connect(("tcpip.epfl.ch", 5003))
    return link
def read(link):
    while piece := link.recv(4096):
        yield piece
def ask(command=command):
    link = connect()
    link.sendall(command)
    return link
def messages(text):
    return [text] if is_flood else re.findall(r"This is PMU data \d+", text)
def cut(pieces):
    "Each message as soon as the next one begins; a large text as it is."
    rest = b""
    for piece in pieces:
        rest += piece
        if not is_flood:
            *complete, rest = re.split(rb"(?<=\d)(?=This)", rest)
            yield from (message.decode() for message in complete)
    yield rest.decode()
"#;

/// Runs lab-report with a program on the experiments that matter for it.
fn report(only: &[&str], source: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pdc.py");
    fs::write(&program, format!("{BEGIN}\n{source}\n")).unwrap();
    let command = format!("python3 {}", program.display());
    let mut arguments = vec!["--deadline", "20", "--part2", &command];
    only.iter().for_each(|only| arguments.extend(["--only", only]));
    Report::of(&arguments)
}

/// All experiments of part 2 but the one that takes ten seconds.
const QUICK: &[&str] = &["part2-short-0", "part2-flood"];

/// A name, the experiments, a program, and all that is found about it.
type Case = (&'static str, &'static [&'static str], &'static str, &'static [&'static str]);

const WRONG: &[Case] = &[
    ("crashes", QUICK, "print(int('x'))", &["crashed"]),
    ("wants another argument", QUICK, "sys.exit('usage: pdc.py HOST COMMAND')", &["usage-error"]),
    ("is killed", QUICK, "os.kill(os.getpid(), signal.SIGKILL)", &["killed"]),
    ("has a defect", QUICK, "os.kill(os.getpid(), signal.SIGSEGV)", &["crashed"]),
    (
        "takes one digit for a number",
        QUICK,
        "if is_flood: print(b''.join(read(ask())).decode())\nelse:\n  text = b''.join(read(ask())).decode()\n  \
         print('\\n'.join(re.findall(r'This is PMU data \\d|\\d+', text)))",
        &["number-cut"],
    ),
    (
        "asks again at the end",
        &["part2-short-0-pieces"],
        "link = ask()\nfor message in cut(read(link)): print(message)\nwhile True: link.recv(100); time.sleep(0.1)",
        &["never-ended"],
    ),
    ("shows nothing", QUICK, "for piece in read(ask()): pass", &["no-output"]),
    (
        "shows all at its end",
        &["part2-short-1"],
        "text = b''.join(read(ask())).decode()\nprint('\\n'.join(messages(text)))",
        &["late-output"],
    ),
    ("tells a story", QUICK, "print('connecting')\nfor message in cut(read(ask())): print(message)", &["extra-lines"]),
    ("puts a label before each", QUICK, "for message in cut(read(ask())): print('Received:', message)", &["prefix"]),
    ("shows bytes", QUICK, "for message in cut(read(ask())): print(message.encode())", &["representation"]),
    (
        "prints each recv",
        &["part2-short-0-open", "part2-short-0-pieces"],
        "for piece in read(ask()): print(piece.decode())",
        &["joined-lines"],
    ),
    (
        "ends a line after each recv of the text",
        QUICK,
        "link = ask()\nif is_flood:\n  for piece in read(link): print(piece.decode(errors='ignore'))\n\
         else:\n  for message in cut(read(link)): print(message)",
        // It drops what it cannot decode as well.
        &["newline-per-recv"],
    ),
    (
        "shows a number before it is whole",
        QUICK,
        "rest = ''\nlink = ask()\nif is_flood: print(b''.join(read(link)).decode())\nelse:\n  \
         for piece in read(link):\n    rest += piece.decode()\n    \
         while found := re.match(r'(This is PMU data )?\\d+', rest):\n      \
         print(found.group()); rest = rest[found.end():]",
        &["number-cut"],
    ),
    (
        "forgets the last",
        QUICK,
        "shown = list(cut(read(ask())))\nprint('\\n'.join(shown if is_flood else shown[:-1]))",
        &["missing-messages"],
    ),
    (
        "shows the first twice",
        QUICK,
        "shown = list(cut(read(ask())))\nprint('\\n'.join(shown if is_flood else shown[:1] + shown))",
        &["doubled-messages"],
    ),
    ("asks for something else", QUICK, "for piece in read(ask(command.lower())): print(piece)", &["wrong-command"]),
    // Of the same length: it is the bytes that count.
    (
        "asks for another pause",
        &["part2-short-0-pieces"],
        "for message in cut(read(ask(b'CMD_short:9'[:10] + b'1'))): print(message)",
        &["wrong-command"],
    ),
    (
        "sends a newline",
        QUICK,
        "for message in cut(read(ask(command + b'\\n'))): print(message)",
        &["bytes-after-command"],
    ),
    (
        "wants IPv6",
        &["part2-short-0-pieces", "part2-short-0"],
        "link = socket.socket(socket.AF_INET6)\nlink.connect(('tcpip.epfl.ch', 5003))",
        &["connected-over-ipv6"],
    ),
    ("reads once", &["part2-short-0-open", "part2-flood"], "print(ask().recv(1024).decode())", &["first-recv-only"]),
    (
        "decodes each recv",
        QUICK,
        "text = ''\nfor piece in read(ask()): text += piece.decode()\nprint('\\n'.join(messages(text)))",
        &["decode-per-recv"],
    ),
    (
        "loses the tail",
        QUICK,
        "text = b''.join(read(ask())).decode()\nprint('\\n'.join(messages(text[:60000] if is_flood else text)))",
        &["lost-tail"],
    ),
    (
        "closes with a reset",
        QUICK,
        "link = ask()\nfor message in cut(read(link)): print(message)\n\
         link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); link.close()",
        &["closed-with-reset"],
    ),
    (
        "takes eighteen bytes for a message",
        &["part2-short-0"],
        "link = ask()\nwhile piece := link.recv(18): print(piece.decode())",
        &["fixed-size-recv"],
    ),
    (
        "looks for messages in the text",
        QUICK,
        "is_flood = False\ntext = b''.join(read(ask())).decode()\nprint('\\n'.join(messages(text)), end='')",
        &["parser-on-flood"],
    ),
];

const RIGHT: &[Case] = &[
    ("cuts at the next message", &["part2"], "for message in cut(read(ask())): print(message)", &[]),
    (
        "tries every address, and has a connection that it never uses",
        QUICK,
        "spare = connect()\nlink = socket.create_connection(('tcpip.epfl.ch', 5003))\nlink.sendall(command)\n\
         for message in cut(read(link)): print(message)",
        &[],
    ),
    (
        "says on stderr what it does, and shuts down its side first",
        QUICK,
        "print('connecting', file=sys.stderr)\nlink = ask()\nlink.shutdown(socket.SHUT_WR)\n\
         for message in cut(read(link)): print(message)",
        &[],
    ),
    (
        "sends its command in two pieces",
        QUICK,
        "link = connect()\nlink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\nlink.send(command[:4])\n\
         link.send(command[4:])\nfor message in cut(read(link)): print(message)",
        &[],
    ),
];

#[test]
fn a_right_program_in_another_language_has_no_findings() {
    let test = "a_right_program_in_another_language_has_no_findings";
    let folder = tempfile::tempdir().unwrap();
    let needs = [Need::Java, Need::Node, Need::Perl, Need::C];
    let needs: Vec<Need> = needs.into_iter().filter(|need| !lacks(&format!("{test} {need:?}"), &[*need])).collect();
    side_by_side(&needs, |need| {
        let command = match need {
            Need::Java => java(folder.path(), "Part2Pdc"),
            Need::Node => format!("node {}", source("part2_pdc.js")),
            Need::Perl => format!("perl {}", source("part2_pdc.pl")),
            _ => {
                let compiled = folder.path().join("pdc").display().to_string();
                let arguments = ["-o", &compiled, &source("part2_pdc.c")];
                assert_eq!(Program::start("cc", &arguments).unwrap().finish(PATIENCE).unwrap().code(), 0);
                compiled
            }
        };
        let report = Report::of(&["--only", "part2-short-0", "--only", "part2-flood", "--part2", &command]);
        assert_eq!(report.findings(), Vec::<String>::new(), "{command}: {}", report.outcome.stderr());
        report.succeeded();
    });
}

#[track_caller]
fn check(cases: &[Case]) {
    // Reports mostly wait.
    let results: Vec<(&str, Vec<String>, Vec<String>, Outcome)> = thread::scope(|scope| {
        let run = |&(name, only, source, expected): &Case| {
            scope.spawn(move || {
                let report = report(only, source);
                let expected = expected.iter().map(|id| format!("part2: {id}")).collect();
                (name, report.findings(), expected, report.outcome)
            })
        };
        let running: Vec<_> = cases.iter().map(run).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (name, found, expected, outcome) in results {
        assert_eq!(found, expected, "{name}: {}", outcome.stderr());
        let remarks = ["part2: late-output", "part2: extra-lines", "part2: prefix", "part2: closed-with-reset"];
        let is_fault = found.iter().any(|id| !remarks.contains(&id.as_str()));
        assert_eq!(outcome.code(), i32::from(is_fault), "{name}: {}", outcome.stderr());
    }
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
    a_wrong_program_is_named_by_its_fault_a_quarter: &WRONG[..7];
    a_wrong_program_is_named_by_its_fault_half: &WRONG[7..13];
    a_wrong_program_is_named_by_its_fault_three_quarters: &WRONG[13..19];
    a_wrong_program_is_named_by_its_fault_all: &WRONG[19..];
    a_right_program_has_no_findings: RIGHT;
}
