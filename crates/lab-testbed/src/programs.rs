//! The programs of the lab as command lines: ours, or substitutes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use lab_process::shell;
#[cfg(target_os = "linux")]
use lab_sandbox::confined::Confinement;
use serde::{Deserialize, Serialize};

use crate::facts::{Ports, Substitute};

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

    /// The arguments of a later edition of the lab, as a template, where they differ from the handout's.
    pub fn later_arguments(self) -> Option<&'static str> {
        match self {
            Self::Part2 | Self::Part5 => Some("{host} {port} {command}"),
            Self::Part3 => Some("{host} {port}"),
            Self::Part4Receiver => Some("{group} {port}"),
            Self::Part4Sender => Some("{group} {port} {identity}"),
            Self::Part6Pmu => Some("{certificate} {key}"),
            _ => None,
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

/// The order of a program's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// The handout's.
    Handout,
    /// A later edition's: host and port in front.
    Later,
}

/// A program that replaces one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The command, as a shell takes it.
    pub command: String,
    /// What follows it: `{host} {port} {command}`. `None` for the handout's arguments, or a later edition's if it takes
    /// only those.
    pub arguments: Option<String>,
}

/// The program of each role.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The folder of our programs.
    folder: PathBuf,
    /// Substitutes.
    others: BTreeMap<ProgramRole, Other>,
    /// The folder in which substitutes run; `None` for the present one.
    others_folder: Option<PathBuf>,
    /// Whether substitutes are a stranger's.
    is_strange: bool,
    /// What confines substitutes.
    #[cfg(target_os = "linux")]
    confinement: Option<Confinement>,
    /// The ports of the lab's edition.
    ports: Ports,
    /// Which of them take a later edition's arguments; known after they were tried.
    later: Arc<Mutex<BTreeSet<ProgramRole>>>,
}

impl Programs {
    /// Our programs in a folder, and substitutes for some roles.
    pub fn new(folder: PathBuf, others: impl IntoIterator<Item = (ProgramRole, Other)>, ports: Ports) -> Self {
        Self { folder, others: others.into_iter().collect(), ports, ..Self::default() }
    }

    /// The same, with another folder than the present one for substitutes to run in.
    #[must_use]
    pub fn in_folder(self, folder: PathBuf) -> Self {
        Self { others_folder: Some(folder), ..self }
    }

    /// The same, for substitutes of strangers: they get the variables alone that runtimes need, leave no core and write no
    /// file of more than 64 MiB.
    #[must_use]
    pub fn of_strangers(self) -> Self {
        Self { is_strange: true, ..self }
    }

