//! The command line of part 6's client.

use std::path::PathBuf;

use clap::Parser;

use labnet::{
    cli::{ServerOption, Timeouts},
    pmu::Command,
    tls::TlsVersion,
};

/// Ask a PMU for its messages over TLS, after verifying its certificate
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  part6-pdc CMD_short:0 certs/cacert.pem    from part6-pmu on this machine
  part6-pdc CMD_short:1 cacert.pem --server localhost:5007 --stats
  LAB_SERVER=localhost part6-pdc CMD_short:0 cacert.pem
                                            from mock-servers, or part6-pmu
  part6-pdc CMD_short:0 cacert.pem --server 127.0.0.1 --name localhost
  part6-pdc CMD_short:0 cacert.pem --no-check-hostname
                                            a certificate without names
  part6-pdc CMD_short:0 cacert.pem --name ada_lovelace
                                            with that common name alone

Where LAB_SERVER names the host, port 5007 is tried first (mock-servers tls),
then 5003 (part6-pmu)."
)]
pub(super) struct Arguments {
    /// CMD_short:d (d in seconds) or CMD_floodme
    pub(super) command: Command,
    /// The CA's certificate, a PEM file
    #[arg(value_name = "CA-FILE")]
    pub(super) ca_file: PathBuf,
    #[command(flatten)]
    pub(super) at: ServerOption,
    /// The name that the certificate must be for, not the server's: one of its SAN or, without SAN, its common name
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Verify the chain, but not the name; X.509 version 1 will do
    #[arg(long, conflicts_with = "name")]
    pub(super) no_check_hostname: bool,
    /// Fail when the PMU ends without close_notify
    #[arg(long)]
    pub(super) strict: bool,
    /// Speak this version only: 1.2 or 1.3 (Q26)
    #[arg(long, value_name = "VERSION")]
    pub(super) tls: Option<TlsVersion>,
    /// Append the secrets of the connection to a file, so that Wireshark can decrypt it (Q25)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE", hide_env_values = true)]
    pub(super) keylog: Option<PathBuf>,
    /// The most bytes that one recv takes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub(super) recv_buffer: u32,
    #[command(flatten)]
    pub(super) limits: Timeouts,
    /// Print what was counted as JSON on stderr
    #[arg(long)]
    pub(super) stats: bool,
}
