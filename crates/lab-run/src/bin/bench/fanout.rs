//! The time of part4-sender for many lines to a group with many members, beside a Python sender.

use std::{
    fs::File,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use labnet::net::{Group, Interface};

use lab_run::{
    Error,
    measure::{Bench, command, cost, python},
};

/// The load (ours).
const RECEIVERS: usize = 20;
const LINES: usize = 20_000;

/// What a member waits for at once, to see that all is over.
const PATIENCE: Duration = Duration::from_millis(100);

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 1, 1);
const IDENTITY: &str = "123456";

const PYTHON: &str = "
import socket, sys
group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
group.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('127.0.0.1'))
for line in sys.stdin:
    group.sendto((sys.argv[1] + line.rstrip('\\n')).encode(), ('224.1.1.1', int(sys.argv[2])))
";

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let loopback: Interface = "127.0.0.1".parse()?;
    let first = Group::join(SocketAddrV4::new(GROUP, 0), loopback)?;
    let (address, mut members) = (first.address(), vec![first]);
    while members.len() < RECEIVERS {
        members.push(Group::join(address, loopback)?);
    }
    let lines = (0..LINES).map(|i| format!("Line {i} of the play\n")).collect::<String>();
    let failed = |source| labnet::Error::System { attempt: "write a file", source };
    let mut play = tempfile::NamedTempFile::new().map_err(failed)?;
    play.write_all(lines.as_bytes()).map_err(failed)?;

    let (is_over, received) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for member in &members {
            scope.spawn(|| {
                // A full queue loses some: the sender does not wait.
                while !is_over.load(Ordering::Relaxed) {
                    let came = matches!(member.receive(&mut [0; 2048], PATIENCE), Ok(Some(_)));
                    received.fetch_add(usize::from(came), Ordering::Relaxed);
                }
            });
        }
        let time = |mut sender: Command| {
            let before = received.load(Ordering::Relaxed);
            let cost = cost({
                sender.stdin(File::open(play.path()).ok()?);
                sender
            })?;
            (received.load(Ordering::Relaxed) - before >= LINES).then_some(cost.time)
        };
        let (group, port) = (GROUP.to_string(), address.port().to_string());
        let part4 = bench.path("part4-sender");
        let mut ours = || time(command(&part4, &[&group, &port, IDENTITY, "--interface", "127.0.0.1"]));
        let mut theirs = || time(python(PYTHON, &[IDENTITY, &port]));
        let what = format!("{LINES} lines to a group of {RECEIVERS} receivers");
        let compared = bench.compare(&what, ("part4-sender", &mut ours), ("Python", &mut theirs), 0.8);
        is_over.store(true, Ordering::Relaxed);
        compared
    })
}
