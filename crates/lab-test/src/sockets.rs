//! Sockets of a test that plays a server or a client: on the loopback interface, with a deadline on every call.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use crate::PATIENCE;

/// Bounds each later call on a stream, and sends what is written at once.
pub fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A connection to a server.
#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect_timeout(&address, PATIENCE).unwrap_or_else(|error| panic!("{address}: {error}")))
}

/// A server's socket on a free port, and its address.
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens, nor will while the stream is kept: the port of a connection's other end.
pub fn nobody() -> (TcpStream, SocketAddr) {
    let (_listener, address) = listen();
    let taken = TcpStream::connect(address).unwrap();
    let address = taken.local_addr().unwrap();
    (taken, address)
}

/// The next client.
#[track_caller]
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (sender, clients) = mpsc::channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || sender.send(listener.accept().unwrap().0));
    patient(clients.recv_timeout(PATIENCE).expect("a client within the deadline"))
}

/// Calls again what a signal interrupted. A call with a limit of time on its socket fails so also in a process without
/// handlers, when the whole process is stopped and continued (signal(7)).
///
/// # Errors
/// Those of the call, but for that one.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
