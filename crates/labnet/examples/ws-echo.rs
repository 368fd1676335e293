//! Runs the cases of a fuzzing server, Autobahn's, on the client's side: each message is answered with itself.
//!
//! Usage: `ws-echo ws://127.0.0.1:9001` · `ws-echo ws://127.0.0.1:9001 --deflate`

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console},
    net::Deadline,
    ws::{Client, Options},
};

/// Answer each message of a fuzzing server with itself, in all of its cases
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The server, `ws://HOST:PORT`
    server: String,
    /// Offer compression (permessage-deflate, RFC 7692)
    #[arg(long)]
    deflate: bool,
}

fn main() -> ExitCode {
    cli::run(run)
}

fn run(arguments: Arguments, _: &Console) -> Result<(), Error> {
    let count = connect(&arguments, "getCaseCount")?.receive()?;
    let count = count.as_ref().and_then(|count| str::from_utf8(count.as_ref()).ok()?.parse::<u32>().ok());
    for case in 1..=count.unwrap_or_default() {
        // What ends a case is the server's to judge.
        let _ = connect(&arguments, &format!("runCase?case={case}&agent=lab")).and_then(echo);
    }
    connect(&arguments, "updateReports?agent=lab")?.receive().map(drop)
}

fn connect(Arguments { server, deflate }: &Arguments, path: &str) -> Result<Client, Error> {
    /// Longer than the suite waits for anything.
    const PATIENCE: Duration = Duration::from_secs(60);
    let connect = Deadline::after(PATIENCE);
    let options = Options { connect, silence: Some(PATIENCE), max_message: 64 << 20, deflate: *deflate };
    Client::connect(&format!("{server}/{path}").parse()?, options)
}

fn echo(mut client: Client) -> Result<(), Error> {
    while let Some(message) = client.receive()? {
        client.echo(&message)?;
    }
    Ok(())
}
