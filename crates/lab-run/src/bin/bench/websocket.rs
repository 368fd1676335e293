//! The time and memory of part5-ws for one long message, plain and compressed, beside Python's websocket-client and
//! Node's ws.

use lab_run::{
    Error,
    measure::{Bench, Cost, command, cost, python},
};
use mock_servers::ServerName;

const MESSAGE_LEN: u64 = 256 << 20;

/// Compressing takes most of the time: a shorter one is enough.
const COMPRESSED_LEN: u64 = 64 << 20;

const PYTHON: &str = "
import sys, websocket
pmu = websocket.create_connection(f'ws://127.0.0.1:{sys.argv[1]}/')
pmu.send('CMD_floodme')
sys.stdout.buffer.write(pmu.recv())
";

const NODE: &str = "
const { WebSocket } = require('ws');
const pmu = new WebSocket(`ws://127.0.0.1:${process.argv[1]}/`, { maxPayload: 2 ** 30 });
pmu.on('open', () => pmu.send('CMD_floodme'));
pmu.on('message', (data) => process.stdout.write(data));
pmu.on('error', () => process.exit(1));
";

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let (_server, port) = bench.server(ServerName::Ws, &["--flood-size", &MESSAGE_LEN.to_string()])?;
    let node = || cost(command("node", &["-e", NODE, &port]));
    let client = || cost(python(PYTHON, &[&port]));
    let mut peak = 0;
    for (name, theirs) in [("Python websocket-client", &client as &dyn Fn() -> Option<Cost>), ("Node ws", &node)] {
        let part5 = bench.path("part5-ws");
        let mut ours = || {
            let cost = cost(command(&part5, &["127.0.0.1", &port, "CMD_floodme"]))?;
            peak = peak.max(cost.peak_memory.unwrap_or(0));
            Some(cost.time)
        };
        let mut theirs = || theirs().map(|cost| cost.time);
        bench.compare("one message of 256 MiB", ("part5-ws", &mut ours), (name, &mut theirs), 1.3)?;
    }
    let ratio = peak as f64 / MESSAGE_LEN as f64;
    let measured = format!("{ratio:.2} times the message");
    bench.row(
        "one message of 256 MiB: memory of part5-ws",
        measured,
        "at most 1.2 times",
        (peak > 0).then_some(ratio <= 1.2),
    )?;
    compressed(bench)
}

/// With permessage-deflate: against Node's ws, which offers it by itself, and against a message that is not compressed.
fn compressed(bench: &mut Bench) -> Result<(), Error> {
    const WHAT: &str = "one message of 64 MiB, compressed";
    let (_server, port) = bench.server(ServerName::Ws, &["--deflate", "--flood-size", &COMPRESSED_LEN.to_string()])?;
    let part5 = bench.path("part5-ws");
    let plain = ["127.0.0.1", &port, "CMD_floodme"];
    let mut ours = || cost(command(&part5, &[&plain[..], &["--deflate"]].concat())).map(|cost| cost.time);
    let mut node = || cost(command("node", &["-e", NODE, &port])).map(|cost| cost.time);
    bench.compare(WHAT, ("part5-ws --deflate", &mut ours), ("Node ws", &mut node), 0.9)?;
    let mut without = || cost(command(&part5, &plain)).map(|cost| cost.time);
    bench.compare(WHAT, ("part5-ws --deflate", &mut ours), ("part5-ws without it", &mut without), 0.05)
}
