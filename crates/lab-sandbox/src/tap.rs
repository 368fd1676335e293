//! Packet sockets (`packet(7)`): the packets of one interface, for captures and for the switch.

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg,
            send, setsockopt, socket, sockopt,
        },
        time::TimeSpec,
    },
};

use crate::Error;

/// The packet left this machine (`linux/if_packet.h`).
const PACKET_OUTGOING: u8 = 4;

/// A packet socket that is bound to one interface.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
    control: Vec<u8>,
}

/// Metadata of a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketMetadata {
    /// How many of its bytes are in the buffer.
    pub len: usize,
    /// How many it had on the wire.
    pub original_len: usize,
    /// When the kernel saw it, since the Unix epoch.
    pub at: Duration,
    /// Whether this host sent it. On the loopback interface each packet is seen twice: once leaving, once coming.
    pub is_outgoing: bool,
    /// How many packets this tap has dropped so far because its buffer was full.
    pub dropped: u32,
}

impl Tap {
    /// Opens a tap on an interface in the network namespace of this thread, with a receive buffer of `buffer_len` bytes.
    ///
    /// # Errors
    /// When there is no such interface, or no right to its packets.
    pub fn open(interface: &str, buffer_len: usize) -> Result<Self, Error> {
        let attempt = || format!("capture on {interface}");
        let refused = |errno: Errno| Error::system(attempt())(errno);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).map_err(refused)?;
        // Beyond the system's limit if permitted; else up to it.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer_len).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &buffer_len).map_err(refused)?;
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(refused)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1).map_err(refused)?;
        let address = link_address(interface).map_err(refused)?.ok_or_else(|| refused(Errno::ENODEV))?;
        bind(socket.as_raw_fd(), &address).map_err(refused)?;
        let mut tap = Self { socket, control: nix::cmsg_space!(TimeSpec, u32) };
        // Before bind it received packets of all interfaces: remove these.
        while tap.receive(&mut [0; 1]).map_err(Error::io(attempt()))?.is_some() {}
        Ok(tap)
    }

    /// Receives the next packet, without waiting; `None` if there is none. A packet longer than `buffer` is truncated.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<PacketMetadata>> {
        let room = buffer.len();
        let mut parts = [IoSliceMut::new(buffer)];
        let control = Some(self.control.as_mut_slice());
        // With MSG_TRUNC the length is that of the packet.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        let message = match recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, control, flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let mut seen = PacketMetadata {
            len: message.bytes.min(room),
            original_len: message.bytes,
            at: Duration::ZERO,
            is_outgoing: message.address.is_some_and(|address| address.pkttype() == PACKET_OUTGOING),
            dropped: 0,
        };
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(time) => seen.at = Duration::from(time),
                ControlMessageOwned::RxqOvfl(dropped) => seen.dropped = dropped,
                _ => {}
            }
        }
        Ok(Some(seen))
    }

    /// Waits until a packet can be received, at most this long.
    pub fn wait(&self, patience: Duration) {
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        // The caller tries to receive in any case.
        let _ = poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], patience);
    }

    /// Sends a packet as it is, link header included.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), packet, MsgFlags::empty()).map(drop).map_err(io::Error::from)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The link-layer address of an interface.
fn link_address(interface: &str) -> Result<Option<LinkAddr>, Errno> {
    let mut all = getifaddrs()?.filter(|entry| entry.interface_name == interface);
    Ok(all.find_map(|entry| entry.address?.as_link_addr().copied()))
}
