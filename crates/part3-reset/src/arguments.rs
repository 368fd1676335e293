//! The command line of part 3.

use std::time::Duration;

use clap::Parser;

use labnet::{cli, net::Server};

/// Tell a PMU over UDP (IPv4 and IPv6) to reset its clock, again and again until it acknowledges
#[derive(Parser)]
#[command(
    version,
    override_usage = "part3-reset [OPTIONS] [SERVER PORT]",
    after_help = "Examples:
  part3-reset                             one reset (Q16)
  part3-reset --runs 60                   mean and loss over sixty resets (Q17)
  part3-reset localhost 5004 --n 10       from mock-servers, by at most 10 s
  part3-reset --server 127.0.0.1:5004 --server '[::1]:6004'"
)]
pub(super) struct Arguments {
    /// The PMU's name and port
    #[arg(value_name = "SERVER PORT", num_args = 2)]
    pub(super) positional: Vec<String>,
    /// The PMU: HOST, HOST:PORT or `[IPV6]:PORT`; give it twice to name an address of each family
    #[arg(long, value_name = "SERVER")]
    pub(super) server: Vec<Server>,
    /// The most seconds by which the PMU may advance its clock
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(super) n: u64,
    /// How many resets, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) runs: u64,
    /// Seconds to wait for an acknowledgement before sending again
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = cli::parse_seconds)]
    pub(super) timeout: Duration,
    /// Give up after so many rounds without an acknowledgement; by default go on for ever
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_rounds: Option<u64>,
    /// Seconds to find the address of the PMU
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::parse_seconds)]
    pub(super) connect_timeout: Duration,
    /// Print what was counted as JSON on stderr
    #[arg(long)]
    pub(super) stats: bool,
}
