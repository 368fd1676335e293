//! The command line of the report.

use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::time::Duration;

use clap::Parser;

use lab_testbed::facts::{Ports, RunSettings, Scenario};
#[cfg(target_os = "linux")]
use lab_testbed::{
    programs::{Other, ProgramRole, Programs},
    recv_calls,
};
#[cfg(target_os = "linux")]
use labnet::Error;

/// Make every experiment of the lab, capture it, and answer Q1 to Q28 from what was measured
#[derive(Parser)]
#[command(
    name = "lab-report",
    version,
    after_help = "Examples:
  lab-report                              all experiments: lab-report/index.html
  lab-report --part2 'python3 my_pdc.py'  answers from that program's packets
  lab-report --only part2 --path delay=5ms
                                          one part, with another path
  lab-report --first 0 --messages 17      as in a later edition
  lab-report --part2 ./pdc --args2 '{host} {port} {command}'
                                          a program with other arguments
  lab-report --from lab-report/facts.json
                                          the same report again, on any system

A template has {host}, {port}, {command}, {group}, {identity}, {certificate}
and {key}. Without one, a program that does not get as far as its server with
the handout's arguments is tried with a later edition's order.

Writes index.html, answers.json with answers.schema.json, facts.json,
captures/*.pcapng for Wireshark, and output/*.txt. Needs Linux, but no root:
everything runs in a private network, out of reach of any other."
)]
pub(crate) struct Arguments {
    /// The folder of the report [default: lab-report; with --from, the folder of the facts]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the report of an earlier run, from its facts, and run nothing
    #[arg(long, value_name = "FACTS")]
    pub(crate) from: Option<PathBuf>,
    /// Fix every random choice of servers and path
    #[arg(long, default_value_t = RunSettings::default().seed)]
    seed: u64,
    /// Only the experiments whose names begin so: part2, part3-series, …; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// How many messages answer CMD_short
    #[arg(long, value_name = "N", default_value_t = RunSettings::default().messages, value_parser = clap::value_parser!(u64).range(1..=1000), help_heading = "What is different")]
    messages: u64,
    /// The number of the first message
    #[arg(long, value_name = "0|1", default_value_t = RunSettings::default().first, value_parser = clap::value_parser!(u64).range(0..=1), help_heading = "What is different")]
    first: u64,
    /// The probability that the PMU of part 3 loses a packet, at most 0.9
    #[arg(long, value_name = "0..0.9", default_value_t = RunSettings::default().loss, value_parser = loss, help_heading = "What is different")]
    loss: f64,
    /// What stands between OFFSET and its number
    #[arg(long, value_name = "=|:", default_value_t = RunSettings::default().ack_separator, value_parser = separator, help_heading = "What is different")]
    ack_separator: char,
    /// How many resets are made for the mean
    #[arg(long, value_name = "N", default_value_t = RunSettings::default().runs, value_parser = clap::value_parser!(u64).range(1..=200), help_heading = "What is different")]
    runs: u64,
    /// A file with the text that answers CMD_floodme, at most 1 MiB, UTF-8
    #[arg(long, value_name = "FILE", help_heading = "What is different")]
    flood_file: Option<PathBuf>,
    /// The port of Code A and B; 50007 in one edition
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().datagram, value_parser = clap::value_parser!(u16).range(1..), help_heading = "What is different")]
    datagram_port: u16,
    /// The port of Code C and D
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().echo, value_parser = clap::value_parser!(u16).range(1..), help_heading = "What is different")]
    echo_port: u16,
    /// The port of the group of part 4; 10505 in a later edition
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().multicast, value_parser = clap::value_parser!(u16).range(1..), help_heading = "What is different")]
    multicast_port: u16,
    /// What lies between client and server: some of delay=50ms, rate=10mbit, loss=0.01, duplicate=0.01 and
    /// reorder=0.01, joined by commas
    #[arg(long, value_name = "PATH", default_value = "delay=50ms", help_heading = "What is different")]
    path: lab_sandbox::path::NetworkPath,

    /// The server of part 5 sends text frames; the lab's sends binary ones
    #[arg(long, help_heading = "What is different")]
    text: bool,
    /// The longest that one program may take, in seconds; then it is ended and its experiment has failed
    #[arg(long, value_name = "SECONDS", default_value_t = RunSettings::default().deadline.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "What is different")]
    deadline: u64,

    /// Count the calls of recv() of other people's programs of part 2 and 5 (needs strace)
    #[arg(long, help_heading = "Whose programs")]
    watch_recv: bool,
    /// Code A in place of ours: a command of a shell, as for all of these
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    code_a: Option<String>,
    /// Code B
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    code_b: Option<String>,
    /// Code C
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    code_c: Option<String>,
    /// Code D
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    code_d: Option<String>,
    /// The PDC of part 2; gets the command as its argument and goes to tcpip.epfl.ch, port 5003
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part2: Option<String>,
    /// The arguments of that program, instead of {command}
    #[arg(long, value_name = "TEMPLATE", requires = "part2", help_heading = "Whose programs")]
    args2: Option<String>,
    /// The PDC of part 3; goes to lab3.iw.epfl.ch, port 5004
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part3: Option<String>,
    /// The arguments of that program, instead of nothing
    #[arg(long, value_name = "TEMPLATE", requires = "part3", help_heading = "Whose programs")]
    args3: Option<String>,
    /// The receiver of part 4; joins 224.1.1.1, port 5005
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part4_receiver: Option<String>,
    /// The arguments of that program, instead of nothing
    #[arg(long, value_name = "TEMPLATE", requires = "part4_receiver", help_heading = "Whose programs")]
    args4_receiver: Option<String>,
    /// The sender of part 4; gets the identity as its argument, and text as its input
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part4_sender: Option<String>,
    /// The arguments of that program, instead of {identity}
    #[arg(long, value_name = "TEMPLATE", requires = "part4_sender", help_heading = "Whose programs")]
    args4_sender: Option<String>,
    /// The client of part 5; gets the command as its argument and goes to tcpip.epfl.ch, port 5006
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part5: Option<String>,
    /// The arguments of that program, instead of {command}
    #[arg(long, value_name = "TEMPLATE", requires = "part5", help_heading = "Whose programs")]
    args5: Option<String>,
    /// The PMU of part 6; gets the port, a certificate and its key as arguments, and may listen where it wants
    #[arg(long, value_name = "COMMAND", help_heading = "Whose programs")]
    part6: Option<String>,
    /// The arguments of that program, instead of {port} {certificate} {key}
    #[arg(long, value_name = "TEMPLATE", requires = "part6", help_heading = "Whose programs")]
    args6: Option<String>,
}

impl Arguments {
    /// The folder of the report.
    pub(crate) fn out(&self) -> PathBuf {
        let beside = |facts: &PathBuf| facts.parent().map(Path::to_owned).unwrap_or_default();
        let out = self.out.clone().or_else(|| self.from.as_ref().map(beside));
        out.unwrap_or_else(|| PathBuf::from("lab-report"))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn settings(&self) -> Result<RunSettings, Error> {
        let Self { seed, messages, first, loss, ack_separator, runs, path, deadline, text, .. } = *self;
        let ports = Ports { datagram: self.datagram_port, echo: self.echo_port, multicast: self.multicast_port };
        let flood = self.flood_file.as_deref().map(flood).transpose()?;
        let (deadline, only, watch_recv) = (Duration::from_secs(deadline), self.only.clone(), self.watch_recv);
        if watch_recv && !recv_calls::is_possible() {
            return Err(Error::Usage("--watch-recv needs strace, which is not installed".to_owned()));
        }
        Ok(RunSettings {
            seed,
            messages,
            first,
            loss,
            ack_separator,
            runs,
            path,
            deadline,
            only,
            watch_recv,
            flood,
            ports,
            text,
            ..RunSettings::default()
        })
    }

    /// Whether an experiment was asked for at all.
    pub(crate) fn wants_something(&self) -> bool {
        let settings = RunSettings { only: self.only.clone(), ..RunSettings::default() };
        Scenario::ALL.iter().any(|&scenario| settings.is_wanted(scenario))
    }

    /// Our programs are those that were built together with this one.
    #[cfg(target_os = "linux")]
    pub(crate) fn programs(&self, ports: Ports) -> Result<Programs, Error> {
        let this = std::env::current_exe().map_err(|source| Error::System { attempt: "find the programs", source })?;
        let folder = this.parent().map(Path::to_owned).unwrap_or_default();
        let others = [
            (ProgramRole::CodeA, &self.code_a, &None),
            (ProgramRole::CodeB, &self.code_b, &None),
            (ProgramRole::CodeC, &self.code_c, &None),
            (ProgramRole::CodeD, &self.code_d, &None),
            (ProgramRole::Part2, &self.part2, &self.args2),
            (ProgramRole::Part3, &self.part3, &self.args3),
            (ProgramRole::Part4Receiver, &self.part4_receiver, &self.args4_receiver),
            (ProgramRole::Part4Sender, &self.part4_sender, &self.args4_sender),
            (ProgramRole::Part5, &self.part5, &self.args5),
            (ProgramRole::Part6Pmu, &self.part6, &self.args6),
        ];
        let other = |(role, command, arguments): (ProgramRole, &Option<String>, &Option<String>)| {
            Some((role, Other { command: command.clone()?, arguments: arguments.clone() }))
        };
        Ok(Programs::new(folder, others.into_iter().filter_map(other), ports))
    }
}

/// The maximum of a text for `--flood-file`, in bytes (ours).
#[cfg(target_os = "linux")]
const MAX_FLOOD: u64 = 1 << 20;

#[cfg(target_os = "linux")]
fn flood(path: &Path) -> Result<String, Error> {
    use std::{fs::File, io::Read as _};
    let error = |source| Error::File { attempt: "read", path: path.display().to_string(), source };
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FLOOD + 1).read_to_end(&mut text)).map_err(error)?;
    if text.is_empty() || text.len() as u64 > MAX_FLOOD {
        return Err(Error::Usage(format!("{} must have 1 byte to 1 MiB", path.display())));
    }
    String::from_utf8(text).map_err(|_| Error::Usage(format!("{} is no UTF-8", path.display())))
}

fn loss(text: &str) -> Result<f64, String> {
    let loss = text.parse().ok().filter(|loss| (0.0..=0.9).contains(loss));
    loss.ok_or_else(|| "expected a probability from 0 to 0.9".to_owned())
}

fn separator(text: &str) -> Result<char, String> {
    match text {
        "=" => Ok('='),
        ":" => Ok(':'),
        _ => Err("expected = or :".to_owned()),
    }
}
