//! Code A and Code B: one datagram from a client to a server (handout, section 1.1; Q1, Q2).

use std::net::{Ipv4Addr, UdpSocket};

use clap::Args;

use labnet::{
    Error,
    cli::{Console, DefaultServer, ServerOption, Timeouts},
    net::Families,
};

const SERVER: DefaultServer = DefaultServer { host: "localhost", port: 5001, mock_port: 5001 };
const GREETING: &[u8] = b"Hello, Romeo ";

/// The longest datagram that is received whole, in bytes (as Code B).
const RECV_LEN: usize = 1024;

#[derive(Args)]
pub(super) struct ServerArguments {
    /// The port; 0 picks a free one, named on stderr
    #[arg(long, default_value_t = SERVER.port)]
    port: u16,
    /// The IPv4 address to listen on; by default all, as the handout's program
    #[arg(long, value_name = "ADDR", default_value_t = Ipv4Addr::UNSPECIFIED)]
    bind: Ipv4Addr,
}

pub(super) fn server(arguments: &ServerArguments, console: &Console) -> Result<(), Error> {
    let address = (arguments.bind, arguments.port).into();
    let listen = |source| Error::Listen { protocol: "UDP", address, source };
    let socket = UdpSocket::bind(address).map_err(listen)?;
    let address = socket.local_addr().map_err(listen)?;
    console.serve(format_args!("listening on {address} (UDP)"));

    let mut buffer = [0; RECV_LEN];
    loop {
        let (n, from) = socket.recv_from(&mut buffer).map_err(|source| Error::Receive { from: address, source })?;
        let text = buffer.get(..n).unwrap_or_default();
        console.out.write(&[b"Received data: ", text, format!("\nFrom Address: {from}\n").as_bytes()].concat())?;
    }
}

#[derive(Args)]
pub(super) struct ClientArguments {
    #[command(flatten)]
    at: ServerOption,
    #[command(flatten)]
    limits: Timeouts,
}

pub(super) fn client(arguments: &ClientArguments, console: &Console) -> Result<(), Error> {
    let server = SERVER.or(arguments.at.server.clone())?;
    let addresses = server.resolve(Families::Ipv4, arguments.limits.connect_deadline())?;

    if let Some(&to) = addresses.first() {
        let send = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(GREETING, to);
        send().map_err(|source| Error::Send { to, source })?;
    }
    console.out.line("Message sent")
}
