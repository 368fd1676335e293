//! Wrong programs of part 4: the report names what is wrong with each, and nothing else. Right ones have no findings,
//! whatever their style.

use std::{fs, process::Command, thread};

use crate::report::{
    Need::{Java, Node, Python},
    Report, lacks, other, side_by_side,
};

/// Each pair of programs, receiver and sender, with all that is to be found; a few at the same time: they mostly wait.
#[track_caller]
fn check(pairs: &[(String, String, &[&str])]) {
    for some in pairs.chunks(3) {
        let report = |receiver: &str, sender: &str| {
            Report::of(&["--only", "part4", "--part4-receiver", receiver, "--part4-sender", sender])
        };
        let reports = thread::scope(|scope| {
            let each: Vec<_> =
                some.iter().map(|(receiver, sender, _)| scope.spawn(move || report(receiver, sender))).collect();
            each.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        for ((receiver, sender, expected), report) in some.iter().zip(reports) {
            assert_eq!(report.findings(), *expected, "{receiver}; {sender}\n{}", report.outcome.stderr());
        }
    }
}

fn receiver(how: &str) -> String {
    format!("{} {how}", other("part4_receiver_wrong"))
}

fn sender(how: &str) -> String {
    format!("{} {how}", other("part4_sender_wrong"))
}

/// What is wrong with a receiver and a sender.
macro_rules! pairs {
    ($(($receiver:literal, $sender:literal): [$($id:literal),*];)*) => {
        [$((receiver($receiver), sender($sender), &[$($id),*] as &[&str])),*]
    };
}

#[test]
fn what_a_receiver_or_a_sender_does_wrong_is_named() {
    if lacks("what_a_receiver_or_a_sender_does_wrong_is_named", &[Python]) {
        return;
    }
    check(&pairs![
        ("not-joined", "identity-missing"): ["part4-receiver: not-joined", "part4-sender: identity-missing"];
        ("identity-not-shown", "separator-after-identity"):
            ["part4-receiver: identity-not-shown", "part4-sender: separator-after-identity"];
        ("representation", "one-line-only"): ["part4-receiver: representation", "part4-sender: one-line-only"];
        ("representation-of-text", "dies"): ["part4-receiver: representation", "part4-sender: crashed"];
        ("dies-on-other-identity", "eof"): ["part4-receiver: dies-on-other-identity"];
        ("no-output", "eof"): ["part4-receiver: no-output"];
    ]);
}

#[test]
fn what_the_handout_does_not_forbid_is_a_remark_and_no_failure() {
    if lacks("what_the_handout_does_not_forbid_is_a_remark_and_no_failure", &[Python]) {
        return;
    }
    let remarks = [
        ("no-address-reuse", "part4-receiver: no-address-reuse"),
        ("dies-on-binary", "part4-receiver: dies-on-binary"),
        ("late-output", "part4-receiver: late-output"),
    ];
    side_by_side(&remarks, |(how, id)| {
        let report = Report::of(&["--only", "part4", "--part4-receiver", &receiver(how)]);
        assert_eq!(report.findings(), [*id], "{}", report.outcome.stderr());
        assert_eq!(report.outcome.code(), 0, "{how}: {}", report.outcome.stderr());
    });
}

#[test]
fn right_programs_have_no_findings_whatever_their_style() {
    if lacks("right_programs_have_no_findings_whatever_their_style", &[Python]) {
        return;
    }
    check(&pairs![
        ("two-lines", "whole-input"): [];
        ("prefix", "eof"): [];
        ("bytes-identity", "eof"): [];
        ("raw", "eof"): [];
    ]);
}

#[test]
fn q21_nothing_is_answered_from_what_a_sender_was_offered_or_a_receiver_never_got() {
    if lacks("q21_nothing_is_answered_from_what_a_sender_was_offered_or_a_receiver_never_got", &[Python]) {
        return;
    }
    let report = Report::of(&["--only", "part4-multicast", "--part4-sender", &sender("one-line-only")]);
    let missing = report.answer("Q21")["missing"].as_str().unwrap();
    assert!(missing.contains("79 characters with the identity 123456 were captured"), "{missing}");
    let report = Report::of(&["--only", "part4-multicast", "--part4-receiver", &receiver("not-joined")]);
    for question in ["Q18", "Q19", "Q20", "Q21"] {
        let missing = report.answer(question)["missing"].as_str().unwrap();
        assert!(missing.contains("The receiver did not join the group."), "{question}: {missing}");
    }
}

const NODE_RECEIVER: &str = r#"
const seat = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
seat.on('message', (data) => console.log(data.subarray(0, 6).toString() + ': ' + data.subarray(6).toString()));
seat.bind(5005, () => seat.addMembership('224.1.1.1'));
"#;

const NODE_SENDER: &str = r#"
const voice = require('dgram').createSocket('udp4');
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', (line) => voice.send(process.argv[2] + line, 5005, '224.1.1.1'));
lines.on('close', () => setTimeout(() => voice.close(), 50));
"#;

const PERL_RECEIVER: &str = r#"
use strict; use Socket qw(:DEFAULT IPPROTO_IP IP_ADD_MEMBERSHIP pack_ip_mreq); $| = 1;
socket(my $seat, AF_INET, SOCK_DGRAM, 0) or die;
setsockopt($seat, SOL_SOCKET, SO_REUSEADDR, 1) or die;
bind($seat, pack_sockaddr_in(5005, INADDR_ANY)) or die "bind: $!";
setsockopt($seat, IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq(inet_aton("224.1.1.1"))) or die;
while (1) { recv($seat, my $data, 2048, 0); print substr($data, 0, 6), "> ", substr($data, 6), "\n" if length($data) >= 6 }
"#;

const PERL_SENDER: &str = r#"
use strict; use Socket;
socket(my $voice, AF_INET, SOCK_DGRAM, 0) or die;
while (my $line = <STDIN>) {
    chomp $line;
    send($voice, $ARGV[0] . $line, 0, pack_sockaddr_in(5005, inet_aton("224.1.1.1"))) or die;
}
"#;

const C_RECEIVER: &str = r#"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
    int seat = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(5005)};
    struct ip_mreq group = {.imr_multiaddr.s_addr = inet_addr("224.1.1.1")};
    setsockopt(seat, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(seat, (struct sockaddr *)&here, sizeof here)) { perror("bind"); return 1; }
    if (setsockopt(seat, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group)) { perror("join"); return 1; }
    for (;;) {
        char data[2048];
        int n = recv(seat, data, sizeof data, 0);
        if (n < 6) continue;
        printf("[%.6s] %.*s\n", data, n - 6, data + 6);
        fflush(stdout);
    }
}
"#;

