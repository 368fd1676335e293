//! Every kind of step, executed on real connections: over TCP, TLS and WebSocket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use labnet::{
    Error,
    net::{self, ClientLimits, Connection, Deadline, End, Families, Sent, Server, SystemClock},
    pmu::Step,
    tls::{self, Acceptor, ClientOptions, Credentials, Roots},
    ws::{self, AcceptOptions, WebSocketConnection},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stall that does not pass by itself.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// How long we look before we say that nothing happens.
const A_MOMENT: Duration = Duration::from_millis(150);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Tcp,
    Tls,
    WebSocket,
}

const ALL: [Over; 3] = [Over::Tcp, Over::Tls, Over::WebSocket];

/// A CA and a certificate for `server`.
fn certified() -> &'static TempDir {
    static CERTIFIED: OnceLock<TempDir> = OnceLock::new();
    CERTIFIED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        directory.issue("server", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        folder
    })
}

/// A server that executes steps for one client, and what came of that.
fn serve(over: Over, steps: Vec<Step>) -> (SocketAddr, Receiver<Result<Sent, String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (result, executed) = mpsc::channel();
    thread::spawn(move || {
        let (stream, peer) = listener.accept().unwrap();
        let _ = result.send(execute(over, stream, peer, steps));
    });
    (address, executed)
}

fn execute(over: Over, stream: TcpStream, peer: SocketAddr, steps: Vec<Step>) -> Result<Sent, String> {
    let (clock, limits) = (SystemClock::default(), ClientLimits { silence: PATIENCE, ..ClientLimits::default() });
    match over {
        Over::Tcp => {
            let mut client = Connection::new(stream, peer);
            let sent = net::execute(&mut client, steps, 0, &clock);
            client.finish(sent.as_ref().map_or(End::Fin, |sent| sent.end));
            sent.map_err(|error| error.to_string())
        }
        Over::Tls => {
            let directory = CaDirectory::new(certified().path());
            let credentials = Credentials::load(&directory.certificate("server"), &directory.key("server")).unwrap();
            let mut client = Acceptor::new(&credentials).unwrap().accept(stream, peer, &limits).unwrap();
            let sent = net::execute(&mut client, steps, 0, &clock);
            client.finish(sent.as_ref().map_or(End::Fin, |sent| sent.end));
            sent.map_err(|error| error.to_string())
        }
        Over::WebSocket => {
            let mut connection = Connection::new(stream, peer);
            let mut client = WebSocketConnection::accept(&mut connection, &limits, AcceptOptions::default()).unwrap();
            let sent = net::execute(&mut client, steps, 0, &clock);
            connection.finish(sent.as_ref().map_or(End::Fin, |sent| sent.end));
            sent.map_err(|error| error.to_string())
        }
    }
}

enum Client {
    Tcp(Connection),
    Tls(Box<tls::Client>),
    WebSocket(Box<ws::Client>),
}

impl Client {
    fn connect(over: Over, address: SocketAddr) -> Self {
        let server = Server::new(address.ip().to_string(), address.port());
        let deadline = Deadline::after(PATIENCE);
        match over {
            Over::Tcp => {
                let mut connection = net::connect(&server, Families::Both, deadline).unwrap();
                connection.set_limits(Some(PATIENCE), Deadline::NONE).unwrap();
                Self::Tcp(connection)
            }
            Over::Tls => {
                let options = ClientOptions {
                    name: Some("server".to_owned()),
                    connect: deadline,
                    silence: Some(PATIENCE),
                    ..ClientOptions::trusting(
                        Roots::load(&CaDirectory::new(certified().path()).ca_certificate()).unwrap(),
                    )
                };
                Self::Tls(Box::new(tls::Client::connect(&server, &options).unwrap()))
            }
            Over::WebSocket => {
                let options =
                    ws::Options { connect: deadline, silence: Some(PATIENCE), max_message: 1 << 20, deflate: false };
                let client = ws::Client::connect(&format!("ws://{address}/").parse().unwrap(), options).unwrap();
                Self::WebSocket(Box::new(client))
            }
        }
    }

    /// All that comes, up to an end as the protocol asks for it.
    fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let (mut received, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match self {
                Self::Tcp(connection) => match connection.recv(&mut buffer)? {
                    [] => return Ok(received),
                    bytes => received.extend_from_slice(bytes),
                },
                Self::Tls(client) => match client.recv(&mut buffer)? {
                    [] => return client.check_end().map(|()| received),
                    bytes => received.extend_from_slice(bytes),
                },
                Self::WebSocket(client) => match client.receive()? {
                    None => return Ok(received),
                    Some(message) => received.extend_from_slice(message.as_ref()),
                },
            }
        }
    }

    fn send(&mut self, text: &str) -> Result<(), Error> {
        match self {
            Self::Tcp(connection) => connection.send(text.as_bytes()),
            Self::Tls(client) => client.send(text.as_bytes()),
            Self::WebSocket(client) => client.send(text),
        }
    }
}

fn bytes(text: &str) -> Step {
    Step::Bytes(text.as_bytes().into())
}

