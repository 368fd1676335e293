//! The server of the secure channel: serves a message in the step that is asked for, and reports success only after
//! the client's acknowledgement.
//!
//! Usage: `channel-server` · `channel-server --step plain --once` · `channel-server --step tls --message TEXT`

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use clap::Parser;

use labnet::{
    cli::{self, Console},
    net::{self, ClientLimits, Clock, ScopedIp},
    zone::Zoned,
};
use secure_channel::{
    Error,
    channel::MAX_MESSAGE_LEN,
    steps::{ChannelStats, Floor, MESSAGE, Narrator, Server, Step, Visitor},
};

/// Send a message over a channel that is built step by step
#[derive(Parser)]
#[command(
    name = "channel-server",
    version,
    after_help = "Examples:
  channel-server --step plain            the message as it is, to any client
  channel-server                         certificates, handshake, records
  channel-server --step tls --once       mutual TLS, one client: status 0 only
                                         if it acknowledged

The certificates in DIR are made at first use. The client: channel-client.
Attacks on the way: channel-attack."
)]
struct Arguments {
    /// The port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 5010)]
    port: u16,
    /// How far the channel is built
    #[arg(long, value_enum, default_value_t = Step::Secure)]
    step: Step,
    /// The folder of cacert.pem, server_cert.pem and server_key.pem
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
    /// The message
    #[arg(long, value_name = "TEXT", default_value = MESSAGE)]
    message: String,
    /// A file whose content is the message
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    message_file: Option<PathBuf>,
    /// Serve one client; the exit status says whether it acknowledged
    #[arg(long)]
    once: bool,
    /// Seconds after the last byte of a client that owes more
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::parse_seconds)]
    timeout: Duration,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: ScopedIp,
    /// Print what was counted of each session as JSON on stderr
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    cli::run(server)
}

fn server(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let message = match &arguments.message_file {
        Some(file) => read(file)?,
        None => arguments.message.clone().into_bytes(),
    };
    let server = Server::new(arguments.step, &arguments.dir)?;

    net::raise_descriptor_limit();
    let listener = net::listen(arguments.bind.at(arguments.port), true)?;
    let address = listener.local_addr().map_err(|source| labnet::Error::System { attempt: "name a socket", source })?;
    let up = format!("the server is up and listening on {}", Zoned(address));
    // One that nobody listens to has no reason to stay, unless its status is awaited.
    if arguments.once {
        Narrator::live(console).say(up)?
    } else {
        console.out.line(up)?
    }
    let announcement = format!("listening on {}, step {}", Zoned(address), arguments.step);

    let talk = {
        let (console, step, timeout) = (console.clone(), arguments.step, arguments.timeout);
        move |stream, peer, narrator: &Narrator| {
            let stats = console.statistics.begin(arguments.stats, ChannelStats::of(step));
            server.serve(Visitor { stream, peer, timeout }, &message, narrator, &stats)
        }
    };
    if arguments.once {
        console.err.note(announcement);
        let (stream, peer) =
            listener.accept().map_err(|source| labnet::Error::System { attempt: "accept a client", source })?;
        return talk(stream, peer, &Narrator::live(console));
    }
    serve_all(listener, console, &announcement, talk)
}

/// Serves any number of clients at once, until Ctrl-C.
fn serve_all(
    listener: TcpListener,
    console: &Console,
    announcement: &str,
    talk: impl Fn(TcpStream, SocketAddr, &Narrator) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<(), Error> {
    let (floor, warnings) = (Floor::new(console), console.err.clone());
    let serve = move |stream, peer, _: &dyn Clock| {
        floor.give(|narrator| {
            let told = match talk(stream, peer, narrator) {
                Ok(()) => Ok(()),
                Err(error) => narrator.say(format_args!("not acknowledged: {error}")),
            };
            if let Err(error) = told {
                warnings.warn(error);
            }
        });
    };
    let trouble = console.err.clone();
    let _running = net::serve(vec![listener], &ClientLimits::default(), move |event| trouble.warn(event), serve)?;
    console.serve(announcement);
    loop {
        thread::park();
    }
}

/// A message from a file, bounded by what a client takes.
fn read(path: &Path) -> Result<Vec<u8>, labnet::Error> {
    let failed = |source| labnet::Error::File { attempt: "read", path: path.display().to_string(), source };
    let mut message = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_MESSAGE_LEN as u64 + 1).read_to_end(&mut message).map_err(failed)?;
    if message.len() > MAX_MESSAGE_LEN {
        let path = path.display();
        return Err(labnet::Error::Usage(format!(
            "{path} is longer than {MAX_MESSAGE_LEN} bytes, the most that a client takes"
        )));
    }
    Ok(message)
}
