//! Captures a command in a private network; counts and shows what is in a capture file.
//!
//! Usage: `lab-capture run -- COMMAND` · `lab-capture count FILE` · `lab-capture show FILE` · `lab-capture show FILE --flow 2 --svg`

mod count;
mod error;
#[cfg(target_os = "linux")]
mod run;
mod show;
mod source;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use lab_sandbox::{Launched, reexec};
use labnet::cli::{self, Console};

use error::Error;

/// Capture a command, count packets, follow connections, list TLS handshakes, draw sequence diagrams
#[derive(Parser)]
#[command(
    name = "lab-capture",
    version,
    after_help = "Examples:
  lab-capture run --mock-servers -- part2-pdc CMD_short:0
  lab-capture run --mock-servers --path delay=25ms -- part2-pdc CMD_floodme
  lab-capture run --server 'tls-server cert.pem key.pem --bind 10.9.0.43' \\
      -- tls-client server 4433 --cafile ca.pem
  lab-capture count lab.pcapng         packets, bytes, retransmissions by flow
  lab-capture show lab.pcapng          each flow as a sequence diagram
  lab-capture show lab.pcapng --flow 2 --svg > flow2.svg
  lab-capture show tls.pcapng --keylog keys.log --details
  tcpdump -i lo -w - 'port 5003' | lab-capture count -

`run` makes a private network: two hosts with --path, or one loopback interface.
FILE is pcapng or pcap, as written by tcpdump, Wireshark, dumpcap and editcap,
also compressed with gzip or zstd, whatever its name; - is stdin."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a command in a private network and capture what it sends and receives
    #[cfg(target_os = "linux")]
    Run(run::Arguments),
    /// Count packets, bytes and retransmissions of each flow
    Count(count::Arguments),
    /// Show each flow as a sequence diagram, with the messages of TLS
    Show(show::Arguments),
}

fn main() -> ExitCode {
    cli::guard(capture)
}

fn capture() -> ExitCode {
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only `run` asks"))]
    let place = match reexec() {
        Launched::Done(status) => return status,
        place => place,
    };
    cli::run_to_status(|arguments: Arguments, console: &Console| -> Result<ExitCode, Error> {
        match arguments.command {
            #[cfg(target_os = "linux")]
            Command::Run(arguments) if matches!(place, Launched::Inside) => return run::inside(&arguments, console),
            #[cfg(target_os = "linux")]
            Command::Run(_) => return run::outside(console),
            Command::Count(arguments) => count::count(&arguments, console)?,
            Command::Show(arguments) => show::show(&arguments, console)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
