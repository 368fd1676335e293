//! The command line of part 5.

use clap::Parser;

use labnet::{
    cli::{ServerOption, Timeouts},
    ws::Url,
};

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
pub(super) struct Arguments {
    /// CMD_short:d (d in seconds) or CMD_floodme; each gets a connection of its own, in order
    #[arg(value_name = "[SERVER PORT] COMMAND")]
    pub(super) positional: Vec<String>,
    #[command(flatten)]
    pub(super) at: ServerOption,
    /// The server as a URL, `ws://HOST[:PORT][/PATH]`
    #[arg(long, conflicts_with = "server")]
    pub(super) url: Option<Url>,
    /// The longest message that is accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub(super) max_message: u64,
    /// Offer compression (permessage-deflate); the server decides
    #[arg(long)]
    pub(super) deflate: bool,
    #[command(flatten)]
    pub(super) limits: Timeouts,
    /// Print what was counted as JSON on stderr, one object for each command
    #[arg(long)]
    pub(super) stats: bool,
}
