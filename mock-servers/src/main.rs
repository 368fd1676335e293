//! The servers of the socket lab on this machine, until Ctrl-C.
//!
//! Usage: `mock-servers` · `mock-servers pmu --pmu-port 0 --messages 17` · `mock-servers reset --loss 0.9`

use std::{
    iter::once,
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
use mock_servers::{Error, Event, Events, ServerName, fault, zoo};

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
    if arguments.list_faults {
        fault::table::ENTRIES.iter().try_for_each(|entry| console.out.line(entry))?;
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
        console.err.note(format_args!("the seed is {}", config.settings.seed));
    }
    let servers = mock_servers::spawn(&config)?;
    console.shutdown.make_normal();
    let show = |event: &Event| console.out.line(arguments.events.format(event));
    let authority = config.zoo.map(|zoo| Event::Authority { server: ServerName::Zoo, certificate: zoo.ca });
    servers.listening().chain(authority).chain([Event::Ready]).try_for_each(|event| show(&event))?;
    // The servers hold the other end until they are dropped, below.
    while let Ok(first) = events.recv() {
        // What has come in the meantime leaves with it: under load a write for each line would be most of the work.
        let lines = once(first).chain(events.try_iter().take(EVENT_QUEUE_LEN)).map(|event| {
            let mut line = arguments.events.format(&event);
            line.push('\n');
            line
        });
        console.out.lines(lines.collect::<String>())?;
        match left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            events => show(&Event::LeftOut { events })?,
        }
    }
    Ok(())
}
