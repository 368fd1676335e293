//! The time and memory of part2-pdc for a flood of 1 GiB, beside nc, socat and a Python client.

use lab_run::{
    Error,
    measure::{Bench, command, cost, python, shell},
};
use mock_servers::ServerName;

const FLOOD_LEN: &str = "1073741824";

/// The maximum memory for a flood, in bytes (ours).
const MAX_MEMORY: u64 = 16 << 20;

const PYTHON: &str = "
import socket, sys
pmu = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
pmu.sendall(b'CMD_floodme')
while True:
    data = pmu.recv(4096)
    if not data:
        break
    sys.stdout.buffer.write(data)
";

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let (_server, port) = bench.server(ServerName::Pmu, &["--flood-size", FLOOD_LEN])?;
    let nc = format!("printf CMD_floodme | nc 127.0.0.1 {port}");
    let socat = format!("printf CMD_floodme | socat -b 1048576 -t 60 - TCP:127.0.0.1:{port}");
    let mut peak = 0;
    for (name, theirs, wanted) in [
        ("nc", &mut (|| cost(shell(&nc)).map(|cost| cost.time)) as &mut dyn FnMut() -> _, 1.0),
        ("socat -b 1048576", &mut || cost(shell(&socat)).map(|cost| cost.time), 0.9),
        ("Python recv(4096)", &mut || cost(python(PYTHON, &[&port])).map(|cost| cost.time), 1.5),
    ] {
        let part2 = bench.path("part2-pdc");
        let mut ours = || {
            let cost = cost(command(&part2, &["127.0.0.1", &port, "CMD_floodme"]))?;
            peak = peak.max(cost.peak_memory.unwrap_or(0));
            Some(cost.time)
        };
        bench.compare("1 GiB flood", ("part2-pdc", &mut ours), (name, theirs), wanted)?;
    }
    let measured = format!("{:.1} MiB resident at most", peak as f64 / f64::from(1 << 20));
    bench.row("1 GiB flood: memory of part2-pdc", measured, "under 16 MiB", (peak > 0).then_some(peak < MAX_MEMORY))
}
