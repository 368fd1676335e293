//! Wrong programs of part 3: the report names what is wrong with each, and nothing else. Right ones have no findings.

use std::{fs, process::Command, thread};

use crate::report::{
    Need::{self, Java, Node, Python},
    Report, lacks, other,
};

/// Few resets for the mean, and little luck: what is found does not depend on either.
const QUICK: [&str; 8] = ["--only", "part3", "--runs", "4", "--loss", "0.2", "--deadline", "30"];

/// What is found about a program, and the report.
fn found(command: &str) -> (Vec<String>, Report) {
    let report = Report::of(&[&QUICK[..], &["--part3", command]].concat());
    (report.findings(), report)
}

/// Each program with what is to be found about it, a few at the same time: they mostly wait.
#[track_caller]
fn check(programs: &[(String, &[&str])]) {
    for some in programs.chunks(3) {
        let reports = thread::scope(|scope| {
            let each: Vec<_> = some.iter().map(|(command, _)| scope.spawn(|| found(command))).collect();
            each.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        for ((command, expected), (findings, report)) in some.iter().zip(reports) {
            let expected: Vec<String> = expected.iter().map(|id| format!("part3: {id}")).collect();
            assert_eq!(findings, expected, "{command}\n{}", report.outcome.stderr());
            let status = i32::from(!expected.is_empty());
            assert_eq!(report.outcome.code(), status, "{command}\n{}", report.outcome.stderr());
        }
    }
}

/// A program of `part3_wrong.py`.
fn wrong(how: &str) -> String {
    format!("{} {how}", other("part3_wrong"))
}

fn check_each(programs: &[(&str, &'static [&'static str])]) {
    let programs: Vec<(String, &[&str])> = programs.iter().map(|&(how, ids)| (wrong(how), ids)).collect();
    check(&programs);
}

#[test]
fn a_request_that_is_another_is_named() {
    if lacks("a_request_that_is_another_is_named", &[Python]) {
        return;
    }
    check_each(&[("wrong-request", &["wrong-request"]), ("newline", &["wrong-request"])]);
}

#[test]
fn a_time_that_is_not_a_second_is_named() {
    if lacks("a_time_that_is_not_a_second_is_named", &[Python]) {
        return;
    }
    check_each(&[
        ("never-waits", &["never-waits"]),
        ("hurries", &["never-waits"]),
        ("tenth", &["wrong-timeout"]),
        ("half", &["wrong-timeout"]),
        ("two", &["wrong-timeout"]),
        ("three", &["wrong-timeout"]),
        ("waits-for-ever", &["wrong-timeout"]),
    ]);
}

#[test]
fn a_family_that_is_missing_late_or_needed_is_named() {
    if lacks("a_family_that_is_missing_late_or_needed_is_named", &[Python]) {
        return;
    }
    check_each(&[
        ("one-family", &["one-family"]),
        ("families-in-turn", &["families-in-turn"]),
        ("after-refusal", &["families-in-turn"]),
        ("both", &["needs-both-families"]),
        ("refusal-fatal", &["refusal-fatal"]),
    ]);
}

#[test]
fn what_goes_on_after_the_acknowledgement_is_named() {
    if lacks("what_goes_on_after_the_acknowledgement_is_named", &[Python]) {
        return;
    }
    check_each(&[
        ("endless", &["sends-after-acknowledgement"]),
        ("once-more", &["sends-after-acknowledgement"]),
        ("never-ends", &["never-ended"]),
    ]);
}

#[test]
fn q17_a_series_of_its_own_is_the_series_and_its_old_acknowledgements_are_no_answers() {
    if lacks("q17_a_series_of_its_own_is_the_series_and_its_old_acknowledgements_are_no_answers", &[Python]) {
        return;
    }
    check_each(&[("series-drained", &[]), ("stale", &["stale-acknowledgement"])]);
    let (findings, report) = found(&wrong("series"));
    assert_eq!(findings, Vec::<String>::new());
    report.says("Q17", &["A17.a, PMU on IPv4", "packets on average, over 60 runs"]);
    report.says("Q17", &["A17.a, PMU on IPv6", "packets on average, over 60 runs"]);
    let why = report.answer("Q17")["why"].as_str().unwrap();
    assert!(why.contains("made the runs by itself"), "{why}");
}

#[test]
fn q17_a_series_that_does_not_end_answers_nothing() {
    if lacks("q17_a_series_that_does_not_end_answers_nothing", &[Python]) {
        return;
    }
    let (_, report) = found(&wrong("endless"));
    let missing = report.answer("Q17")["missing"].as_str().unwrap();
    assert!(missing.contains("the program went on after"), "{missing}");
    assert_eq!(report.items("Q17"), Vec::<String>::new());
}

/// Right programs, in the ways of several languages.
const ASYNCIO: &str = r#"
import asyncio, socket
class Pdc(asyncio.DatagramProtocol):
    def __init__(self, done): self.done = done
    def connection_made(self, transport): self.transport = transport
    def error_received(self, error): pass
    def datagram_received(self, data, address):
        if data.startswith(b"OFFSET") and not self.done.done(): self.done.set_result(data)
async def main():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    ways = [await loop.create_datagram_endpoint(lambda: Pdc(done), remote_addr=("lab3.iw.epfl.ch", 5004), family=family)
            for family in (socket.AF_INET, socket.AF_INET6)]
    while not done.done():
        for transport, _ in ways: transport.sendto(b"RESET:20")
        await asyncio.wait([done], timeout=1)
    print(done.result().decode())
asyncio.run(main())
"#;

const THREADS: &str = r#"
import socket, threading, time
done = threading.Event()
def ask(family):
    way = socket.socket(family, socket.SOCK_DGRAM)
    way.connect(socket.getaddrinfo("lab3.iw.epfl.ch", 5004, family, socket.SOCK_DGRAM)[0][4])
    while not done.is_set():
        until = time.monotonic() + 1
        try: way.send(b"RESET:20")
        except ConnectionRefusedError: pass
        while (left := until - time.monotonic()) > 0 and not done.is_set():
            way.settimeout(left)
            try: answer = way.recv(64)
            except socket.timeout: break
            except ConnectionRefusedError: continue
            if answer.startswith(b"OFFSET") and not done.is_set():
                done.set()
                print(answer.decode())
threads = [threading.Thread(target=ask, args=(family,), daemon=True) for family in (socket.AF_INET, socket.AF_INET6)]
[thread.start() for thread in threads]
done.wait()
time.sleep(0.01)
"#;

const NODE: &str = r#"
const dgram = require('dgram');
const ways = [['udp4', 4], ['udp6', 6]].map(([type, family]) => [dgram.createSocket(type), family]);
const dns = require('dns').promises;
(async () => {
  let timer;
  for (const way of ways) way.push((await dns.lookup('lab3.iw.epfl.ch', { family: way[1] })).address);
  for (const [socket] of ways) {
    socket.on('error', () => {});
    socket.on('message', (data) => {
      if (!data.toString().startsWith('OFFSET')) return;
      console.log(data.toString());
      clearInterval(timer);
      for (const [socket] of ways) socket.close();
    });
  }
  const ask = () => { for (const [socket, , address] of ways) socket.send('RESET:20', 5004, address); };
  ask();
  timer = setInterval(ask, 1000);
})();
"#;

const PERL: &str = r#"
use strict; use Socket qw(:DEFAULT getaddrinfo inet_pton pack_sockaddr_in6); use IO::Select;
my %ways;
for my $family (AF_INET, AF_INET6) {
    my ($error, @found) = getaddrinfo("lab3.iw.epfl.ch", 5004, { family => $family, socktype => SOCK_DGRAM });
    socket(my $way, $family, SOCK_DGRAM, 0) or die;
    $ways{$way} = [$way, $found[0]{addr}];
}
my $all = IO::Select->new(map { $_->[0] } values %ways);
while (1) {
    send($_->[0], "RESET:20", 0, $_->[1]) for values %ways;
    for my $way ($all->can_read(1)) {
        recv($way, my $answer, 64, 0);
        if ($answer =~ /^OFFSET/) { print "$answer\n"; exit 0 }
    }
}
"#;

const C: &str = r#"
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    int families[] = {AF_INET, AF_INET6};
    struct pollfd ways[2];
    for (int i = 0; i < 2; i++) {
        struct addrinfo hints = {.ai_family = families[i], .ai_socktype = SOCK_DGRAM}, *found;
        if (getaddrinfo("lab3.iw.epfl.ch", "5004", &hints, &found)) return 1;
        ways[i] = (struct pollfd){socket(families[i], SOCK_DGRAM, 0), POLLIN, 0};
        if (connect(ways[i].fd, found->ai_addr, found->ai_addrlen)) return 1;
    }
    for (;;) {
        for (int i = 0; i < 2; i++) send(ways[i].fd, "RESET:20", 8, 0);
        for (int left = 1000; left > 0;) {
            if (poll(ways, 2, left) <= 0) break;
            for (int i = 0; i < 2; i++) {
                char answer[65] = {0};
                if (ways[i].revents && recv(ways[i].fd, answer, 64, 0) > 0 && !strncmp(answer, "OFFSET", 6)) {
                    puts(answer);
                    return 0;
                }
            }
            left -= 100;
            usleep(100000);
        }
    }
}
"#;

