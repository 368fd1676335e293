//! The servers of the socket lab on this machine, until Ctrl-C.
//!
//! Usage: `mock-servers` · `mock-servers pmu --pmu-port 0 --messages 17` · `mock-servers reset --loss 0.9`

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use labnet::{
    cli::{self, Console},
    net,
};
use mock_servers::{Error, Events, zoo};

mod arguments;

use arguments::Arguments;

/// How many events wait to be printed; when nobody reads them, further ones are left out.
const EVENT_QUEUE_LEN: usize = 4096;

fn main() -> ExitCode {
    cli::run(servers)
}

fn servers(arguments: Arguments, console: &Console) -> Result<(), Error> {
    if arguments.list {
        zoo::cases().iter().try_for_each(|case| console.out.line(case))?;
        return Ok(());
    }
    net::raise_descriptor_limit();
    let (sender, events) = mpsc::sync_channel(EVENT_QUEUE_LEN);
    // A full queue means that nobody reads: better to lose an event than to stop a server.
    let left_out = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&left_out);
    let report = Events::new(move |event| {
        if sender.try_send(event).is_err() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let config = arguments.config(report)?;
    if arguments.seed.is_none() {
        console.err.note(format_args!("the seed is {}", config.site.seed));
    }
    let servers = mock_servers::spawn(&config)?;
    console.shutdown.make_normal();
    for (name, protocol, address) in servers.listening() {
        console.out.line(format_args!("listening {name} {protocol} {address}"))?;
    }
    if let Some(zoo) = &config.zoo {
        console.out.line(format_args!("zoo CA {}", zoo.ca.display()))?;
    }
    console.out.line("ready")?;
    // The servers hold the other end until they are dropped, below.
    events.iter().try_for_each(|event| {
        console.out.line(event)?;
        match left_out.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            n => console.out.line(format_args!("{n} events are left out: nobody read them in time")),
        }
    })?;
    Ok(())
}
