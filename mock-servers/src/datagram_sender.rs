//! Sends what faults make of a datagram: later than it should leave, or from another socket.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use labnet::{
    Error,
    net::{self, Running, ScopedIp, Wake},
};

use crate::fault::{Fault, FaultRules, Origin, Outgoing};

/// How many may wait for their time (ours); further ones are lost.
const MAX_WAITING: usize = 4096;

/// What it takes to send datagrams with these faults. The thread of late ones ends with the last clone of this.
#[derive(Clone, Debug)]
pub(crate) struct DatagramSender {
    late: Option<SyncSender<Late>>,
    /// Another socket of the same address, which answers as well.
    stranger: Option<Arc<UdpSocket>>,
}

/// A datagram that waits. It does not keep its socket open: a port may be closed in the meantime.
#[derive(Debug)]
struct Late {
    due: Instant,
    socket: Weak<UdpSocket>,
    bytes: Vec<u8>,
    to: SocketAddr,
}

impl DatagramSender {
    /// For a socket of this address.
    ///
    /// # Errors
    /// [`Error::System`] when there is no thread to be had; [`Error::Listen`].
    pub(crate) fn open(faults: &FaultRules, ip: ScopedIp, running: &mut Running) -> Result<Self, Error> {
        let has_stranger = faults.iter().any(|rule| rule.fault == Fault::Stranger);
        let stranger = has_stranger.then(|| net::bind_udp(ip.at(0)).map(Arc::new)).transpose()?;
        let late = if faults.iter().any(|rule| matches!(rule.fault, Fault::Late(_))) {
            let (late, waiting) = mpsc::sync_channel(MAX_WAITING);
            running.add_thread("late", Wake::ByItself, move || send_in_time(&waiting))?;
            Some(late)
        } else {
            None
        };
        Ok(Self { late, stranger })
    }

    /// Sends a datagram, now or in its time, unless its socket is closed by then.
    ///
    /// # Errors
    /// That of the socket, if it is sent now.
    pub(crate) fn send(&self, outgoing: Outgoing, socket: &Arc<UdpSocket>, to: SocketAddr) -> io::Result<()> {
        let Outgoing { bytes, after, origin } = outgoing;
        let stranger = self.stranger.as_ref().filter(|_| origin == Origin::Stranger);
        let socket = stranger.unwrap_or(socket);
        match &self.late {
            Some(late) if !after.is_zero() => {
                let due = Instant::now() + after;
                // A full queue loses it, as a network would.
                let _ = late.try_send(Late { due, socket: Arc::downgrade(socket), bytes, to });
                Ok(())
            }
            _ => socket.send_to(&bytes, to).map(drop),
        }
    }
}

fn send_in_time(waiting: &Receiver<Late>) {
    /// Without anything to send there is no hurry.
    const LONG: Duration = Duration::from_secs(3600);
    let mut queue: BinaryHeap<Reverse<Late>> = BinaryHeap::new();
    loop {
        let next = queue.peek().map_or(LONG, |Reverse(late)| late.due.saturating_duration_since(Instant::now()));
        match waiting.recv_timeout(next) {
            Ok(late) if queue.len() < MAX_WAITING => queue.push(Reverse(late)),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                if let Some(Reverse(late)) = queue.pop()
                    && let Some(socket) = late.socket.upgrade()
                {
                    // The client may be gone.
                    let _ = socket.send_to(&late.bytes, late.to);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Late {}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}
