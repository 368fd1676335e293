//! What every program says of itself.

use std::process::Command;

use lab_process::Outcome;
use lab_test::{finish, lacks_sibling, sibling, spawn};

use crate::{RUN_LAB, workspace};

/// The columns of a terminal that nobody has widened.
const TERMINAL: usize = 80;

/// Runs a program that is told how wide its terminal is.
fn run(program: &str, arguments: &[&str], columns: usize) -> Outcome {
    let mut command = Command::new(sibling(RUN_LAB, program));
    command.args(arguments).env("COLUMNS", columns.to_string()).env_remove("LAB_SERVER");
    finish(spawn(command))
}

/// The help of a program, or of one of its commands.
pub(crate) fn help(program: &str, command: Option<&str>, columns: usize) -> String {
    let arguments: Vec<_> = command.into_iter().chain(["--help"]).collect();
    let outcome = run(program, &arguments, columns);
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{program} {arguments:?}");
    outcome.stdout()
}

/// The programs that are built, each with its commands.
fn programs() -> Vec<(String, Vec<String>)> {
    let built = workspace::programs().into_iter().filter(|program| !lacks_sibling(RUN_LAB, program));
    built.map(|program| (program.clone(), commands(&program))).collect()
}

/// The commands of a program that has some, as its help lists them.
pub(crate) fn commands(program: &str) -> Vec<String> {
    let text = help(program, None, TERMINAL);
    let list = text.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let lines = list.unwrap_or_default().lines().filter(|line| !line.starts_with("   "));
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn help_fits_a_terminal_and_breaks_no_example() {
    for (program, commands) in programs() {
        for command in commands.iter().map(|name| Some(name.as_str())).chain([None]) {
            let text = help(&program, command, TERMINAL);
            let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > TERMINAL).collect();
            assert!(wide.is_empty(), "{program} {command:?}: {wide:#?}");
        }
        // What is written below the options is shown as it is: no terminal breaks a command in two.
        let examples = |columns| {
            let text = help(&program, None, columns);
            text.split_once("\nExamples").map(|(_, rest)| rest.to_owned()).unwrap_or_default()
        };
        assert_eq!(examples(TERMINAL), examples(1000), "{program}");
    }
}

#[test]
fn a_program_without_its_arguments_says_what_it_takes() {
    for (program, commands) in programs() {
        if !commands.is_empty() {
            let outcome = run(&program, &[], TERMINAL);
            assert_eq!(outcome.code(), 2, "{program}");
            let listed = format!("hint: the commands are {}; see {program} COMMAND --help\n", commands.join(", "));
            assert_eq!(outcome.stderr(), format!("error: no command given\n{listed}"));
            let unknown = run(&program, &["qqq"], TERMINAL);
            assert_eq!(unknown.stderr(), format!("error: unrecognized subcommand 'qqq'\n{listed}"));
        }
    }
    for program in ["part2-pdc", "part5-ws"] {
        if !lacks_sibling(RUN_LAB, program) {
            let outcome = run(program, &[], TERMINAL);
            let stderr = outcome.stderr();
            assert!(stderr.starts_with("error: no command given: expected [SERVER PORT] COMMAND…"), "{stderr}");
            assert!(stderr.contains("CMD_short:d") && stderr.contains("CMD_floodme"), "{stderr}");
            assert_eq!(outcome.code(), 2);
        }
    }
}

#[test]
fn force_is_an_option_only_where_something_can_be_replaced() {
    if lacks_sibling(RUN_LAB, "ttp") {
        return;
    }
    let offered = |command: &&str| help("ttp", Some(command), TERMINAL).contains("--force");
    let commands = commands("ttp");
    let with_force: Vec<_> = commands.iter().map(String::as_str).filter(offered).collect();
    assert_eq!(with_force, ["init", "request", "sign", "issue"]);
}
