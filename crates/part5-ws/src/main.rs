//! Part 5, WebSocket: the dialogue of part 2 in messages instead of a stream
//! (handout, section 5; Q22 to Q24).
//!
//! Usage: `part5-ws CMD_short:0` · `part5-ws CMD_floodme` · `part5-ws --url ws://localhost:5006/ CMD_short:1`

use std::process::ExitCode;

use labnet::{
    Error,
    cli::{self, Console, DefaultServer, TransferStats},
    pmu::Command,
    ws::{Client, Options, Url},
};

mod arguments;

use arguments::Arguments;

const PMU: DefaultServer = DefaultServer { host: "tcpip.epfl.ch", port: 5006, mock_port: 5006 };

fn main() -> ExitCode {
    cli::run(pdc)
}

fn pdc(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let (server, commands) = cli::server_and_commands(&arguments.positional, arguments.at.server.as_ref())?;
    let url = match (&arguments.url, server) {
        (Some(_), Some(server)) => {
            return Err(Error::Usage(format!("the server is named twice: '{server}' and --url")));
        }
        (Some(url), None) => url.clone(),
        (None, server) => Url::of(PMU.or(server)?),
    };
    commands.iter().try_for_each(|command| ask(&url, command, &arguments, console))
}

fn ask(url: &Url, command: &Command, arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let stats = console.statistics.begin(arguments.stats, TransferStats::over_websocket(command));
    console.waiting.begin(format_args!("not connected to {url} yet, or the upgrade is not answered"));

    let mut pmu = Client::connect(
        url,
        Options {
            connect: arguments.limits.connect_deadline(),
            silence: arguments.limits.timeout,
            max_message: usize::try_from(arguments.max_message).unwrap_or(usize::MAX),
            deflate: arguments.deflate,
        },
    )?;

    pmu.send(&command.to_string())?;
    console.waiting.begin(format_args!("connected to {url}, {command} is sent, no message has come yet"));
    loop {
        // Q23, Q24: each call brings one message, whole, however many packets and frames it took.
        let received = pmu.receive();
        stats.update(|stats| stats.on_message(&pmu));
        match received? {
            Some(message) => {
                console.waiting.hold();
                console.out.message(message.as_ref())?;
                let expected = command.interval().unwrap_or_default();
                console.waiting.begin_for(expected, "messages have come, but neither a further one nor the end");
            }
            None if pmu.messages() == 0 => {
                console.err.warn(format_args!("{url} closed the connection without an answer"));
                return Ok(());
            }
            None => return Ok(()),
        }
    }
}
