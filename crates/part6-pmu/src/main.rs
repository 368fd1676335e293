//! Part 6, TLS: a PMU that answers the commands of part 2 over TLS 1.2 and 1.3, under a certificate
//! (handout, section 6; Q25 to Q28).
//!
//! Usage: `part6-pmu 123456_cert.pem 123456_key.pem` · `part6-pmu 5003 123456_cert.pem 123456_key.pem`

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::ExitCode,
    thread,
};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console},
    net::{self, ClientLimits, Clock, ScopedIp},
    pmu::Device,
    tls::{Acceptor, Credentials},
    zone::Zoned,
};

const PORT: u16 = 5003;

/// Serve the messages of a PMU over TLS, to any number of clients, until Ctrl-C
#[derive(Parser)]
#[command(
    version,
    override_usage = "part6-pmu [OPTIONS] [PORT] CERTIFICATE KEY",
    after_help = "Examples:
  part6-pmu 123456_cert.pem 123456_key.pem    on port 5003 of this machine
  part6-pmu 0 123456_cert.pem 123456_key.pem --messages 17
                                              on a free port, named on stderr

CERTIFICATE and KEY are PEM files; the certificate's chain may follow it. RSA
keys need 2048 bits or more."
)]
struct Arguments {
    /// The certificate and its private key; before them, the port to listen on
    #[arg(value_name = "[PORT] CERTIFICATE KEY", required = true, num_args = 2..=3)]
    positional: Vec<String>,
    /// How many messages answer CMD_short
    #[arg(long, value_name = "N", default_value_t = 10)]
    messages: u64,
    /// The number of the first message
    #[arg(long, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1))]
    first: u64,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: ScopedIp,
}

fn main() -> ExitCode {
    cli::run(pmu)
}

fn pmu(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let (port, certificate, key) = cli::port_and_files(&arguments.positional, PORT)?;
    let acceptor = Acceptor::new(&Credentials::load(certificate, key)?)?;
    let device = Device { messages: arguments.messages, first: arguments.first, ..Device::default() };

    net::raise_descriptor_limit();
    let listener = net::listen(arguments.bind.at(port), true)?;
    let limits = ClientLimits::default();
    let (lines, warnings) = (console.clone(), console.err.clone());
    let warn = move |event| warnings.warn(event);
    let server = net::serve(vec![listener], &limits.clone(), warn, move |stream, peer, clock| {
        let report = talk(stream, peer, &acceptor, &device, &limits, clock);
        if let Err(error) = lines.out.line(report.unwrap_or_else(|error| error.to_string())) {
            lines.err.warn(error);
        }
    })?;
    console.serve(format_args!("listening on {} (TLS)", Zoned(server.address())));
    loop {
        thread::park();
    }
}

/// One client: the handshake, the dialogue of part 2 with one record for each message, close_notify.
fn talk(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &Acceptor,
    device: &Device,
    limits: &ClientLimits,
    clock: &dyn Clock,
) -> Result<String, Error> {
    let mut pdc = acceptor.accept(stream, peer, limits)?;
    let report = format!("{peer} {} {}", pdc.negotiated(), pdc.converse(device, limits, clock));
    pdc.close();
    Ok(report)
}
