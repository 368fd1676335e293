//! Counts and shows what is in a capture file.
//!
//! Usage: `lab-capture count FILE` · `lab-capture show FILE` · `lab-capture show FILE --flow 2 --svg`

mod count;
mod show;
mod source;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use labnet::{
    Error,
    cli::{self, Console},
};

/// Count packets, follow connections, list TLS handshakes, draw sequence diagrams
#[derive(Parser)]
#[command(
    name = "lab-capture",
    version,
    after_help = "Examples:
  lab-capture count lab.pcapng                 packets, bytes and retransmissions, flow by flow
  lab-capture show lab.pcapng                  each flow as a sequence diagram
  lab-capture show lab.pcapng --flow 2 --svg > flow2.svg
  lab-capture show tls.pcapng --keylog keys.log --details
  tcpdump -i lo -w - 'port 5003' | lab-capture count -

FILE is pcapng or pcap, as written by tcpdump, Wireshark, dumpcap and editcap; - is stdin."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count packets, bytes and retransmissions of each flow
    Count(count::Arguments),
    /// Show each flow as a sequence diagram, with the messages of TLS
    Show(show::Arguments),
}

fn main() -> ExitCode {
    cli::run(|arguments: Arguments, console: &Console| -> Result<(), Error> {
        match arguments.command {
            Command::Count(arguments) => count::count(&arguments, console),
            Command::Show(arguments) => show::show(&arguments, console),
        }
    })
}
