//! A TLS server that shows its clients what the handshake agreed on.
//!
//! Usage: `tls-server CERTIFICATE KEY` · `tls-server CERTIFICATE KEY --tls 1.2 --client-ca cacert.pem`

use std::{net::Ipv4Addr, path::PathBuf, process::ExitCode, thread, time::Duration};

use clap::{Parser, ValueEnum};
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

use labnet::{
    Error,
    cli::{self, Console},
    net::{self, ClientLimits, ScopedIp},
    zone::Zoned,
};
use tls_lab::server::{ClientCertificates, Server, ServerSettings};

/// Serve a page over TLS that shows what was negotiated, to any number of clients, until Ctrl-C
#[derive(Parser)]
#[command(
    name = "tls-server",
    version,
    after_help = "Examples:
  tls-server localhost_cert.pem localhost_key.pem   port 4433 of this machine
  tls-server A_cert.pem A_key.pem --more B_cert.pem B_key.pem
                                                    two names, chosen by SNI
  tls-server CERT KEY --client-ca cacert.pem --require-client
                                                    clients prove themselves too

Paths: / is the page, /bytes/N are N zero bytes, /download is the file of
--file. CERTIFICATE and KEY are PEM files; `ttp issue localhost` makes them. One
line per request on stdout:
  PEER VERSION SUITE sni=NAME \"REQUEST\" STATUS BYTES"
)]
struct Arguments {
    /// The certificate, for clients that name no other server; its chain may follow it
    certificate: PathBuf,
    /// Its private key
    key: PathBuf,
    /// The port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 4433)]
    port: u16,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: ScopedIp,
    /// A further certificate and its key, for clients that ask for one of its names; may be repeated
    #[arg(long, num_args = 2, value_names = ["CERTIFICATE", "KEY"])]
    more: Vec<PathBuf>,
    /// Speak this version alone [default: both]
    #[arg(long, value_enum)]
    tls: Option<Version>,
    /// An application protocol to agree to; may be repeated, the best first. The server speaks HTTP/1.1 whatever is agreed
    #[arg(long, value_name = "PROTOCOL", default_values = ["http/1.1", "http/1.0"], value_parser = parse_protocol)]
    alpn: Vec<String>,
    /// Ask clients for a certificate of the CAs in this file; they need not have one
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Refuse clients that present none
    #[arg(long, requires = "client_ca")]
    require_client: bool,
    /// Seconds for a handshake, for a request, and to take something of an answer
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::parse_seconds)]
    timeout: Duration,
    /// A file to serve at /download
    #[arg(long)]
    file: Option<PathBuf>,
    /// Do not tell browsers to use HTTPS alone (HSTS), which they remember for every port of the host
    #[arg(long)]
    no_hsts: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// RFC 5246
    #[value(name = "1.2")]
    Tls12,
    /// RFC 8446
    #[value(name = "1.3")]
    Tls13,
}

impl Version {
    fn of(chosen: Option<Self>) -> Vec<&'static SupportedProtocolVersion> {
        match chosen {
            None => vec![&TLS13, &TLS12],
            Some(Self::Tls12) => vec![&TLS12],
            Some(Self::Tls13) => vec![&TLS13],
        }
    }
}

/// RFC 7301, section 3.1: 1 to 255 bytes.
fn parse_protocol(text: &str) -> Result<String, String> {
    if (1..=255).contains(&text.len()) { Ok(text.to_owned()) } else { Err("expected 1 to 255 bytes".to_owned()) }
}

impl Arguments {
    fn settings(self) -> ServerSettings {
        let more = self.more.chunks_exact(2).filter_map(|pair| Some((pair.first()?.clone(), pair.last()?.clone())));
        ServerSettings {
            certificates: [(self.certificate, self.key)].into_iter().chain(more).collect(),
            versions: Version::of(self.tls),
            alpn: self.alpn,
            client_certificates: match self.client_ca {
                None => ClientCertificates::NotAsked,
                Some(file) if self.require_client => ClientCertificates::Required(file),
                Some(file) => ClientCertificates::Optional(file),
            },
            timeout: self.timeout,
            file: self.file,
            hsts: !self.no_hsts,
        }
    }
}

fn main() -> ExitCode {
    cli::run(serve)
}

fn serve(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let address = arguments.bind.at(arguments.port);
    let server = Server::new(&arguments.settings())?;

    labnet::tls::gather_randomness();
    net::raise_descriptor_limit();
    let listener = net::listen(address, true)?;
    let (lines, warnings) = (console.clone(), console.err.clone());
    let report = move |line: String| {
        if let Err(error) = lines.out.line(line) {
            lines.err.warn(error);
        }
    };
    let warn = move |event| warnings.warn(event);
    let running = net::serve(vec![listener], &ClientLimits::default(), warn, move |stream, peer, _| {
        server.serve(stream, peer, &report);
    })?;
    console.serve(format_args!("listening on {} (TLS)", Zoned(running.address())));
    loop {
        thread::park();
    }
}