    /// The same, for substitutes that run in confinement. The folder in which they run is theirs to change; nobody finds
    /// the changes. This process has to be one that calls `lab_sandbox::reexec`.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn confined(self, confinement: Confinement) -> Self {
        let copied = confinement.copied.iter().chain(&self.others_folder).cloned().collect();
        Self { confinement: Some(Confinement { copied, ..confinement }), ..self }
    }

    /// Shows a folder of ours to a program that is confined.
    #[cfg(target_os = "linux")]
    pub(crate) fn show(&self, command: &mut Command, folder: &std::path::Path) {
        if self.confinement.is_some() {
            lab_sandbox::confined::show(command, folder);
        }
    }

    /// The command `sh` for a substitute: confined, if they are.
    fn shell(&self) -> Command {
        #[cfg(target_os = "linux")]
        if let Some(confinement) = &self.confinement {
            return confinement.command("sh", needed_variables());
        }
        let mut command = Command::new("sh");
        if self.is_strange {
            command.env_clear().envs(needed_variables());
        }
        command
    }

    /// The folder in which substitutes run.
    #[cfg(target_os = "linux")]
    pub(crate) fn others_folder(&self) -> std::io::Result<PathBuf> {
        self.others_folder.clone().map_or_else(std::env::current_dir, Ok)
    }

    /// Whether the command of a substitute names something outside of its folder by a relative path.
    #[cfg(target_os = "linux")]
    pub(crate) fn leaves_folder(&self, role: ProgramRole) -> bool {
        self.others.get(&role).is_some_and(|other| other.command.contains("../"))
    }

    /// Whether the program of a role is ours: only ours has our options.
    pub fn is_ours(&self, role: ProgramRole) -> bool {
        !self.others.contains_key(&role)
    }

    /// The substitutes, in the order of the roles.
    pub fn substitutes(&self) -> Vec<Substitute> {
        let substitute = |(&role, other): (&ProgramRole, &Other)| Substitute {
            role,
            command: other.command.clone(),
            arguments: self.template(role, other).map(str::to_owned),
        };
        self.others.iter().map(substitute).collect()
    }

    /// The roles whose programs are not ours and whose arguments were not given.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn untried(&self) -> Vec<ProgramRole> {
        let is_untried =
            |(role, other): &(&ProgramRole, &Other)| other.arguments.is_none() && role.later_arguments().is_some();
        self.others.iter().filter(is_untried).map(|(&role, _)| role).collect()
    }

    /// From now on a program gets a later edition's arguments.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn take_later(&self, role: ProgramRole) {
        self.later.lock().unwrap_or_else(PoisonError::into_inner).insert(role);
    }

    /// The template of the arguments; `None` for the handout's.
    fn template<'a>(&self, role: ProgramRole, other: &'a Other) -> Option<&'a str> {
        let is_later = || self.later.lock().unwrap_or_else(PoisonError::into_inner).contains(&role);
        other.arguments.as_deref().or_else(|| role.later_arguments().filter(|_| is_later()))
    }

    /// A program with the handout's arguments: the command, and its command line as text. A program that takes others gets
    /// those.
    pub fn command(&self, role: ProgramRole, arguments: &[&str]) -> (Command, String) {
        let is_later = self.later.lock().unwrap_or_else(PoisonError::into_inner).contains(&role);
        self.command_with(role, arguments, if is_later { Arguments::Later } else { Arguments::Handout })
    }

    /// The same, with the arguments of an edition for a program that has no template.
    pub(crate) fn command_with(&self, role: ProgramRole, arguments: &[&str], edition: Arguments) -> (Command, String) {
        let other = self.others.get(&role);
        let later = role.later_arguments().filter(|_| edition == Arguments::Later);
        let arguments: Vec<String> = match other.map(|other| other.arguments.as_deref().or(later)) {
            Some(Some(template)) => fill(template, &self.values(role, arguments)),
            Some(None) => arguments.iter().map(|&argument| argument.to_owned()).collect(),
            None => self.own_ports(role).into_iter().chain(arguments.iter().map(|&text| text.to_owned())).collect(),
        };
        let (program, first) = role.ours();
        let (mut command, line) = match other {
            Some(other) => {
                // The shell splits the command line, and `exec` replaces the shell.
                let mut command = self.shell();
                let limits = if self.is_strange { FILE_LIMITS } else { "" };
                command.arg("-c").arg(format!("{limits}exec {} \"$@\"", other.command)).arg("sh");
                if let Some(folder) = &self.others_folder {
                    command.current_dir(folder);
                }
                (command, other.command.clone())
            }
            None => {
                let mut command = Command::new(self.folder.join(program));
                command.args(first);
                (command, [&[program], first].concat().join(" "))
            }
        };
        command.args(&arguments);
        // Python must not buffer its output, and the lab's variables must not change a program.
        command.env("PYTHONUNBUFFERED", "1").env_remove("LAB_SERVER").env_remove("SSLKEYLOGFILE");
        let line = if arguments.is_empty() { line } else { format!("{line} {}", shell::command_line(&arguments)) };
        (command, line)
    }

    /// Our arguments for ports that are not the handout's.
    fn own_ports(&self, role: ProgramRole) -> Vec<String> {
        let usual = Ports::default();
        let (port, usual) = match role {
            ProgramRole::CodeA | ProgramRole::CodeB => (self.ports.datagram, usual.datagram),
            ProgramRole::CodeC | ProgramRole::CodeD => (self.ports.echo, usual.echo),
            ProgramRole::Part4Receiver | ProgramRole::Part4Sender => (self.ports.multicast, usual.multicast),
            _ => return Vec::new(),
        };
        match role {
            _ if port == usual => Vec::new(),
            ProgramRole::CodeA | ProgramRole::CodeD => vec!["--server".to_owned(), format!("localhost:{port}")],
            ProgramRole::CodeB | ProgramRole::CodeC => vec!["--port".to_owned(), port.to_string()],
            _ => vec![GROUP.to_owned(), port.to_string()],
        }
    }

    /// The values of a template.
    fn values(&self, role: ProgramRole, arguments: &[&str]) -> Vec<(&'static str, String)> {
        let (names, host, port): (&[&str], _, _) = match role {
            ProgramRole::Part2 => (&["command"], "tcpip.epfl.ch", 5003),
            ProgramRole::Part3 => (&[], "lab3.iw.epfl.ch", 5004),
            ProgramRole::Part4Receiver => (&[], GROUP, self.ports.multicast),
            ProgramRole::Part4Sender => (&["identity"], GROUP, self.ports.multicast),
            ProgramRole::Part5 => (&["command"], "tcpip.epfl.ch", 5006),
            ProgramRole::Part6Pmu => (&["port", "certificate", "key"], "", 5003),
            ProgramRole::CodeA | ProgramRole::CodeB => (&[], "localhost", self.ports.datagram),
            ProgramRole::CodeC | ProgramRole::CodeD => (&[], "localhost", self.ports.echo),
            ProgramRole::Part6Pdc => (&[], "", 0),
        };
        let given = names.iter().zip(arguments).map(|(&name, &value)| (name, value.to_owned()));
        given.chain([("host", host.to_owned()), ("group", host.to_owned()), ("port", port.to_string())]).collect()
    }
}

