//! The kernel's counters of closed TCP connections, sent when a socket is destroyed (`sock_diag(7)`).
//!
//! This works for any program without its help: the kernel sends the messages to all listeners in the network namespace.
//! Layouts are those of `linux/inet_diag.h` and `linux/tcp.h`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, SockProtocol, recv, setsockopt, sockopt},
};

use crate::{Error, netlink::Netlink};

/// The multicast groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, a bit each.
const DESTROYED: u32 = 1 | 1 << 2;

/// SOCK_DIAG_BY_FAMILY.
const BY_FAMILY: u16 = 20;

/// `struct nlmsghdr`, `struct inet_diag_msg`, and where `INET_DIAG_INFO` (2) is among the attributes.
const HEADER_LEN: usize = 16;
const SOCKET_LEN: usize = 72;
const INFO: u16 = 2;

/// The receive buffer in bytes (ours): room for some thousand messages.
const BUFFER_LEN: usize = 8 << 20;

/// TCP counters of one socket. The kernel counts SYN and FIN as a byte each in some of them: see the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Bytes of ours that were acknowledged, with our FIN and, on the side that connected, our SYN.
    pub bytes_acked: u64,
    /// Bytes of the other side, each once, with its FIN.
    pub bytes_received: u64,
    /// Payload bytes that we sent, again and again if need be; none on kernels before 4.19.
    pub bytes_sent: Option<u64>,
    /// Segments that we sent, with and without payload.
    pub segments_out: u32,
    /// Segments that came, with and without payload.
    pub segments_in: u32,
    /// Segments with payload that we sent.
    pub data_segments_out: u32,
    /// Segments with payload that came.
    pub data_segments_in: u32,
    /// Segments that we sent again.
    pub retransmitted: u32,
    /// The round-trip time, smoothed, as this end saw it.
    pub rtt: Duration,
}

/// A TCP socket that was closed, with its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedTcpSocket {
    /// The local address.
    pub local: SocketAddr,
    /// The remote address.
    pub remote: SocketAddr,
    /// The counters.
    pub counters: TcpCounters,
}

/// Receives the counters of TCP sockets as they are closed.
pub struct TcpMonitor {
    netlink: Netlink,
    ends: Vec<ClosedTcpSocket>,
}

impl std::fmt::Debug for TcpMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpMonitor").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl TcpMonitor {
    /// Starts to listen in the network namespace of this thread.
    ///
    /// # Errors
    /// [`Error::System`] when the kernel does not offer this.
    pub fn listen() -> Result<Self, Error> {
        let netlink =
            Netlink::open(SockProtocol::NetlinkSockDiag, DESTROYED).map_err(Error::io("count TCP segments"))?;
        // As much as we may have.
        let _ = setsockopt(netlink.socket(), sockopt::RcvBufForce, &BUFFER_LEN);
        Ok(Self { netlink, ends: Vec::new() })
    }

    /// Waits until `are_enough` holds, or the deadline is over. Returns all closed sockets so far.
    pub fn wait(&mut self, deadline: Duration, are_enough: impl Fn(&[ClosedTcpSocket]) -> bool) -> &[ClosedTcpSocket] {
        let until = Instant::now() + deadline;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let is_over = Instant::now() >= until;
            match recv(self.netlink.socket().as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(n) => self.ends.extend(messages(buffer.get(..n).unwrap_or_default())),
                Err(Errno::EAGAIN) if is_over || are_enough(&self.ends) => return &self.ends,
                Err(Errno::EAGAIN) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
                    let _ = poll(&mut [PollFd::new(self.netlink.socket().as_fd(), PollFlags::POLLIN)], timeout);
                }
                // The buffer overflowed: some are missing, and the caller sees that.
                Err(_) if is_over => return &self.ends,
                Err(_) => {}
            }
        }
    }
}

/// The closed sockets in a datagram of the kernel.
fn messages(mut rest: &[u8]) -> Vec<ClosedTcpSocket> {
    let mut ends = Vec::new();
    while rest.len() >= HEADER_LEN {
        let fields = Fields(rest);
        let (len, kind) = (fields.u32(0) as usize, fields.u16(4));
        let message = rest.get(HEADER_LEN..len.clamp(HEADER_LEN, rest.len())).unwrap_or_default();
        if kind == BY_FAMILY {
            ends.extend(end(message));
        }
        rest = rest.get(len.max(HEADER_LEN).next_multiple_of(4)..).unwrap_or_default();
    }
    ends
}

fn end(message: &[u8]) -> Option<ClosedTcpSocket> {
    let socket = Fields(message.get(..SOCKET_LEN)?);
    // A listening socket has no remote address.
    if socket.port(6) == 0 {
        return None;
    }
    let mut attributes = message.get(SOCKET_LEN..)?;
    let info = loop {
        let header = Fields(attributes.get(..4)?);
        let len = usize::from(header.u16(0)).max(4);
        if header.u16(2) == INFO {
            break attributes.get(4..len)?;
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    };
    Some(ClosedTcpSocket {
        local: SocketAddr::new(socket.address(8), socket.port(4)),
        remote: SocketAddr::new(socket.address(24), socket.port(6)),
        counters: counters(&Fields(info)),
    })
}

/// From `struct tcp_info`, which grows at its end from kernel to kernel.
fn counters(info: &Fields<'_>) -> TcpCounters {
    TcpCounters {
        bytes_acked: info.u64(120),
        bytes_received: info.u64(128),
        bytes_sent: (info.0.len() >= 208).then(|| info.u64(200)),
        segments_out: info.u32(136),
        segments_in: info.u32(140),
        data_segments_out: info.u32(156),
        data_segments_in: info.u32(152),
        retransmitted: info.u32(100),
        rtt: Duration::from_micros(u64::from(info.u32(68))),
    }
}

/// Numbers at places of a structure; zero beyond its end.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(at))
    }

    /// In network byte order.
    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes(at))
    }

    /// Of the family in the first byte; an IPv4 address has the first 4 of 16 bytes.
    fn address(&self, at: usize) -> IpAddr {
        const AF_INET: u8 = 2;
        match self.0.first() {
            Some(&AF_INET) => Ipv4Addr::from(self.bytes::<4>(at)).into(),
            _ => Ipv6Addr::from(self.bytes::<16>(at)).to_canonical(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_is_no_end_and_no_panic() {
        for len in 0..200 {
            assert_eq!(messages(&vec![0; len]), []);
            let mut message = vec![0xff; len];
            message.splice(..len.min(6), [200, 0, 0, 0, 20, 0].into_iter().take(len.min(6)));
            messages(&message);
        }
    }
}
