//! The rate at which `mock-servers reset` answers, beside the shortest loops in Python and in C (with recvmmsg).

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Program, shell::command_line};
use lab_run::{
    Error,
    measure::{Bench, command, python, shell},
};

/// The load (ours): the number of requests, and how many are under way at once, which no socket's queue loses.
const RESETS: usize = 50_000;
const UNDER_WAY: usize = 64;

const REQUEST: &[u8] = b"RESET:20";

/// What holds with a margin for the server as it is (ours).
const PYTHON_WANTED: f64 = 1.0;
const C_WANTED: f64 = 0.4;

const TIMEOUT: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(50);

/// Prints its port, and answers until it is killed.
const PYTHON: &str = "
import random, socket
pmu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
pmu.bind(('127.0.0.1', 0))
print(pmu.getsockname()[1], flush=True)
while True:
    request, pdc = pmu.recvfrom(2048)
    if request.startswith(b'RESET:') and request[6:].isdigit():
        pmu.sendto(b'OFFSET=%d' % random.randint(0, int(request[6:])), pdc)
";

const C: &str = include_str!("resets.c");

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source })?;
    let ours = ours(bench);
    let in_python = start(python(PYTHON, &[]));
    let in_c = compiled(folder.path()).and_then(|program| start(command(program, &[])));
    let what = format!("{RESETS} resets, {UNDER_WAY} at a time");
    for (name, theirs, wanted) in
        [("a loop in Python", in_python, PYTHON_WANTED), ("a loop in C with recvmmsg", in_c, C_WANTED)]
    {
        let mut our_load = || load(ours.as_ref()?.1);
        let mut their_load = || load(theirs.as_ref()?.1);
        let ours = ("mock-servers reset", &mut our_load as _);
        bench.compare(&what, ours, (name, &mut their_load as _), wanted)?;
    }
    Ok(())
}

/// The server of the lab; its line for each reset goes nowhere.
fn ours(bench: &Bench) -> Option<(Program, u16)> {
    let port = UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).ok()?.port();
    let program = bench.path("mock-servers").display().to_string();
    let options = ["--loss", "0", "--family", "both", "--bind", "127.0.0.1", "--seed", "1"];
    let port_option = port.to_string();
    let line = [&[program.as_str(), "reset", "--reset-port", &port_option], &options[..]].concat();
    let server = Program::spawn(shell(&format!("exec {} > /dev/null", command_line(line)))).ok()?;
    let pdc = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
    pdc.connect(("127.0.0.1", port)).ok()?;
    pdc.set_read_timeout(Some(RETRY)).ok()?;
    let tries = TIMEOUT.as_millis() / RETRY.as_millis();
    let is_ready = (0..tries).any(|_| {
        // Until it listens, the answer is an error at once.
        let answer = pdc.send(REQUEST).and_then(|_| pdc.recv(&mut [0; 64]));
        answer.inspect_err(|_| thread::sleep(RETRY)).is_ok()
    });
    is_ready.then_some((server, port))
}

/// A server that prints its port first.
fn start(command: std::process::Command) -> Option<(Program, u16)> {
    let mut server = Program::spawn(command).ok()?;
    let line = server.line_with("listen", TIMEOUT, |line| line.text.trim().parse::<u16>().is_ok()).ok()?;
    let port = line.text.trim().parse().ok()?;
    Some((server, port))
}

/// The loop in C; `None` without a compiler.
fn compiled(folder: &Path) -> Option<String> {
    let [source, program] = ["resets.c", "resets"].map(|file| folder.join(file).display().to_string());
    fs::write(&source, C).ok()?;
    let compiler = command("cc", &["-O2", "-o", &program, &source]).output().ok()?;
    compiler.status.success().then_some(program)
}

/// The time until all resets are acknowledged; `None` if one is not.
fn load(port: u16) -> Option<Duration> {
    let pdc = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
    pdc.connect(("127.0.0.1", port)).ok()?;
    pdc.set_read_timeout(Some(TIMEOUT)).ok()?;
    let begun = Instant::now();
    let (mut sent, mut buffer) = (0, [0; 64]);
    for received in 0..RESETS {
        while sent < RESETS.min(received + UNDER_WAY) {
            pdc.send(REQUEST).ok()?;
            sent += 1;
        }
        let len = pdc.recv(&mut buffer).ok()?;
        buffer.get(..len)?.starts_with(b"OFFSET").then_some(())?;
    }
    Some(begun.elapsed())
}
