//! What the Linux kernel knows of a TCP connection: `getsockopt(TCP_INFO)`.
//!
//! The one place in the workspace with `unsafe`: neither std nor socket2, nix or rustix wraps this option.

use std::{mem, net::TcpStream, os::fd::AsRawFd};

/// How many segments with payload the connection has received; `None` on a kernel older than 4.6.
pub(super) fn data_segments_in(stream: &TcpStream) -> Option<u64> {
    let (info, len) = tcp_info(stream)?;
    let known = mem::offset_of!(libc::tcp_info, tcpi_data_segs_in) + mem::size_of_val(&info.tcpi_data_segs_in);
    (len >= known).then_some(u64::from(info.tcpi_data_segs_in))
}

/// The structure, zero where the kernel wrote nothing, and how many bytes it wrote.
#[allow(unsafe_code)]
fn tcp_info(stream: &TcpStream) -> Option<(libc::tcp_info, usize)> {
    // SAFETY: `tcp_info` consists of integers and bit fields, for which all zeroes is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut len = mem::size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open while `stream` is borrowed; `info` is writable for `len` bytes, of which the
    // kernel writes at most that many, and `len` is a valid place for the count.
    let status = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &mut len)
    };
    (status == 0).then_some((info, len as usize))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn segments_with_payload_are_counted_and_the_fin_is_not() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert_eq!(data_segments_in(&client), Some(0));
        for _ in 0..3 {
            // Lock step: each write is a segment of its own.
            server.write_all(b"one").unwrap();
            client.read_exact(&mut [0; 3]).unwrap();
        }
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(data_segments_in(&client), Some(3));
    }
}