/// For a shell: no core, and files of at most 64 MiB, in blocks of 512 bytes (ours).
const FILE_LIMITS: &str = "ulimit -c 0; ulimit -f 131072; ";

/// The beginnings of the variables that runtimes need, and that tell nothing of who runs them.
const VARIABLES: [&str; 9] = ["PATH", "HOME", "LANG", "LC_", "TZ", "JAVA_HOME", "PYENV_", "GOROOT", "RUSTUP_"];

/// The variables that a program of a stranger gets.
pub fn needed_variables() -> impl Iterator<Item = (OsString, OsString)> {
    let is_needed = |name: &str| VARIABLES.iter().any(|known| name.starts_with(known));
    std::env::vars_os().filter(move |(name, _)| name.to_str().is_some_and(is_needed))
}

/// The group of part 4.
const GROUP: &str = "224.1.1.1";

/// The words of a template, with their values.
fn fill(template: &str, values: &[(&str, String)]) -> Vec<String> {
    let word = |word: &str| {
        values.iter().fold(word.to_owned(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
    };
    template.split_whitespace().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(others: &[(ProgramRole, &str, Option<&str>)]) -> Programs {
        let other = |&(role, command, arguments): &(ProgramRole, &str, Option<&str>)| {
            (role, Other { command: command.to_owned(), arguments: arguments.map(str::to_owned) })
        };
        Programs::new("/bin".into(), others.iter().map(other), Ports::default())
    }

    #[test]
    fn another_program_gets_the_same_arguments() {
        let programs = programs(&[(ProgramRole::Part2, "python3 'my pdc.py'", None)]);
        assert_eq!(
            programs.command(ProgramRole::Part2, &["CMD_short:0", "a b"]).1,
            "python3 'my pdc.py' CMD_short:0 'a b'"
        );
        assert_eq!(programs.command(ProgramRole::CodeA, &[]).1, "part1-primer udp-client");
        assert!(!programs.is_ours(ProgramRole::Part2) && programs.is_ours(ProgramRole::Part3));
    }

    #[test]
    fn a_template_or_a_later_edition_has_them_in_another_order() {
        let programs = programs(&[
            (ProgramRole::Part2, "pdc", None),
            (ProgramRole::Part5, "ws", Some("-c {command} ws://{host}:{port}/")),
            (ProgramRole::Part6Pmu, "pmu", Some("{certificate} {key}")),
        ]);
        assert_eq!(programs.untried(), [ProgramRole::Part2]);
        programs.take_later(ProgramRole::Part2);
        assert_eq!(programs.command(ProgramRole::Part2, &["CMD_short:0"]).1, "pdc tcpip.epfl.ch 5003 CMD_short:0");
        assert_eq!(
            programs.command(ProgramRole::Part5, &["CMD_floodme"]).1,
            "ws -c CMD_floodme ws://tcpip.epfl.ch:5006/"
        );
        assert_eq!(programs.command(ProgramRole::Part6Pmu, &["5003", "a.pem", "b.pem"]).1, "pmu a.pem b.pem");
        assert_eq!(programs.substitutes()[0].arguments.as_deref(), Some("{host} {port} {command}"));
    }

    #[test]
    fn our_programs_get_ports_that_are_not_the_handouts() {
        let ports = Ports { datagram: 50_007, multicast: 10_505, ..Ports::default() };
        let programs = Programs::new("/bin".into(), [], ports);
        let line = |role, arguments| programs.command(role, arguments).1;
        assert_eq!(line(ProgramRole::CodeA, &[]), "part1-primer udp-client --server localhost:50007");
        assert_eq!(line(ProgramRole::CodeC, &[]), "part1-primer echo-server");
        assert_eq!(line(ProgramRole::Part4Sender, &["123456"]), "part4-sender 224.1.1.1 10505 123456");
    }
}
