//! Runs the experiments of the handout on this machine, and checks their output.
//!
//! Usage: `run-lab` · `run-lab part2 part5`

use std::{fmt, process::ExitCode};

use clap::{Parser, ValueEnum};

use labnet::{
    Error,
    cli::{self, Console},
};

mod channel;
mod part1;
mod part2;
mod part3;
mod part4;
mod part5;
mod part6;
mod report;
mod runner;
mod servers;
mod tls;

use runner::Runner;

/// Run every program of the lab against the mock servers, show what happens, and check it
#[derive(Parser)]
#[command(
    name = "run-lab",
    version,
    after_help = "Examples:
  run-lab              all parts, in less than a minute
  run-lab part1 part2  these parts
  run-lab channel tls  the secure channel, the TLS lab
  run-lab report       the answers to Q1 to Q28, from captures

Traffic stays on this machine: 127.0.0.0/8, ::1, and a multicast group on the
loopback interface."
)]
struct Arguments {
    /// Which parts; by default all
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Part1,
    Part2,
    Part3,
    Part4,
    Part5,
    Part6,
    Channel,
    Tls,
    Report,
}

impl Part {
    const ALL: [Self; 9] = [
        Self::Part1,
        Self::Part2,
        Self::Part3,
        Self::Part4,
        Self::Part5,
        Self::Part6,
        Self::Channel,
        Self::Tls,
        Self::Report,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Part1 => "Part 1: first messages over UDP and TCP",
            Self::Part2 => "Part 2: a PDC cuts a TCP stream into messages",
            Self::Part3 => "Part 3: a clock reset over UDP, in both families",
            Self::Part4 => "Part 4: multicast",
            Self::Part5 => "Part 5: WebSocket",
            Self::Part6 => "Part 6: a PMU behind TLS, from key to certificate to messages",
            Self::Channel => "The secure channel: five steps, and attacks on them",
            Self::Tls => "The TLS lab: a handshake step by step, a man in the middle, and bad certificates",
            Self::Report => "The report: every question of the handout, answered from packets",
        }
    }

    fn run(self, runner: &mut Runner) -> Result<(), Error> {
        match self {
            Self::Part1 => part1::run(runner),
            Self::Part2 => part2::run(runner),
            Self::Part3 => part3::run(runner),
            Self::Part4 => part4::run(runner),
            Self::Part5 => part5::run(runner),
            Self::Part6 => part6::run(runner),
            Self::Channel => channel::run(runner),
            Self::Tls => tls::run(runner),
            Self::Report => report::run(runner),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

fn main() -> ExitCode {
    cli::run(run_lab)
}

fn run_lab(arguments: Arguments, console: &Console) -> Result<(), lab_run::Error> {
    console.shutdown.at_interrupt(lab_process::end_all);
    let mut runner = Runner::new(console)?;
    for part in Part::ALL {
        if arguments.parts.is_empty() || arguments.parts.contains(&part) {
            runner.begin(part)?;
            part.run(&mut runner)?;
        }
    }
    runner.table()
}