const C_SENDER: &str = r#"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
int main(int count, char **arguments) {
    int voice = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(5005)};
    char line[1400], datagram[1500];
    if (count < 2) return 2;
    group.sin_addr.s_addr = inet_addr("224.1.1.1");
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        int n = snprintf(datagram, sizeof datagram, "%.6s%s", arguments[1], line);
        sendto(voice, datagram, n, 0, (struct sockaddr *)&group, sizeof group);
    }
    return 0;
}
"#;

const JAVA: &str = r#"
import java.io.*;
import java.net.*;
public class Group {
    public static void main(String[] arguments) throws Exception {
        InetAddress group = InetAddress.getByName("224.1.1.1");
        if (arguments.length > 0) {
            DatagramSocket voice = new DatagramSocket();
            BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in));
            for (String line; (line = keyboard.readLine()) != null; ) {
                byte[] bytes = (arguments[0] + line).getBytes("UTF-8");
                voice.send(new DatagramPacket(bytes, bytes.length, group, 5005));
            }
            return;
        }
        MulticastSocket seat = new MulticastSocket(5005);
        seat.joinGroup(group);
        while (true) {
            DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
            seat.receive(packet);
            String text = new String(packet.getData(), 0, packet.getLength(), "UTF-8");
            System.out.println(text.length() < 6 ? text : text.substring(0, 6) + " - " + text.substring(6));
        }
    }
}
"#;

#[test]
fn right_programs_of_part_4_in_other_languages_have_no_findings() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let compile = |compiler: &str, arguments: &[&str]| {
        let output = Command::new(compiler).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let test = "right_programs_of_part_4_in_other_languages_have_no_findings";
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let mut pairs: Vec<(String, String, &[&str])> = Vec::new();
    if lacks(test, &[]) {
        return;
    }
    if !lacks(&format!("{test}: node"), &[Node]) {
        fs::write(path("r.js"), NODE_RECEIVER).unwrap();
        fs::write(path("s.js"), NODE_SENDER).unwrap();
        pairs.push((format!("node {}", path("r.js")), format!("node {}", path("s.js")), &[]));
    }
    if is_there("perl") {
        fs::write(path("r.pl"), PERL_RECEIVER).unwrap();
        fs::write(path("s.pl"), PERL_SENDER).unwrap();
        pairs.push((format!("perl {}", path("r.pl")), format!("perl {}", path("s.pl")), &[]));
    }
    if is_there("cc") {
        for (name, source) in [("r", C_RECEIVER), ("s", C_SENDER)] {
            fs::write(path(&format!("{name}.c")), source).unwrap();
            compile("cc", &["-o", &path(name), &path(&format!("{name}.c"))]);
        }
        pairs.push((path("r"), path("s"), &[]));
    }
    if !lacks(&format!("{test}: java"), &[Java]) {
        fs::write(path("Group.java"), JAVA).unwrap();
        compile("javac", &["-nowarn", &path("Group.java")]);
        let command = format!("java -cp {} Group", folder.path().display());
        pairs.push((command.clone(), command, &[]));
    }
    check(&pairs);
}
