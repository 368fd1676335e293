//! A man in the middle of TLS: what a CA that is trusted makes possible.
//!
//! Usage: `tls-proxy --ca CA_CERT CA_KEY` · `tls-proxy --ca CA_CERT CA_KEY --to localhost:4433 --cafile cacert.pem`

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, thread, time::Duration};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console},
    net::{self, ClientLimits, Server},
    zone::Zoned,
};
use tls_lab::{
    anchors::AnchorOptions,
    proxy::{MAX_VICTIMS, Proxy, ProxySettings},
};

/// Read TLS in the middle: impersonate every server to clients that trust a CA, until Ctrl-C
#[derive(Parser)]
#[command(
    name = "tls-proxy",
    version,
    after_help = "Examples:
  tls-proxy --ca cacert.pem cakey.pem
then, elsewhere:
  curl -x http://127.0.0.1:8443 --cacert cacert.pem https://example.com/
or, for one server:
  tls-proxy --ca cacert.pem cakey.pem --to localhost:4433 --cafile cacert.pem
  tls-client localhost 8443 --cafile cacert.pem

What it teaches: a CA that is trusted can impersonate anyone. The proxy verifies
the real server, signs itself a certificate for the same name, and shows all
that passes; nothing tells the client, as long as it trusts the CA. A CA of
`ttp init` may vouch for the lab's names only, and clients refuse what it signs
for others: that is what name constraints are for. `ttp init --any-name` makes
one without them: trust it in the lab alone, and nowhere for long.

Lines on stdout begin with the client's address; then > is to the server and <
is to the client.
Use it only on your own connections, or on those of people who agreed."
)]
struct Arguments {
    /// The certificate of the CA that the victims trust, and its private key
    #[arg(long, num_args = 2, value_names = ["CA_CERT", "CA_KEY"], required = true)]
    ca: Vec<PathBuf>,
    /// The address and port to listen on, for TLS itself and for HTTP CONNECT
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where the real servers are, whatever their names: HOST, or HOST:PORT [default: where their names say, port 443]
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<Server>,
    #[command(flatten)]
    anchors: AnchorOptions,
    /// Seconds for each side to say what it wants, to be reached, and for each handshake
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::parse_seconds)]
    timeout: Duration,
    /// How many bytes of each direction to show
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    show: u64,
}

fn main() -> ExitCode {
    cli::run(intercept)
}

fn intercept(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let [ca_certificate, ca_key] = <[PathBuf; 2]>::try_from(arguments.ca)
        .map_err(|_| Error::Usage("--ca takes a certificate and its key, once".to_owned()))?;
    let anchors = arguments.anchors.load()?;
    anchors.warn(&console.err);
    let proxy = Proxy::new(ProxySettings {
        ca_certificate,
        ca_key,
        to: arguments.to,
        anchors,
        timeout: arguments.timeout,
        show: arguments.show,
    })?;

    labnet::tls::gather_randomness();
    net::raise_descriptor_limit();
    let listener = net::listen(arguments.listen, true)?;
    let (lines, warnings) = (console.clone(), console.err.clone());
    let say = move |line: String| {
        if let Err(error) = lines.out.line(line) {
            lines.err.warn(error);
        }
    };
    let limits = ClientLimits { connections: MAX_VICTIMS, ..ClientLimits::default() };
    let warn = move |event| warnings.warn(event);
    let running = net::serve(vec![listener], &limits, warn, move |stream, peer, _| proxy.serve(stream, peer, &say))?;
    console.serve(format_args!("listening on {} (TLS, and HTTP CONNECT)", Zoned(running.address())));
    loop {
        thread::park();
    }
}
