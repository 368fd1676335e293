//! The programs of the lab as command lines: ours, or substitutes.

use std::{collections::BTreeMap, fmt, path::PathBuf, process::Command};

use lab_process::shell;
use serde::{Deserialize, Serialize};

use crate::facts::Substitute;

/// The role of a program in the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramRole {
    /// Sends a datagram.
    CodeA,
    /// Shows datagrams.
    CodeB,
    /// Echoes.
    CodeC,
    /// Sends a line and shows its echo.
    CodeD,
    /// The PDC over TCP.
    Part2,
    /// The PDC that resets a clock.
    Part3,
    /// The receiver of a group.
    Part4Receiver,
    /// The sender to a group.
    Part4Sender,
    /// The PDC over WebSocket.
    Part5,
    /// The PMU behind TLS.
    Part6Pmu,
    /// The PDC over TLS, which is always ours.
    Part6Pdc,
}

impl ProgramRole {
    /// Our program, and its first arguments.
    fn ours(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::CodeA => ("part1-primer", &["udp-client"]),
            Self::CodeB => ("part1-primer", &["udp-server"]),
            Self::CodeC => ("part1-primer", &["echo-server"]),
            Self::CodeD => ("part1-primer", &["echo-client"]),
            Self::Part2 => ("part2-pdc", &[]),
            Self::Part3 => ("part3-reset", &[]),
            Self::Part4Receiver => ("part4-receiver", &[]),
            Self::Part4Sender => ("part4-sender", &[]),
            Self::Part5 => ("part5-ws", &[]),
            Self::Part6Pmu => ("part6-pmu", &[]),
            Self::Part6Pdc => ("part6-pdc", &[]),
        }
    }

    /// Its name in findings: `part2`, `part4-sender`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Part6Pdc => "part6-pdc",
            other => other.option().trim_start_matches('-'),
        }
    }

    /// The option of lab-report for a substitute; empty for the role that has none.
    pub fn option(self) -> &'static str {
        match self {
            Self::CodeA => "--code-a",
            Self::CodeB => "--code-b",
            Self::CodeC => "--code-c",
            Self::CodeD => "--code-d",
            Self::Part2 => "--part2",
            Self::Part3 => "--part3",
            Self::Part4Receiver => "--part4-receiver",
            Self::Part4Sender => "--part4-sender",
            Self::Part5 => "--part5",
            Self::Part6Pmu => "--part6",
            Self::Part6Pdc => "",
        }
    }
}

/// As in a sentence: `Code A`, `the PMU`.
impl fmt::Display for ProgramRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeA => "Code A",
            Self::CodeB => "Code B",
            Self::CodeC => "Code C",
            Self::CodeD => "Code D",
            Self::Part6Pmu => "the PMU",
            Self::Part6Pdc => "the PDC",
            Self::Part2 | Self::Part3 | Self::Part4Receiver | Self::Part4Sender | Self::Part5 => "the program",
        })
    }
}

/// The program of each role.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The folder of our programs.
    folder: PathBuf,
    /// Substitutes: command lines of a shell.
    others: BTreeMap<ProgramRole, String>,
}

impl Programs {
    /// Our programs in a folder, and substitutes for some roles.
    pub fn new(folder: PathBuf, others: impl IntoIterator<Item = (ProgramRole, String)>) -> Self {
        Self { folder, others: others.into_iter().collect() }
    }

    /// Whether the program of a role is ours: only ours has our options.
    pub fn is_ours(&self, role: ProgramRole) -> bool {
        !self.others.contains_key(&role)
    }

    /// The substitutes, in the order of the roles.
    pub fn substitutes(&self) -> Vec<Substitute> {
        self.others.iter().map(|(&role, command)| Substitute { role, command: command.clone() }).collect()
    }

    /// A program with its arguments: the command, and its command line as text.
    pub fn command(&self, role: ProgramRole, arguments: &[&str]) -> (Command, String) {
        let (program, first) = role.ours();
        let (mut command, line) = match self.others.get(&role) {
            Some(other) => {
                // The shell splits the command line, and `exec` replaces the shell.
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("exec {other} \"$@\"")).arg("sh");
                (command, other.clone())
            }
            None => {
                let mut command = Command::new(self.folder.join(program));
                command.args(first);
                (command, [&[program], first].concat().join(" "))
            }
        };
        command.args(arguments);
        // Python must not buffer its output, and the lab's variables must not change a program.
        command.env("PYTHONUNBUFFERED", "1").env_remove("LAB_SERVER").env_remove("SSLKEYLOGFILE");
        let line = if arguments.is_empty() { line } else { format!("{line} {}", shell::command_line(arguments)) };
        (command, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_gets_the_same_arguments() {
        let programs = Programs::new("/bin".into(), [(ProgramRole::Part2, "python3 'my pdc.py'".to_owned())]);
        assert_eq!(
            programs.command(ProgramRole::Part2, &["CMD_short:0", "a b"]).1,
            "python3 'my pdc.py' CMD_short:0 'a b'"
        );
        assert_eq!(programs.command(ProgramRole::CodeA, &[]).1, "part1-primer udp-client");
        assert!(!programs.is_ours(ProgramRole::Part2) && programs.is_ours(ProgramRole::Part3));
    }
}
