//! part3-reset: from its start to its first packet, and the time between its rounds.

use std::{
    net::UdpSocket,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lab_run::{
    Error,
    measure::{Bench, command, python},
};

/// The number of measured rounds (ours).
const ROUNDS: usize = 6;

const TIMEOUT: Duration = Duration::from_secs(10);

const PYTHON: &str = "
import socket, sys
pmu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
pmu.settimeout(1)
pmu.sendto(b'RESET:20', ('127.0.0.1', int(sys.argv[1])))
pmu.recv(100)
";

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let failed = |source| labnet::Error::System { attempt: "open a UDP socket", source };
    let socket = UdpSocket::bind(("127.0.0.1", 0)).map_err(failed)?;
    socket.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    let port = socket.local_addr().map_err(failed)?.port().to_string();

    let part3 = bench.path("part3-reset");
    let ours = || command(&part3, &["127.0.0.1", &port]);
    let mut to_first = || first_packet(&socket, ours());
    let mut python = || first_packet(&socket, python(PYTHON, &[&port]));
    bench.compare("start to first packet", ("part3-reset", &mut to_first), ("Python", &mut python), 10.0)?;

    let _program = start(ours());
    let mut arrivals = Vec::new();
    while arrivals.len() < ROUNDS && socket.recv(&mut [0; 64]).is_ok() {
        arrivals.push(Instant::now());
    }
    let second = Duration::from_secs(1);
    let off = arrivals.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((*after - *before).abs_diff(second)),
        _ => None,
    });
    let worst = off.max().filter(|_| arrivals.len() == ROUNDS);
    let measured =
        worst.map_or("skipped".to_owned(), |worst| format!("{:.1} ms off at most", worst.as_secs_f64() * 1e3));
    let holds = worst.map(|worst| worst <= Duration::from_millis(20));
    bench.row("rounds of part3-reset one second apart", measured, "within 20 ms", holds)
}

/// From the start of a command to the arrival of its first packet.
fn first_packet(socket: &UdpSocket, command: Command) -> Option<Duration> {
    let begun = Instant::now();
    let _program = start(command)?;
    socket.recv(&mut [0; 64]).ok()?;
    Some(begun.elapsed())
}

/// A process; dropping it kills the process.
struct Running(Child);

fn start(mut command: Command) -> Option<Running> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Running)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
