//! The program around a part: arguments, output, Ctrl-C, and the exit status.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | done; also when the reader of stdout went away, and for a server that was interrupted |
//! | 1 | failed: network, peer, or file; also a fault of the program itself |
//! | 2 | wrong command line |
//! | by signal (a shell shows 130 or 143) | a client that was interrupted |
//!
//! stdout is the answer and nothing else, written as each line becomes known. stderr has the rest: `note: …`,
//! `warning: …`, then `error: …` and `hint: …`, last the statistics.

mod advice;
mod answer;
mod arguments;
mod console;
mod diagnosis;
mod diagnostics;
#[cfg(unix)]
mod interrupt;
mod output;
mod panic;
mod progress;
mod shutdown;
mod statistics;
mod stats;
mod waiting;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};

pub use answer::Answer;
pub use arguments::{DefaultServer, ServerOption, Timeouts, group, parse_seconds, port_and_files, server_and_commands};
pub use console::Console;
pub use diagnosis::Diagnosis;
pub use diagnostics::Diagnostics;
pub use output::Output;
pub use panic::guard;
pub use progress::Progress;
pub use shutdown::Shutdown;
pub use statistics::Statistics;
pub use stats::{ResetStats, Stats, TransferStats};
pub use waiting::{Waiting, notice_after};

/// Parses the command line, runs `part`, and maps its result to an exit status.
pub fn run<A: Parser, E: Diagnosis>(part: impl FnOnce(A, &Console) -> Result<(), E>) -> ExitCode {
    run_to_status(|arguments, console| part(arguments, console).map(|()| ExitCode::SUCCESS))
}

/// The same for a program that ends as another one did, which has said all there is to say.
pub fn run_to_status<A: Parser, E: Diagnosis>(part: impl FnOnce(A, &Console) -> Result<ExitCode, E>) -> ExitCode {
    guard(|| parse_and_run(part))
}

fn parse_and_run<A: Parser, E: Diagnosis>(part: impl FnOnce(A, &Console) -> Result<ExitCode, E>) -> ExitCode {
    let arguments = match parse::<A>() {
        Ok(arguments) => arguments,
        Err(error) => return refuse::<A>(&error),
    };
    let console = Console::new();
    #[cfg(unix)]
    if let Err(source) = interrupt::watch(&console) {
        console.err.error(&crate::Error::System { attempt: "listen for Ctrl-C", source });
        return ExitCode::FAILURE;
    }
    let status = match panic::catch(|| part(arguments, &console)) {
        None => ExitCode::FAILURE,
        Some(Ok(status)) => status,
        Some(Err(error)) => {
            let status = diagnosis::exit_status(&error);
            if status != 0 {
                console.waiting.end();
                let hint = advice::hint(A::command().get_name(), &error);
                console.err.message_and_hint(&error.to_string(), hint.as_deref());
            }
            ExitCode::from(status)
        }
    };
    console.statistics.print(&console.err);
    status
}

/// Parses the command line. A negative number is a value, which its option may refuse, and no option of its own.
fn parse<A: Parser>() -> Result<A, clap::Error> {
    fn with_negative_numbers(command: clap::Command) -> clap::Command {
        let allow =
            |arg: clap::Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
        command.mut_args(allow).mut_subcommands(with_negative_numbers)
    }
    let mut command = with_negative_numbers(A::command());
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// A command line that clap refuses, in the lab's form: one line `error: …`, one line `hint: …`, status 2.
fn refuse<A: CommandFactory>(error: &clap::Error) -> ExitCode {
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
        // Nobody is there to read it when this fails.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.trim_start_matches("error: ");
    let (mut tip, mut usage) = (None, None);
    for paragraph in paragraphs {
        if let Some(text) = paragraph.strip_prefix("tip: ") {
            tip.get_or_insert(text.to_owned());
        } else if let Some(text) = paragraph.strip_prefix("Usage: ") {
            usage.get_or_insert(format!("usage: {text}"));
        }
    }
    let (message, commands) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ("no command given", list_commands::<A>()),
        ErrorKind::InvalidSubcommand => (message, list_commands::<A>()),
        _ => (message, None),
    };
    let hint = tip.or(commands).or(usage).unwrap_or_else(|| "see --help".to_owned());
    Console::new().err.message_and_hint(message, Some(&hint));
    ExitCode::from(2)
}

/// The commands of a program that has some, for somebody who gave none of them.
fn list_commands<A: CommandFactory>() -> Option<String> {
    let program = A::command();
    let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
    let name = program.get_name();
    (!names.is_empty()).then(|| format!("the commands are {}; see {name} COMMAND --help", names.join(", ")))
}

/// The present in this machine's time zone, as RFC 3339 writes it.
pub fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// The same to the nanosecond, as records have it.
pub fn now_in_nanoseconds() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string()
}

/// A time since the Unix epoch in UTC, as RFC 3339 writes it: to the nanosecond, or to the millisecond if it has no more.
pub fn utc(since_epoch: std::time::Duration) -> String {
    let time = i128::try_from(since_epoch.as_nanos()).ok().and_then(|ns| jiff::Timestamp::from_nanosecond(ns).ok());
    let is_whole = since_epoch.subsec_nanos().is_multiple_of(1_000_000);
    let format = if is_whole { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%S%.9fZ" };
    time.unwrap_or_default().strftime(format).to_string()
}

/// A time as RFC 3339 writes it: `2026-12-01T23:59:00+01:00`.
///
/// # Errors
/// What is expected, for text that is no such time, or one before 1970.
pub fn time(text: &str) -> Result<std::time::Duration, String> {
    let time = text.parse::<jiff::Timestamp>().ok();
    let since_epoch = time.and_then(|time| std::time::Duration::try_from(time.as_duration()).ok());
    since_epoch.ok_or_else(|| "expected a time with its zone, such as 2026-12-01T23:59:00+01:00".to_owned())
}

/// A time without a zone, taken for one of this machine's, since the Unix epoch; `None` for one that cannot be. The date is
/// year, month, day; the time of day is hour, minute, second.
pub fn local_time(date: (i16, i8, i8), time: (i8, i8, i8)) -> Option<std::time::Duration> {
    let date = jiff::civil::Date::new(date.0, date.1, date.2).ok()?;
    let time = jiff::civil::Time::new(time.0, time.1, time.2, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::system()).ok()?;
    std::time::Duration::try_from(zoned.timestamp().as_duration()).ok()
}
