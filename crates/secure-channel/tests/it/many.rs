//! Many sessions in a row and at once, and who hinders whom.

use std::{fs, sync::Barrier, thread};

use lab_test::finish;
use secure_channel::steps::Step;

use crate::served::{Door, LONG, Leave, SHORT, STEPS, Served};

/// How often a session is repeated in each step: plain ones are the quickest, and their code the least.
const SESSIONS: [(Step, usize); 3] = [(Step::Plain, 200), (Step::Secure, 1000), (Step::Tls, 200)];

#[test]
fn a_thousand_sessions_in_a_row_are_served_and_leave_nothing_behind() {
    for (step, count) in SESSIONS {
        let mut served = Served::start(step, &LONG);
        for _ in 0..count {
            served.door.check_serves();
        }
        served.await_verdicts(count);
        #[cfg(target_os = "linux")]
        {
            let open = fs::read_dir(format!("/proc/{}/fd", served.program.id())).unwrap().count();
            assert!(open < 30, "{open} descriptors are open after {count} sessions");
        }
        served.door.check_serves();
    }
}

/// The lines of a whole session on the server's side, by their beginnings.
fn whole(step: Step) -> &'static [&'static str] {
    match step {
        Step::Plain => &["127.0.0.1:", "sending the message", "ACK received"],
        Step::Secure => &[
            "127.0.0.1:",
            "handshake begins",
            "message: client hello",
            "  protocol",
            "  cipher suites",
            "  hash",
            "  random bytes",
            "client hello received",
            "message: server hello",
            "  protocol",
            "  cipher suite:",
            "  hash",
            "  random bytes",
            "server hello sent",
            "verifying",
            "common name",
            "issuer country",
            "version",
            "client certificate verified",
            "symmetric keys",
            "handshake complete",
            "sending",
            "acknowledgement verified",
        ],
        Step::Tls => &[
            "127.0.0.1:",
            "hellos exchanged",
            "common name",
            "issuer country",
            "version",
            "client certificate verified",
            "handshake complete",
            "sending",
            "acknowledgement received",
        ],
    }
}

/// Takes a session off the front of the lines: how many sessions that were, and what follows. Within one that is told
/// live there may be others, each in one piece.
fn take_session<'a>(lines: &'a [&'a str], whole: &[&str], is_live: bool) -> (usize, &'a [&'a str]) {
    let (mut count, mut rest) = (1, lines);
    for (i, beginning) in whole.iter().enumerate() {
        while i > 0 && is_live && rest.first().is_some_and(|line| line.starts_with(whole[0])) {
            let (more, after) = take_session(rest, whole, false);
            (count, rest) = (count + more, after);
        }
        let (line, after) = rest.split_first().unwrap_or_else(|| panic!("'{beginning}' is missing at the end"));
        assert!(line.starts_with(beginning), "'{beginning}' was to be line {}, not '{line}'", lines.len() - rest.len());
        rest = after;
    }
    (count, rest)
}

/// Fetches the message so many times at once.
fn fetch_at_once(door: &Door, count: usize) {
    let all = Barrier::new(count);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                all.wait();
                door.check_serves();
            });
        }
    });
}

#[test]
fn a_hundred_clients_at_once_are_served_and_their_sessions_are_told_apart() {
    const CLIENTS: usize = 100;
    for step in STEPS {
        let mut served = Served::start(step, &LONG);
        fetch_at_once(&served.door, CLIENTS);
        served.await_verdicts(CLIENTS);
        served.program.interrupt();
        let outcome = finish(served.program);
        let stdout = outcome.stdout();
        let lines: Vec<_> = stdout.lines().skip(1).collect();
        let (mut count, mut rest) = (0, &lines[..]);
        while !rest.is_empty() {
            let (more, after) = take_session(rest, whole(step), true);
            (count, rest) = (count + more, after);
        }
        assert_eq!(count, CLIENTS, "{step}");
    }
}

#[test]
fn a_silent_client_hinders_nobody_and_what_is_told_meanwhile_is_in_one_piece() {
    const CLIENTS: usize = 30;
    for step in STEPS {
        let mut served = Served::start(step, &LONG);
        let silent = served.door.tcp();
        let peer = silent.local_addr().unwrap();
        served.await_line("see the client", |line| line == format!("{peer} connected"));
        let _more: Vec<_> = (0..50).map(|_| served.door.tcp()).collect();
        fetch_at_once(&served.door, CLIENTS);
        served.await_verdicts(CLIENTS);
        served.program.interrupt();
        let outcome = finish(served.program);
        assert_eq!(outcome.code(), 0);
        let stdout = outcome.stdout();
        let lines: Vec<_> = stdout.lines().collect();
        assert_eq!(lines[1], format!("{peer} connected"));
        // What the silent one is sent.
        let mut rest = if step == Step::Plain { &lines[3..] } else { &lines[2..] };
        let mut count = 0;
        while !rest.is_empty() {
            let (_, after) = take_session(rest, whole(step), false);
            (count, rest) = (count + 1, after);
        }
        assert_eq!(count, CLIENTS, "{step}");
    }
}

#[test]
fn those_who_are_given_up_meanwhile_are_told_in_one_piece_too() {
    let mut served = Served::start(Step::Secure, &SHORT);
    let rude: Vec<_> = (0..20).map(|_| served.door.tcp()).collect();
    let mut peers: Vec<_> = rude.iter().map(|tcp| tcp.local_addr().unwrap()).collect();
    thread::scope(|scope| rude.into_iter().for_each(|tcp| drop(scope.spawn(|| Leave::Not.from(tcp)))));
    served.door.check_serves();
    for _ in 0..peers.len() {
        let report = served.await_line("report a client", |line| line.starts_with("not acknowledged: "));
        peers.retain(|peer| !report.contains(&peer.to_string()));
    }
    assert_eq!(peers, []);
    served.program.interrupt();
    let stdout = finish(served.program).stdout();
    let lines: Vec<_> = stdout.lines().skip(1).collect();
    // Of the first of them alone, beginning and end may be apart.
    let is_pair = |pair: &[&str]| {
        let peer = pair[0].strip_suffix(" connected");
        peer.is_some_and(|peer| pair[1] == format!("not acknowledged: nothing received from {peer} for 0.500 s"))
    };
    assert!(lines.windows(2).filter(|pair| is_pair(pair)).count() >= 19, "{stdout}");
}
