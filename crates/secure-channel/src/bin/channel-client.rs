//! The client of the secure channel: receives a message in the step that is asked for, verifies what that step can
//! verify, and acknowledges it.
//!
//! Usage: `channel-client` · `channel-client 127.0.0.1 5010 --step plain` · `channel-client --quiet`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;

use labnet::{
    cli::{self, Console, DefaultServer, ServerOption},
    net::Deadline,
};
use secure_channel::{
    ChannelSuite, Error,
    steps::{ChannelStats, Client, Narrator, Step},
};

const SERVER: DefaultServer = DefaultServer { host: "localhost", port: 5010, mock_port: 5010 };

/// Receive a message over a channel that is built step by step
#[derive(Parser)]
#[command(
    name = "channel-client",
    version,
    override_usage = "channel-client [OPTIONS] [SERVER PORT]",
    after_help = "Examples:
  channel-client                          from channel-server on this machine
  channel-client 127.0.0.1 5010 --step plain
  channel-client --suite aes256-gcm       offers this suite only
  channel-client --quiet                  the message alone, if all is right

The certificates in DIR are made at first use; server and client need those of
the same CA."
)]
struct Arguments {
    /// The server and its port
    #[arg(value_name = "SERVER PORT", num_args = 2)]
    positional: Vec<String>,
    #[command(flatten)]
    at: ServerOption,
    /// How far the channel is built
    #[arg(long, value_enum, default_value_t = Step::Secure)]
    step: Step,
    /// The folder of cacert.pem, client_cert.pem and client_key.pem
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
    /// A suite to offer in step secure: aes128-hmac or aes256-gcm; several in the order of preference [default: both]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<ChannelSuite>,
    /// Show the message alone
    #[arg(long)]
    quiet: bool,
    /// Seconds to find and reach the server
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::parse_seconds)]
    connect_timeout: Duration,
    /// Seconds after the last byte of a server that owes more
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::parse_seconds)]
    timeout: Duration,
    /// Print what was counted as JSON on stderr
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    cli::run(client)
}

fn client(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let server = SERVER.or_one(&arguments.positional, arguments.at.server)?;
    let suites = if arguments.suite.is_empty() { ChannelSuite::ALL.to_vec() } else { arguments.suite };
    let client = Client::new(arguments.step, &arguments.dir, &suites)?;
    let narrator = if arguments.quiet { Narrator::silent() } else { Narrator::live(console) };

    let stats = console.statistics.begin(arguments.stats, ChannelStats::of(arguments.step));
    let connect = Deadline::after(arguments.connect_timeout);
    let message = client.fetch(&server, connect, arguments.timeout, &narrator, &stats)?;
    console.out.message(&message)?;
    Ok(())
}
