//! Part 2, packetization: a PDC asks a PMU for messages over TCP and cuts the stream back into them
//! (handout, section 2; Q10 to Q15).
//!
//! Usage: `part2-pdc CMD_short:0` · `part2-pdc CMD_short:1` · `part2-pdc CMD_floodme`

use std::process::ExitCode;

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Answer, Console, DefaultServer, ServerOption, Timeouts},
    net::{self, Deadline, Families, Server},
    pmu::Command,
};

const PMU: DefaultServer = DefaultServer { host: "tcpip.epfl.ch", port: 5003, mock_port: 5003 };

/// Ask a PMU for its messages over TCP (IPv4) and show each on a line of its own
#[derive(Parser)]
#[command(
    version,
    override_usage = "part2-pdc [OPTIONS] [SERVER PORT] COMMAND...",
    after_help = "Examples:
  part2-pdc CMD_short:0                   ten messages at once
  part2-pdc CMD_short:0 CMD_short:1       the same, then one a second
  part2-pdc CMD_floodme > flood.txt       one long text
  part2-pdc 127.0.0.1 5003 CMD_short:0    the later editions' command line
  part2-pdc --server localhost --recv-buffer 1000 --stats CMD_floodme"
)]
struct Arguments {
    /// CMD_short:d (d in seconds) or CMD_floodme; each gets a connection of its own, in order
    #[arg(value_name = "[SERVER PORT] COMMAND")]
    positional: Vec<String>,
    #[command(flatten)]
    at: ServerOption,
    /// The most bytes that one recv() takes (Q15)
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    recv_buffer: u32,
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
    let server = PMU.or(server)?;
    commands.iter().try_for_each(|command| ask(&server, command, &arguments, console))
}

fn ask(server: &Server, command: &Command, arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let mut answer = Answer::to(command, console, arguments.stats);

    let mut pmu = net::connect(server, Families::Ipv4, arguments.limits.connect_deadline())?;
    pmu.set_limits(arguments.limits.timeout, Deadline::NONE)?;

    pmu.send(command.as_bytes())?;
    answer.asked(pmu.peer());
    let mut buffer = vec![0; arguments.recv_buffer as usize];
    loop {
        // Q15: one recv() returns what has come, whatever the PMU sent and however it was packed.
        let bytes = pmu.recv(&mut buffer).inspect_err(|_| answer.cut_short())?;
        if bytes.is_empty() {
            // Q13: nothing at all means that the PMU has closed, so this was everything.
            return answer.end(&pmu);
        }
        answer.show(bytes, &pmu)?;
    }
}
