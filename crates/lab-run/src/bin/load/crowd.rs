//! Many clients at once, on one thread: PDCs over TCP or WebSocket, and clients that behave badly.

use std::{
    cell::Cell,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::Interest,
    net::{TcpSocket, TcpStream},
    runtime::Builder,
    task::LocalSet,
    time::{sleep, timeout},
};

/// The longest that a client waits for anything (ours).
const PATIENCE: Duration = Duration::from_secs(40);

/// How many clients share a source address: a system has some 28,000 ports for each.
const CLIENTS_OF_ADDRESS: usize = 5000;

/// How many messages answer a command.
const MESSAGES: usize = 10;

/// A masked close frame without a status (RFC 6455, section 5.5.1); the mask is zero.
const CLOSE_FRAME: &[u8] = &[0x88, 0x80, 0, 0, 0, 0];

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What a client of a crowd does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Asks over TCP and takes its answer.
    Asks(&'static str),
    /// The same over WebSocket.
    AsksOverWebSocket(&'static str),
    /// Sends a byte of a command now and then.
    SlowLoris,
    /// Asks for a flood and reads nothing.
    NeverReads,
    /// Says nothing, as one that has vanished.
    Silent,
}

/// What became of a crowd.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    /// How many got all of their answer and a clean end.
    pub(crate) answered: usize,
    /// How many got an end and nothing else, or 503.
    pub(crate) turned_away: usize,
    /// Why others got neither; the last one.
    pub(crate) failure: Option<String>,
    /// How long the slowest connect took.
    pub(crate) slowest_connect: Duration,
    /// How long the slowest end took of a client that was turned away, from its connect.
    pub(crate) slowest_end: Duration,
}

/// What came of one client.
enum Outcome {
    Answered,
    TurnedAway,
}

/// Lets so many clients come at once and waits for all, a time at most for those that behave badly. Returns when all
/// are gone.
pub(crate) fn crowd(server: SocketAddr, clients: usize, behaviour: Behaviour, stay: Duration) -> io::Result<Crowd> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let all = LocalSet::new();
    let seen: Rc<Cell<Crowd>> = Rc::default();
    for number in 0..clients {
        let seen = Rc::clone(&seen);
        all.spawn_local(async move {
            let begun = Instant::now();
            let mut connected = Duration::ZERO;
            let outcome = timeout(PATIENCE + stay, client(server, number, behaviour, stay, &mut connected)).await;
            let mut crowd = seen.take();
            crowd.slowest_connect = crowd.slowest_connect.max(connected);
            match outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(Outcome::Answered) => crowd.answered += 1,
                Ok(Outcome::TurnedAway) => {
                    crowd.turned_away += 1;
                    crowd.slowest_end = crowd.slowest_end.max(begun.elapsed());
                }
                Err(error) => crowd.failure = Some(labnet::error::reason(&error)),
            }
            seen.set(crowd);
        });
    }
    runtime.block_on(all);
    Ok(seen.take())
}

async fn client(
    server: SocketAddr,
    number: usize,
    behaviour: Behaviour,
    stay: Duration,
    connected: &mut Duration,
) -> io::Result<Outcome> {
    let begun = Instant::now();
    let socket = TcpSocket::new_v4()?;
    let last = u8::try_from(2 + number / CLIENTS_OF_ADDRESS).unwrap_or(u8::MAX);
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    let stream = socket.connect(server).await?;
    *connected = begun.elapsed();
    match behaviour {
        Behaviour::Asks(command) => ask(&stream, command).await,
        Behaviour::AsksOverWebSocket(command) => ask_over_websocket(&stream, command).await,
        Behaviour::SlowLoris => {
            for byte in b"CMD_short:1.5".iter().cycle() {
                if begun.elapsed() > stay || send(&stream, &[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(500)).await;
            }
            Ok(Outcome::Answered)
        }
        Behaviour::NeverReads => {
            send(&stream, b"CMD_floodme").await?;
            sleep(stay).await;
            Ok(Outcome::Answered)
        }
        Behaviour::Silent => {
            sleep(stay).await;
            Ok(Outcome::Answered)
        }
    }
}

async fn ask(stream: &TcpStream, command: &str) -> io::Result<Outcome> {
    // One that was turned away may be gone before it has asked.
    let sent = send(stream, command.as_bytes()).await;
    let mut answer = Vec::new();
    let received = receive(stream, &mut answer, |_| false).await;
    match messages(&answer) {
        0 if answer.is_empty() && received.is_ok() => Ok(Outcome::TurnedAway),
        MESSAGES => received.map(|_| Outcome::Answered),
        n => Err(sent.and(received).err().unwrap_or_else(|| io::Error::other(format!("only {n} messages came")))),
    }
}

async fn ask_over_websocket(stream: &TcpStream, command: &str) -> io::Result<Outcome> {
    let sent = send(stream, UPGRADE).await;
    let mut answer = Vec::new();
    receive(stream, &mut answer, |answer| answer.ends_with(b"\r\n\r\n")).await?;
    if answer.starts_with(b"HTTP/1.1 503 ") {
        return Ok(Outcome::TurnedAway);
    }
    sent?;
    let len = u8::try_from(command.len()).unwrap_or_default();
    send(stream, &[&[0x82, 0x80 | len, 0, 0, 0, 0][..], command.as_bytes()].concat()).await?;
    receive(stream, &mut answer, |answer| messages(answer) == MESSAGES && answer.ends_with(b"\x88\x02\x03\xe8"))
        .await?;
    send(stream, CLOSE_FRAME).await?;
    receive(stream, &mut answer, |_| false).await?;
    match messages(&answer) {
        MESSAGES => Ok(Outcome::Answered),
        n => Err(io::Error::other(format!("only {n} messages came"))),
    }
}

fn messages(answer: &[u8]) -> usize {
    const BEGIN: &[u8] = b"This is PMU data ";
    answer.windows(BEGIN.len()).filter(|window| *window == BEGIN).count()
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.ready(Interest::WRITABLE).await?;
        match stream.try_write(bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives up to the end of the stream, or until it is enough.
async fn receive(stream: &TcpStream, into: &mut Vec<u8>, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    while !is_enough(into) {
        stream.ready(Interest::READABLE).await?;
        let mut buffer = [0; 1024];
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => into.extend(buffer.iter().take(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
