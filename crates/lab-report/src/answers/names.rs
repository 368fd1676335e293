//! The names of the experiments, for answers whose experiment left no facts to say it.

pub(super) const DATAGRAM: &str = "part1-udp";
pub(super) const ECHO: &str = "part1-echo";
pub(super) const SHORT_AT_ONCE: &str = "part2-short-0";
pub(super) const SHORT_PACED: &str = "part2-short-1";
pub(super) const FLOOD: &str = "part2-flood";
/// With the PMU on IPv4, then on IPv6.
pub(super) const RESETS: [&str; 2] = ["part3-reset-ipv4", "part3-reset-ipv6"];
/// See [`RESETS`].
pub(super) const SERIES: [&str; 2] = ["part3-series-ipv4", "part3-series-ipv6"];
pub(super) const MULTICAST: &str = "part4-multicast";
pub(super) const WEBSOCKET_SHORT: &str = "part5-short-0";
pub(super) const WEBSOCKET_FLOOD: &str = "part5-flood";
/// TLS 1.2, then TLS 1.3.
pub(super) const TLS: [&str; 2] = ["part6-tls-1.2", "part6-tls-1.3"];