const JAVA: &str = r#"
import java.net.*;
public class Pdc {
    public static void main(String[] arguments) throws Exception {
        InetAddress[] all = InetAddress.getAllByName("lab3.iw.epfl.ch");
        byte[] request = "RESET:20".getBytes();
        DatagramSocket way = new DatagramSocket();
        while (true) {
            for (InetAddress to : all) way.send(new DatagramPacket(request, request.length, to, 5004));
            long until = System.nanoTime() + 1_000_000_000L;
            for (long left; (left = (until - System.nanoTime()) / 1_000_000) > 0; ) {
                way.setSoTimeout((int) left);
                DatagramPacket answer = new DatagramPacket(new byte[64], 64);
                try { way.receive(answer); } catch (SocketTimeoutException over) { break; }
                String text = new String(answer.getData(), 0, answer.getLength());
                if (text.startsWith("OFFSET")) { System.out.println(text); return; }
            }
        }
    }
}
"#;

#[test]
fn right_programs_in_other_languages_have_no_findings() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let mut programs: Vec<(String, &[&str])> = Vec::new();
    let mut add = |name: &str, needs: &[Need], is_there: bool, source: &str, command: String| {
        let test = format!("right_programs_in_other_languages_have_no_findings: {name}");
        if is_there && !lacks(&test, needs) {
            fs::write(path(name), source).unwrap();
            programs.push((command, &[]));
        }
    };
    add("aio.py", &[Python], true, ASYNCIO, format!("python3 {}", path("aio.py")));
    add("threads.py", &[Python], true, THREADS, format!("python3 {}", path("threads.py")));
    add("pdc.js", &[Node], true, NODE, format!("node {}", path("pdc.js")));
    add("pdc.pl", &[], is_there("perl"), PERL, format!("perl {}", path("pdc.pl")));
    add("pdc.c", &[], is_there("cc"), C, path("pdc"));
    add("Pdc.java", &[Java], true, JAVA, format!("java -cp {} Pdc", folder.path().display()));
    for (name, compiler, arguments) in [
        ("pdc.c", "cc", vec!["-o".to_owned(), path("pdc"), path("pdc.c")]),
        ("Pdc.java", "javac", vec![path("Pdc.java")]),
    ] {
        if folder.path().join(name).exists() {
            let output = Command::new(compiler).args(&arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    check(&programs);
}
