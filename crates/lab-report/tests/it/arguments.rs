//! What a user says about programs, folders and the lab's edition.

use std::{fs, path::Path};

use lab_process::Program;
use lab_test::PATIENCE;

use crate::report::{
    LAB_REPORT,
    Need::{Python, Strace},
    Report, lacks,
};

/// A program in Python, in a folder of its own.
fn python(folder: &Path, source: &str) -> String {
    let program = folder.join("program.py");
    fs::write(&program, source).unwrap();
    format!("python3 {}", program.display())
}

const LATER: &str = "
import socket, sys
host, port, command = sys.argv[1:]
link = socket.create_connection((host, int(port)))
link.sendall(command.encode())
text = b''
while piece := link.recv(4096): text += piece
print(text.decode().replace('This', '\\nThis').strip())
";

#[test]
fn a_program_of_a_later_edition_is_found_out_by_trying() {
    if lacks("a_program_of_a_later_edition_is_found_out_by_trying", &[Python]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let report = Report::of(&["--only", "part2-short-0", "--part2", &python(folder.path(), LATER)]);
    report.succeeded();
    report.says("Q11", &["d = 0", "2 packets"]);
    let commands = report.experiment("part2-short-0")["commands"].to_string();
    assert!(commands.contains("program.py tcpip.epfl.ch 5003 CMD_short:0"), "{commands}");
    let programs = report.sheet["run"]["others_programs"].to_string();
    assert!(programs.contains("{host} {port} {command}"), "{programs}");
}

#[test]
fn a_template_gives_a_program_the_arguments_that_it_wants() {
    if lacks("a_template_gives_a_program_the_arguments_that_it_wants", &[Python]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = python(folder.path(), &LATER.replace("host, port, command", "command, host, port"));
    let only = ["--only", "part2-short-0-pieces", "--part2", &program];
    let report = Report::of(&[&only[..], &["--args2", "{command} {host} {port}"]].concat());
    report.succeeded();
    let commands = report.experiment("part2-short-0-pieces")["commands"].to_string();
    assert!(commands.contains("program.py CMD_short:0 tcpip.epfl.ch 5003"), "{commands}");
}

#[test]
fn a_program_with_the_addresses_of_the_real_servers_in_it_reaches_ours() {
    if lacks("a_program_with_the_addresses_of_the_real_servers_in_it_reaches_ours", &[Python]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/part3_pdc.py")).unwrap();
    let lookup = "socket.getaddrinfo(PMU, PORT, family, socket.SOCK_DGRAM)[0][4]";
    let literal = "('128.178.151.64' if family == socket.AF_INET else '2002:80b2:9c51::ffff:901', PORT)";
    assert!(source.contains(lookup));
    let report =
        Report::of(&["--only", "part3-reset", "--part3", &python(folder.path(), &source.replace(lookup, literal))]);
    report.succeeded();
    report.says("Q16", &["PMU on IPv4", "Over IPv4"]);
    report.says("Q16", &["PMU on IPv6", "Over IPv6"]);
}

#[test]
fn only_what_was_asked_for_is_shown_and_counted() {
    if lacks("only_what_was_asked_for_is_shown_and_counted", &[]) {
        return;
    }
    let report = Report::of(&["--only", "part1"]);
    report.succeeded();
    let names = |kind: &str, name: &str| {
        report.list(kind).iter().map(|one| one[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("experiments", "name"), ["part1-udp", "part1-echo"]);
    assert_eq!(names("answers", "question"), (1..=9).map(|n| format!("Q{n}")).collect::<Vec<_>>());
    let line = report.outcome.stdout();
    assert!(line.starts_with("2 of 2 experiments made, 9 of 9 questions answered"), "{line}");
    assert_eq!(report.sheet["run"]["is_complete"], true);
    assert!(!report.page().contains("part2-short-0"));
}

#[test]
fn another_text_floods_and_other_ports_are_those_of_an_edition() {
    if lacks("another_text_floods_and_other_ports_are_those_of_an_edition", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "Ein Text mit Umlauten: äöü. ".repeat(200)).unwrap();
    let flood = ["--flood-file", text.to_str().unwrap(), "--only", "part2-flood"];
    let ports =
        ["--datagram-port", "50007", "--multicast-port", "10505", "--only", "part1-udp", "--only", "part4-multi"];
    let report = Report::of(&[&flood[..], &ports].concat());
    report.succeeded();
    report.says("Q14", &["6,200 bytes"]);
    report.says("Q2", &["Hello, Romeo"]);
    report.says("Q18", &["ROMEO AND JULIET"]);
    let commands = report.experiment("part4-multicast")["commands"].to_string();
    assert!(commands.contains("224.1.1.1 10505"), "{commands}");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone_and_an_older_report_is_replaced() {
    if lacks("a_folder_of_somebody_else_is_left_alone_and_an_older_report_is_replaced", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |only: &str| {
        let arguments = ["--out", folder.path().to_str().unwrap(), "--only", only];
        Program::start(LAB_REPORT, &arguments).unwrap().finish(PATIENCE).unwrap()
    };
    fs::write(folder.path().join("index.html"), "my page").unwrap();
    let refused = run("part1-udp");
    let stderr = refused.stderr();
    assert_eq!((refused.code(), refused.stdout().as_str()), (1, ""), "{stderr}");
    assert!(
        stderr.ends_with("has files in it that are of no report\nhint: name another folder with --out\n"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("index.html")).unwrap(), "my page");

    fs::remove_file(folder.path().join("index.html")).unwrap();
    assert_eq!(run("part1-udp").code(), 0);
    let (old, new) =
        (folder.path().join("captures/part1-udp.pcapng"), folder.path().join("captures/part1-echo.pcapng"));
    assert!(old.is_file());
    assert_eq!(run("part1-echo").code(), 0);
    assert!(new.is_file() && !old.exists(), "an older capture is of no experiment of this report");
    assert!(!folder.path().join("output/part1-udp.txt").exists());
}

#[test]
fn the_calls_of_recv_of_any_program_are_counted_from_outside() {
    if lacks("the_calls_of_recv_of_any_program_are_counted_from_outside", &[Python, Strace]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Its own count goes to stderr.
    let source = "
import socket, sys
link = socket.create_connection(('tcpip.epfl.ch', 5003))
link.sendall(sys.argv[1].encode())
text, calls = b'', 0
while True:
    piece = link.recv(1000)
    calls += 1
    if not piece: break
    text += piece
print(text.decode())
print('calls:', calls, file=sys.stderr)
";
    let report = Report::of(&["--watch-recv", "--only", "part2-flood", "--part2", &python(folder.path(), source)]);
    report.succeeded();
    assert!(report.answer("Q15")["missing"].is_null());
    let output = report.output("part2-flood");
    let counted = output.lines().find_map(|line| line.split_once("calls: ")).unwrap().1;
    report.says("Q15", &["calls", &format!("{counted} times")]);
}
