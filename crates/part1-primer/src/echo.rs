//! Code C and Code D: a line over TCP and its echo (handout, section 1.2; Q3 to Q9).

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
};

use clap::Args;

use labnet::{
    Error,
    cli::{Console, DefaultServer, ServerOption, Timeouts},
    net::{self, Counted, Deadline, Families},
};

const SERVER: DefaultServer = DefaultServer { host: "localhost", port: 5002, mock_port: 5002 };
const LINE: &str = "O Romeo, Romeo! wherefore art thou Romeo?";

#[derive(Args)]
pub(super) struct ServerArguments {
    /// The port; 0 picks a free one, named on stderr
    #[arg(long, default_value_t = SERVER.port)]
    port: u16,
    /// The IPv4 address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = Ipv4Addr::LOCALHOST)]
    bind: Ipv4Addr,
    /// The most bytes that one recv() takes (Q6)
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    recv_buffer: u32,
    /// Do not set SO_REUSEADDR: a restart may then find the port in TIME_WAIT (section 1.2)
    #[arg(long)]
    no_reuse_address: bool,
}

pub(super) fn server(arguments: &ServerArguments, console: &Console) -> Result<(), Error> {
    let address = (arguments.bind, arguments.port).into();
    let listener = net::listen(address, !arguments.no_reuse_address)?;
    let address = listener.local_addr().map_err(|source| Error::Listen { protocol: "TCP", address, source })?;
    console.serve(format_args!("listening on {address} (TCP)"));

    // Q8: the listening socket only accepts; data flows over the socket that accept() returns.
    let mut buffer = vec![0; arguments.recv_buffer as usize];
    loop {
        let (mut connection, from) = match listener.accept() {
            // The client was gone before its turn came.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            accepted => accepted.map_err(|source| Error::Receive { from: address, source })?,
        };
        match echo(&mut connection, &mut buffer, console) {
            Ok(()) => console.out.line(format_args!("No more data from {from}"))?,
            Err(Failure::Connection(source)) => console.err.warn(Error::Receive { from, source }),
            Err(Failure::Output(error)) => return Err(error),
        }
    }
}

enum Failure {
    Connection(std::io::Error),
    Output(Error),
}

/// Echoes until the client closes, which shows as a recv() of nothing (Q7, Q9).
fn echo(connection: &mut TcpStream, buffer: &mut [u8], console: &Console) -> Result<(), Failure> {
    loop {
        let n = connection.read(buffer).map_err(Failure::Connection)?;
        let data = buffer.get(..n).unwrap_or_default();
        if data.is_empty() {
            return Ok(());
        }
        show(data, console).map_err(Failure::Output)?;
        connection.write_all(data).map_err(Failure::Connection)?;
    }
}

#[derive(Args)]
pub(super) struct ClientArguments {
    #[command(flatten)]
    at: ServerOption,
    /// The most bytes that one recv() takes (Q6)
    #[arg(long, value_name = "BYTES", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    recv_buffer: u32,
    /// Close and exit after the echo, instead of holding the connection until Ctrl-C
    #[arg(long)]
    no_hold: bool,
    #[command(flatten)]
    limits: Timeouts,
}

pub(super) fn client(arguments: &ClientArguments, console: &Console) -> Result<(), Error> {
    let server = SERVER.or(arguments.at.server.clone())?;
    let mut connection = net::connect(&server, Families::Ipv4, arguments.limits.connect_deadline())?;
    connection.set_limits(arguments.limits.timeout, Deadline::NONE)?;

    console.out.line(format_args!("sending: {LINE}"))?;
    connection.send(LINE.as_bytes())?;
    let mut buffer = vec![0; arguments.recv_buffer as usize];
    while connection.bytes_received() < LINE.len() as u64 {
        let data = connection.recv(&mut buffer)?;
        if data.is_empty() {
            let source = ErrorKind::UnexpectedEof.into();
            return Err(Error::Receive { from: connection.peer(), source });
        }
        show(data, console)?;
    }

    if arguments.no_hold {
        return Ok(());
    }
    // Q7: the server waits for more as long as this connection is open.
    loop {
        thread::park();
    }
}

fn show(data: &[u8], console: &Console) -> Result<(), Error> {
    console.out.write(&[b"received: ", data, b"\n"].concat())
}
