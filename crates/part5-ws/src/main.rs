//! Part 5, WebSocket: the dialogue of part 2 in messages instead of a stream
//! (handout, section 5; Q22 to Q24).
//!
//! Usage: `part5-ws CMD_short:0` · `part5-ws CMD_floodme` · `part5-ws --url ws://localhost:5006/ CMD_short:1`

use std::process::ExitCode;

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console, DefaultServer, ServerOption, Timeouts, TransferStats},
    pmu::Command,
    ws::{Client, Options, Url},
};

const PMU: DefaultServer = DefaultServer { host: "tcpip.epfl.ch", port: 5006, mock_port: 5006 };

/// Ask a PMU for its messages over WebSocket and show each on a line of its own
#[derive(Parser)]
#[command(
    version,
    override_usage = "part5-ws [OPTIONS] [SERVER PORT | --url URL] COMMAND...",
    after_help = "Examples:
  part5-ws CMD_short:0                      ten messages
  part5-ws --server localhost CMD_floodme   one long message, from mock-servers
  part5-ws 127.0.0.1 5006 CMD_short:0       the later editions' command line
  part5-ws --url ws://127.0.0.1:5006/ CMD_short:1 --stats"
)]
struct Arguments {
    /// CMD_short:d (d in seconds) or CMD_floodme; each gets a connection of its own, in order
    #[arg(value_name = "[SERVER PORT] COMMAND")]
    positional: Vec<String>,
    #[command(flatten)]
    at: ServerOption,
    /// The server as a URL, `ws://HOST[:PORT][/PATH]`
    #[arg(long, conflicts_with = "server")]
    url: Option<Url>,
    /// The longest message that is accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    max_message: u64,
    /// Offer compression (permessage-deflate); the server decides
    #[arg(long)]
    deflate: bool,
    #[command(flatten)]
    limits: Timeouts,
    /// Print what was counted as JSON on stderr, one object for each command
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    cli::run(pdc)
}

fn pdc(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let (server, commands) = cli::server_and_commands(&arguments.positional, arguments.at.server.as_ref())?;
    let url = match (&arguments.url, server) {
        (Some(_), Some(server)) => {
            return Err(Error::Usage(format!("the server is named twice: '{server}' and --url")));
        }
        (Some(url), None) => url.clone(),
        (None, server) => Url::of(PMU.or(server)?),
    };
    commands.iter().try_for_each(|command| ask(&url, command, &arguments, console))
}

fn ask(url: &Url, command: &Command, arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let stats = console.statistics.begin(arguments.stats, TransferStats::over_websocket(command));
    console.waiting.begin(format_args!("not connected to {url} yet"));

    let mut pmu = Client::connect(
        url,
        Options {
            connect: arguments.limits.connect_deadline(),
            silence: arguments.limits.timeout,
            max_message: usize::try_from(arguments.max_message).unwrap_or(usize::MAX),
            deflate: arguments.deflate,
        },
    )?;

    pmu.send(&command.to_string())?;
    console.waiting.begin(format_args!("connected to {url}, {command} is sent, no message has come yet"));
    loop {
        // Q23, Q24: each call brings one message, whole, however many packets and frames it took.
        let received = pmu.receive();
        stats.update(|stats| stats.on_message(&pmu));
        match received? {
            Some(message) => {
                console.waiting.hold();
                console.out.message(message.as_ref())?;
                let expected = command.interval().unwrap_or_default();
                console.waiting.begin_for(expected, "messages have come, but neither a further one nor the end");
            }
            None if pmu.messages() == 0 => {
                console.err.warn(format_args!("{url} closed the connection without an answer"));
                return Ok(());
            }
            None => return Ok(()),
        }
    }
}
