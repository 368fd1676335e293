//! Part 6, TLS: the PDC that tests a PMU behind TLS: verifies its certificate, then talks as in part 2
//! (handout, section 6; Q25 to Q28).
//!
//! Usage: `part6-pdc CMD_short:0 cacert.pem` · `part6-pdc CMD_floodme certs/cacert.pem --server localhost:5007`

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Answer, Console, DefaultServer, ServerOption, Timeouts},
    pmu::Command,
    tls::{Client, ClientOptions, KeyLogFile, Roots, TlsVersion},
};

const PMU: DefaultServer = DefaultServer { host: "localhost", port: 5003 };

/// Ask a PMU for its messages over TLS, after verifying its certificate
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  part6-pdc CMD_short:0 certs/cacert.pem    from part6-pmu on this machine
  part6-pdc CMD_short:1 cacert.pem --server localhost:5007 --stats
  part6-pdc CMD_short:0 cacert.pem --server 127.0.0.1 --name localhost
  part6-pdc CMD_short:0 cacert.pem --no-check-hostname
                                            a certificate without names
  part6-pdc CMD_short:0 cacert.pem --name ada_lovelace
                                            with that common name alone"
)]
struct Arguments {
    /// CMD_short:d (d in seconds) or CMD_floodme
    command: Command,
    /// The CA's certificate, a PEM file
    #[arg(value_name = "CA-FILE")]
    ca_file: PathBuf,
    #[command(flatten)]
    at: ServerOption,
    /// The name that the certificate must be for, not the server's: one of its SAN or, without SAN, its common name
    #[arg(long)]
    name: Option<String>,
    /// Verify the chain, but not the name; X.509 version 1 will do
    #[arg(long, conflicts_with = "name")]
    no_check_hostname: bool,
    /// Fail when the PMU ends without close_notify
    #[arg(long)]
    strict: bool,
    /// Speak this version only: 1.2 or 1.3 (Q26)
    #[arg(long, value_name = "VERSION")]
    tls: Option<TlsVersion>,
    /// Append the secrets of the connection to a file, so that Wireshark can decrypt it (Q25)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE", hide_env_values = true)]
    keylog: Option<PathBuf>,
    /// The most bytes that one recv takes
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    recv_buffer: u32,
    #[command(flatten)]
    limits: Timeouts,
    /// Print what was counted as JSON on stderr
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    cli::run(pdc)
}

fn pdc(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let server = PMU.or(arguments.at.server)?;
    let mut answer = Answer::over_tls(&arguments.command, console, arguments.stats);
    let roots = Roots::load(&arguments.ca_file)?;
    let options = ClientOptions {
        name: arguments.name,
        checks_name: !arguments.no_check_hostname,
        connect: arguments.limits.connect_deadline(),
        silence: arguments.limits.timeout,
        version: arguments.tls,
        key_log: arguments.keylog.as_deref().map(KeyLogFile::open).transpose()?,
        ..ClientOptions::trusting(roots)
    };
    let mut pmu = Client::connect(&server, &options)?;
    answer.negotiated(&pmu.negotiated());

    pmu.send(arguments.command.as_bytes())?;
    let mut buffer = vec![0; arguments.recv_buffer as usize];
    loop {
        let bytes = pmu.recv(&mut buffer).inspect_err(|_| answer.cut_short())?;
        if bytes.is_empty() {
            answer.end(&pmu)?;
            // A FIN alone can be forged by anyone on the way; close_notify cannot.
            let end = pmu.check_end();
            if let (Err(error), false) = (&end, arguments.strict) {
                console.err.warn(error);
                return Ok(());
            }
            return end;
        }
        answer.show(bytes, &pmu)?;
    }
}
