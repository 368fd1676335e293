//! `lab-capture` as a user sees it: stdout, stderr, exit status.

use std::{fs, path::Path};

use lab_process::{Outcome, Program};
use lab_test::PATIENCE;
use rustls::version::TLS13;

use crate::{
    exchange,
    wire::{
        Side::{Client, Server},
        Wire,
    },
};

fn run(arguments: &[&str]) -> Outcome {
    run_with(arguments, b"")
}

fn run_with(arguments: &[&str], input: &[u8]) -> Outcome {
    let mut program = Program::start(env!("CARGO_BIN_EXE_lab-capture"), arguments).unwrap();
    program.input(input);
    program.finish(PATIENCE).unwrap()
}

/// A connection with a repeat, and a datagram.
fn wire() -> Wire {
    let mut wire = Wire::new("10.0.0.1:40000", "10.0.0.2:5003");
    wire.open();
    wire.send(Client, b"CMD_short:0");
    wire.send(Server, b"This is PMU data 1");
    wire.send_at(Server, -18, b"This is PMU data 1");
    wire.close();
    wire.datagram(Client, b"RESET:20");
    wire.recording.dropped = Some(0);
    wire.recording.received = Some(10);
    wire
}

fn written(wire: &Wire, folder: &Path) -> String {
    let path = folder.join("lab.pcapng");
    wire.recording.write(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

const COUNTS: &str = "\
flow       from            to              packets  with payload  bytes  distinct  again  bytes again  late  SYN  FIN  RST
   1  TCP  10.0.0.1:40000  10.0.0.2:5003         5             1     11        11      0            0     0    1    1    0
   1  TCP  10.0.0.2:5003   10.0.0.1:40000        4             2     36        18      1           18     0    1    1    0
   2  UDP  10.0.0.1:40000  10.0.0.2:5003         1             1      8         8      0            0     0    0    0    0
   2  UDP  10.0.0.2:5003   10.0.0.1:40000        0             0      0         0      0            0     0    0    0    0
           total                                10             4     55        37      1           18     0    2    2    0
frames: 10 in 0.180000 s
dropped by the capture: 0 of 10
";

#[test]
fn count_prints_a_line_for_each_flow_and_direction() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&wire(), folder.path());
    let outcome = run(&["count", &file]);
    assert_eq!((outcome.stdout().as_str(), outcome.stderr().as_str(), outcome.code()), (COUNTS, "", 0));
    let outcome = run_with(&["count", "-"], &fs::read(&file).unwrap());
    assert_eq!((outcome.stdout().as_str(), outcome.code()), (COUNTS, 0));
    let json: serde_json::Value = serde_json::from_str(&run(&["count", &file, "--json"]).stdout()).unwrap();
    assert_eq!(json["flows"][0]["received"]["retransmitted_packets"], 1);
    assert_eq!((&json["frames"], &json["dropped"], &json["error"]), (&10.into(), &0.into(), &().into()));
}

#[test]
fn show_draws_each_flow() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&wire(), folder.path());
    let outcome = run(&["show", &file]);
    let text = outcome.stdout();
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""));
    for expected in [
        "TCP connection 1\n                    client   ",
        "    5     80.000 ms |<---- 18 B: This is PMU data 1 ----",
        "    6    100.000 ms |<==== 18 B: This is PMU data 1 (again) ====",
        "\n\nUDP conversation 2\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let svg = run(&["show", &file, "--svg", "--flow", "2"]).stdout();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("RESET:20"), "{svg}");
    let outcome = run(&["show", &file, "--svg"]);
    assert_eq!(outcome.code(), 2);
    assert_eq!(outcome.stderr(), "error: the capture has 2 flows: choose one with --flow N\n");
    let outcome = run(&["show", &file, "--flow", "9"]);
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (2, "error: there is no flow 9: the capture has 2\n"));
}

#[test]
fn show_lists_the_messages_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = exchange::exchange(&TLS13);
    let with = run(&["show", &written(&wire, folder.path())]).stdout();
    assert!(with.contains("TLS: TLS 1.3 (0x0304)\nhandshake: packets 4 to 10: 2 from the client and 2"), "{with}");
    assert!(with.contains("ClientHello in packet 4, ServerHello in packet 6\n"), "{with}");
    let line = "6-8          140.000 ms <--     10 B    EncryptedExtensions [decrypted]\n";
    assert!(with.contains(line), "{with}");
    let keys = folder.path().join("keys.log");
    fs::write(&keys, wire.recording.secrets.as_str()).unwrap();
    wire.recording.secrets = Default::default();
    let file = written(&wire, folder.path());
    let without = run(&["show", &file]).stdout();
    assert!(without.contains("an estimate without secrets") && without.contains("(--keylog FILE)"), "{without}");
    assert_eq!(run(&["show", &file, "--keylog", keys.to_str().unwrap()]).stdout(), with);
    let details = run(&["show", &file, "--keylog", keys.to_str().unwrap(), "--details"]).stdout();
    assert!(details.contains("ApplicationData [decrypted]") && details.contains("extensions: "), "{details}");
}

#[test]
fn what_was_read_before_damage_is_shown_then_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&wire(), folder.path());
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 60]).unwrap();
    for command in ["count", "show"] {
        let outcome = run(&[command, &file]);
        assert_eq!(outcome.code(), 1);
        assert!(outcome.stdout().contains("10.0.0.2:5003"));
        let stderr = outcome.stderr();
        assert!(
            stderr.starts_with(&format!("error: {file}: the file was cut off within the block at byte ")),
            "{stderr}"
        );
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["count", "--json", &file]).stdout()).unwrap();
    assert!(json["error"].as_str().unwrap().contains("at byte"));
    fs::write(&file, "This is PMU data 1").unwrap();
    let outcome = run(&["count", &file]);
    let expected = format!("error: {file}: this is no pcapng or pcap file: it begins 'This is '\n");
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (1, String::new(), expected));
    let outcome = run(&["count", "/nonexistent"]);
    assert_eq!(outcome.stderr(), "error: cannot open /nonexistent: No such file or directory\n");
    assert_eq!((outcome.code(), run(&["count"]).code(), run(&["--help"]).code()), (1, 2, 0));
}
