//! The programs of the lab as command lines: ours, or somebody else's in their place.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

/// A part that a program plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
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

impl Role {
    /// Our program, and what comes before all other arguments.
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

    /// The option of lab-report that puts another program in its place.
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

/// Which program plays which part.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Where ours are.
    folder: PathBuf,
    /// Commands of a shell that stand in for ours.
    others: BTreeMap<Role, String>,
}

impl Programs {
    /// Ours, from a folder, but for some.
    pub fn new(folder: PathBuf, others: impl IntoIterator<Item = (Role, String)>) -> Self {
        Self { folder, others: others.into_iter().collect() }
    }

    /// Whether a part is played by our program, which has our options.
    pub fn is_ours(&self, role: Role) -> bool {
        !self.others.contains_key(&role)
    }

    /// The options that were given, with their commands.
    pub fn others(&self) -> Vec<(String, String)> {
        self.others.iter().map(|(role, command)| (role.option().to_owned(), command.clone())).collect()
    }

    /// A program with its arguments, and how that is written.
    pub fn command(&self, role: Role, arguments: &[String]) -> (Command, String) {
        let (program, first) = role.ours();
        let (mut command, line) = match self.others.get(&role) {
            Some(other) => {
                // A shell takes the command apart, and is gone when the program runs.
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
        // What Python programs print is to be seen when they print it, and the lab's own variables change nothing.
        command.env("PYTHONUNBUFFERED", "1").env_remove("LAB_SERVER").env_remove("SSLKEYLOGFILE");
        let line = arguments.iter().fold(line, |line, argument| format!("{line} {}", quoted(argument)));
        (command, line)
    }
}

/// A sentence about a command, with somebody else's command as it was typed: without the shell around it.
pub(crate) fn as_typed(sentence: &str) -> String {
    let parts = sentence.split_once("sh -c 'exec ").and_then(|(before, rest)| {
        let (command, after) = rest.split_once(" \"$@\"' sh")?;
        Some(format!("{before}{}{after}", command.replace("'\\''", "'")))
    });
    parts.unwrap_or_else(|| sentence.to_owned())
}

/// An argument as a shell would need it.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_a_command_as_it_was_typed() {
        let sentence = r#"`sh -c 'exec python3 '\''my pdc.py'\'' "$@"' sh CMD_short:0` did not end"#;
        assert_eq!(as_typed(sentence), "`python3 'my pdc.py' CMD_short:0` did not end");
        assert_eq!(as_typed("`part2-pdc` did not end"), "`part2-pdc` did not end");
    }

    #[test]
    fn another_program_gets_the_same_arguments() {
        let programs = Programs::new("/bin".into(), [(Role::Part2, "python3 'my pdc.py'".to_owned())]);
        let arguments = ["CMD_short:0".to_owned(), "a b".to_owned()];
        assert_eq!(programs.command(Role::Part2, &arguments).1, "python3 'my pdc.py' CMD_short:0 'a b'");
        assert_eq!(programs.command(Role::CodeA, &[]).1, "part1-primer udp-client");
        assert!(!programs.is_ours(Role::Part2) && programs.is_ours(Role::Part3));
    }
}
