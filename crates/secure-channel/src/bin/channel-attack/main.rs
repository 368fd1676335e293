//! The attacker of the secure channel: a small proxy between client and server, which does one thing and tells what came
//! of it.
//!
//! Usage: `channel-attack --listen 5011 --to localhost:5010 eavesdrop` · `… flip` · `… swap-other-ca`

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

use clap::Parser;

use labnet::{
    cli::{self, Console},
    net::{self, Deadline, Families, Server},
};
use secure_channel::Error;

mod attacker;
mod forged;
mod wire;

use attacker::{Action, Attack, Attacker};
use wire::{Side, UnitSplitter};

/// The time to reach the server, and the longest silence of both sides together (ours).
const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);

/// Stand between channel-client and channel-server, and attack one session
#[derive(Parser)]
#[command(
    name = "channel-attack",
    version,
    after_help = "Examples, with `channel-server` running:
  channel-attack --listen 5011 --to localhost:5010 eavesdrop
  channel-attack --listen 5011 --to localhost:5010 flip
then, elsewhere:
  channel-client localhost 5011

With --step plain on server and client it attacks that step: it knows the
protocol by its first byte. It ends with the session."
)]
struct Arguments {
    /// The port to listen on, on this machine
    #[arg(long, value_name = "PORT")]
    listen: u16,
    /// The server
    #[arg(long, value_name = "SERVER:PORT")]
    to: Server,
    /// What to do
    #[arg(value_enum)]
    attack: Attack,
    /// The folder of the certificates that are swapped: cacert.pem, cakey.pem, client_cert.pem
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
}

/// What the threads that read tell the one that acts.
enum News {
    Bytes(Vec<u8>),
    End,
}

fn main() -> ExitCode {
    cli::run(attack)
}

fn attack(arguments: Arguments, console: &Console) -> Result<(), Error> {
    if !arguments.to.has_port() {
        let complaint = format!("--to {} has no port: expected SERVER:PORT", arguments.to);
        return Err(labnet::Error::Usage(complaint).into());
    }
    let certificate = forged::certificate(arguments.attack, &arguments.dir)?;
    let mut attacker = Attacker::new(arguments.attack, certificate);

    let listener = net::listen((Ipv4Addr::LOCALHOST, arguments.listen).into(), true)?;
    let address = listener.local_addr().map_err(|source| labnet::Error::System { attempt: "name a socket", source })?;
    console.err.note(format_args!("listening on {address}, on the way to {}", arguments.to));
    let (client, peer) =
        listener.accept().map_err(|source| labnet::Error::System { attempt: "accept a client", source })?;
    let server = net::connect(&arguments.to, Families::Both, Deadline::after(PATIENCE))?;
    console.out.line(format_args!("between client {peer} and server {}", server.peer()))?;
    if let Some(server) = server.into_stream() {
        between(client, server, &mut attacker, console)?;
    }
    console.out.line(attacker.outcome())?;
    Ok(())
}

/// Carries what each side says to the other, or what the attacker makes of it.
fn between(
    client: TcpStream,
    server: TcpStream,
    attacker: &mut Attacker,
    console: &Console,
) -> Result<(), labnet::Error> {
    let failed = |source| labnet::Error::System { attempt: "watch a connection", source };
    let (sender, news) = mpsc::channel();
    let mut streams =
        [(Side::Client, client, UnitSplitter::default()), (Side::Server, server, UnitSplitter::default())];
    for (side, stream, _) in &streams {
        stream.set_nodelay(true).map_err(failed)?;
        listen(*side, stream.try_clone().map_err(failed)?, sender.clone());
    }
    drop(sender);
    // Both readers have gone, or nobody says anything any more.
    while let Ok((side, news)) = news.recv_timeout(SILENCE) {
        let [(_, client, client_splitter), (_, server, server_splitter)] = &mut streams;
        let (splitter, other) =
            if side == Side::Client { (client_splitter, &*server) } else { (server_splitter, &*client) };
        match news {
            News::Bytes(bytes) => {
                for unit in splitter.cut(&bytes, attacker.protocol(&bytes)) {
                    for line in attacker.sees(side, &unit) {
                        console.out.line(line)?;
                    }
                    for action in attacker.acts(side, unit) {
                        perform(action, client, server);
                    }
                }
            }
            News::End => {
                for action in attacker.sees_end(side) {
                    perform(action, client, server);
                }
                // A side that is gone needs no end.
                let _ = other.shutdown(Shutdown::Write);
            }
        }
    }
    Ok(())
}

/// Reads a stream in a thread of its own, which ends with the stream.
fn listen(side: Side, mut stream: TcpStream, news: Sender<(Side, News)>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            let bytes = buffer.get(..n).unwrap_or_default().to_vec();
            if news.send((side, News::Bytes(bytes))).is_err() {
                return;
            }
        }
        // Nobody listens any more when the session is over.
        let _ = news.send((side, News::End));
    });
}

/// A victim that has left cannot be attacked any further: what fails here is no error.
fn perform(action: Action, mut client: &TcpStream, mut server: &TcpStream) {
    let _ = match action {
        Action::Send(Side::Client, bytes) => client.write_all(&bytes),
        Action::Send(Side::Server, bytes) => server.write_all(&bytes),
        Action::End(Side::Client) => client.shutdown(Shutdown::Write),
        Action::End(Side::Server) => server.shutdown(Shutdown::Write),
    };
}