#[test]
fn bytes_are_sent_after_their_pauses_and_the_end_is_a_clean_one() {
    for over in ALL {
        let begun = Instant::now();
        let (address, executed) = serve(over, vec![bytes("one"), Step::Pause(A_MOMENT), bytes("two"), Step::Fin]);
        let received = Client::connect(over, address).receive().unwrap();
        assert_eq!(received, b"onetwo", "{over:?}");
        assert!(begun.elapsed() >= A_MOMENT, "{over:?}");
        let sent = executed.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sent, Ok(Sent { sends: 2, bytes: 6, end: End::Fin }), "{over:?}");
    }
}

#[test]
fn a_reset_is_one_at_the_client_and_nothing_follows_it() {
    for over in ALL {
        let (address, executed) = serve(over, vec![Step::Pause(A_MOMENT), Step::Reset, bytes("never"), Step::Fin]);
        match Client::connect(over, address).receive() {
            Err(Error::Receive { source, .. }) => assert_eq!(source.kind(), ErrorKind::ConnectionReset, "{over:?}"),
            Err(Error::WebSocket { complaint, .. }) => assert!(complaint.starts_with("reset the connection")),
            other => panic!("{over:?}: {other:?}"),
        }
        let sent = executed.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sent, Ok(Sent { sends: 0, bytes: 0, end: End::Reset }), "{over:?}");
    }
}

#[test]
fn a_stall_ends_at_its_limit_and_what_follows_is_executed() {
    for over in ALL {
        let begun = Instant::now();
        let (address, _executed) = serve(over, vec![Step::Stall(A_MOMENT), bytes("late"), Step::Fin]);
        let mut client = Client::connect(over, address);
        // What a client says does not end it.
        client.send("Well?").unwrap();
        assert_eq!(client.receive().unwrap(), b"late", "{over:?}");
        assert!(begun.elapsed() >= A_MOMENT, "{over:?}");
    }
}

#[test]
fn a_stall_ends_when_the_client_leaves_and_nothing_follows() {
    for over in ALL {
        let (address, executed) = serve(over, vec![bytes("x"), Step::Stall(FOR_EVER), bytes("never"), Step::Fin]);
        let client = Client::connect(over, address);
        assert_eq!(executed.recv_timeout(A_MOMENT), Err(RecvTimeoutError::Timeout), "{over:?}");
        drop(client);
        match executed.recv_timeout(PATIENCE).unwrap() {
            Ok(sent) => assert_eq!(sent.sends, 1, "{over:?}"),
            // The closing handshake found nobody.
            Err(why) => assert_eq!(over, Over::WebSocket, "{why}"),
        }
    }
}

#[test]
fn a_fin_ends_one_direction_alone() {
    for over in [Over::Tcp, Over::Tls] {
        let (address, executed) = serve(over, vec![bytes("all"), Step::Fin, Step::Stall(FOR_EVER)]);
        let mut client = Client::connect(over, address);
        assert_eq!(client.receive().unwrap(), b"all", "{over:?}");
        // Were the connection closed, a reset would answer the first.
        for word in ["still", "there"] {
            client.send(word).unwrap();
            assert_eq!(executed.recv_timeout(A_MOMENT), Err(RecvTimeoutError::Timeout), "{over:?}");
        }
        drop(client);
        let sent = executed.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sent, Ok(Sent { sends: 1, bytes: 3, end: End::Fin }), "{over:?}");
    }
}

#[test]
fn sends_without_a_step_between_them_leave_together_as_far_as_they_are_held_back() {
    /// A connection that remembers what was sent in one piece.
    #[derive(Default)]
    struct Pieces(Vec<String>);

    impl net::Execute for Pieces {
        type Error = ();

        async fn send(&mut self, bytes: &[u8]) -> Result<(), ()> {
            self.0.push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(())
        }

        async fn pause(&mut self, _: Duration, _: &dyn net::Clock) -> Result<bool, ()> {
            self.0.push("-".to_owned());
            Ok(true)
        }

        async fn stall(&mut self, _: Duration, _: &dyn net::Clock) -> Result<bool, ()> {
            self.0.push("...".to_owned());
            Ok(false)
        }

        async fn finish_sending(&mut self) -> Result<(), ()> {
            self.0.push("FIN".to_owned());
            Ok(())
        }
    }

    let check = |held_back: usize, steps: &[Step], expected: &[&str]| {
        let mut pieces = Pieces::default();
        net::execute(&mut pieces, steps.to_vec(), held_back, &SystemClock::default()).unwrap();
        assert_eq!(pieces.0, expected, "{steps:?}");
    };
    let pause = || Step::Pause(A_MOMENT);
    let [a, bb, ccc] = ["a", "bb", "ccc"].map(bytes);
    check(0, &[a.clone(), bb.clone(), Step::Fin], &["a", "bb", "FIN"]);
    check(3, &[a.clone(), bb.clone(), ccc.clone(), Step::Fin], &["abb", "ccc", "FIN"]);
    check(2, &[a.clone(), ccc.clone(), bb.clone()], &["a", "ccc", "bb"]);
    check(9, &[a.clone(), pause(), bb.clone(), Step::Fin], &["a", "-", "bb", "FIN"]);
    check(9, &[a.clone(), Step::Stall(A_MOMENT), bb.clone(), Step::Fin], &["a", "...", "FIN"]);
    check(9, &[a.clone(), Step::Fin, Step::Stall(A_MOMENT), bb], &["a", "FIN", "..."]);
    check(9, &[a, Step::Reset, ccc], &["a"]);
}
