//! The servers: a PMU that the test plays, one datagram at a time, and the mock server.

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, UdpSocket},
};

use lab_test::{PATIENCE, uninterrupted};
use mock_servers::{
    Running, ServerSettings,
    reset::{self, Schedule},
};

/// A server that the test plays itself, one datagram at a time.
pub(crate) struct Pmu {
    pub(crate) socket: UdpSocket,
    pub(crate) address: String,
    pub(crate) received: Cell<u64>,
}

impl Pmu {
    /// At `address`, where port 0 is any.
    pub(crate) fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("loopback addresses of both families, which part 3 needs");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { socket, address, received: Cell::new(0) }
    }

    /// One of each family.
    pub(crate) fn pair() -> [Self; 2] {
        [Self::at("127.0.0.1:0"), Self::at("[::1]:0")]
    }

    pub(crate) fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0; 100];
        let (n, client) = uninterrupted(|| self.socket.recv_from(&mut buffer))?;
        self.received.set(self.received.get() + 1);
        Ok((buffer[..n].to_vec(), client))
    }

    /// Waits for the next request, which is the handout's, and tells whose it is.
    pub(crate) fn request(&self) -> SocketAddr {
        let (datagram, client) = self.receive().expect("a request within the deadline");
        assert_eq!(datagram, b"RESET:20");
        client
    }

    pub(crate) fn send(&self, client: SocketAddr, datagram: impl AsRef<[u8]>) {
        self.socket.send_to(datagram.as_ref(), client).unwrap();
    }

    /// How many datagrams came in all, after the client has ended.
    pub(crate) fn packets(&self) -> u64 {
        self.socket.set_nonblocking(true).unwrap();
        while self.receive().is_ok() {}
        self.received.get()
    }
}

/// The mock server, on a port that is free in both families.
pub(crate) fn mock(config: reset::Config) -> Running {
    reset::spawn(&reset::Config { port: 0, ..config }, &ServerSettings::default()).unwrap()
}

/// A mock server that answers every packet in either family.
pub(crate) fn mock_of_both_families() -> Running {
    mock(reset::Config { loss: 0.0, schedule: Schedule::Both, ..reset::Config::default() })
}
