//! The names of the experiments: answers refer to them, also when an experiment left no facts to say its name.

/// Code A and B.
pub const DATAGRAM: &str = "part1-udp";
/// Code C and D.
pub const ECHO: &str = "part1-echo";
/// Part 2 with `CMD_short:0`.
pub const SHORT_AT_ONCE: &str = "part2-short-0";
/// Part 2 with `CMD_short:1`.
pub const SHORT_PACED: &str = "part2-short-1";
/// Part 2 with `CMD_floodme`, with the program's own buffer.
pub const FLOOD: &str = "part2-flood";
/// One reset, with the PMU on IPv4, then on IPv6.
pub const RESETS: [&str; 2] = ["part3-reset-ipv4", "part3-reset-ipv6"];
/// Sixty resets, in the same order.
pub const SERIES: [&str; 2] = ["part3-series-ipv4", "part3-series-ipv6"];
/// Part 4.
pub const MULTICAST: &str = "part4-multicast";
/// Part 5 with `CMD_short:0`.
pub const WEBSOCKET_SHORT: &str = "part5-short-0";
/// Part 5 with `CMD_floodme`.
pub const WEBSOCKET_FLOOD: &str = "part5-flood";
/// Part 6 with TLS 1.2, then TLS 1.3.
pub const TLS: [&str; 2] = ["part6-tls-1.2", "part6-tls-1.3"];
