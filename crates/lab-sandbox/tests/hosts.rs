//! Hosts, their names, the path between them, and what is counted there: each test in a network of its own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab_sandbox::{Host, HostConfig, HostsFile, Lan, Tap, TcpMonitor};
use lab_test::{PATIENCE, in_own_network};

fn inside(scene: impl FnOnce()) {
    in_own_network("", scene);
}

fn lan(path: &str) -> Lan {
    let server = [HostConfig::SERVER.ipv4.into(), HostConfig::SERVER.ipv6.into()];
    let names = HostsFile::localhost().with_lab_servers(&server);
    Lan::new(&[HostConfig::CLIENT, HostConfig::SERVER, HostConfig::PROXY], &names, path.parse().unwrap(), 1).unwrap()
}

#[test]
fn a_host_alone_has_both_loopbacks_the_labs_names_and_nothing_else() {
    inside(|| {
        let host = Host::alone("alone", HostsFile::lab_on_localhost()).unwrap();
        host.run(|| {
            for name in ["localhost", "tcpip.epfl.ch", "lab3.iw.epfl.ch", "lab3.iew.epfl.ch"] {
                let addresses: Vec<_> = (name, 5003).to_socket_addrs().unwrap().collect();
                assert!(addresses.contains(&([127, 0, 0, 1], 5003).into()), "{name}: {addresses:?}");
                assert!(addresses.iter().any(|address| address.is_ipv6()), "{name}: {addresses:?}");
            }
            assert!(("www.epfl.ch", 80).to_socket_addrs().is_err());
            let failure = UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "192.0.2.1:9").unwrap_err();
            assert_eq!(failure.kind(), std::io::ErrorKind::NetworkUnreachable);
        });
    });
}

#[test]
fn what_a_host_starts_is_on_that_host() {
    inside(|| {
        let (one, other) = (
            Host::alone("one", HostsFile::localhost()).unwrap(),
            Host::alone("other", HostsFile::localhost()).unwrap(),
        );
        let listener = one.run(|| TcpListener::bind("127.0.0.1:5003").unwrap());
        // The same port, on another host.
        let _other = other.run(|| TcpListener::bind("127.0.0.1:5003").unwrap());
        let table = |host: &Host| {
            host.run(|| Command::new("cat").arg("/proc/net/tcp").output().unwrap())
                .stdout
                .split(|&b| b == b'\n')
                .count()
        };
        assert_eq!((table(&one), table(&other)), (3, 3));
        drop(listener);
        assert_eq!((table(&one), table(&other)), (2, 3));
    });
}

#[test]
fn clients_get_ports_that_belong_to_no_protocol() {
    inside(|| {
        let host = Host::alone("alone", HostsFile::localhost()).unwrap();
        let ports = host.run(|| {
            (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()).collect::<Vec<_>>()
        });
        assert!(ports.iter().all(|&port| port >= 61_000), "{ports:?}");
    });
}

#[test]
fn hosts_reach_each_other_by_name_in_both_families_after_the_delay_of_the_path() {
    inside(|| {
        let lan = lan("delay=20ms");
        let (client, server) = (lan.host(0).unwrap(), lan.host(1).unwrap());
        for (bind, is_ipv6) in [("0.0.0.0:5003", false), ("[::]:5004", true)] {
            let listener = server.run(move || TcpListener::bind(bind).unwrap());
            let port = listener.local_addr().unwrap().port();
            thread::spawn(move || {
                let (mut peer, _) = listener.accept().unwrap();
                let mut byte = [0];
                while peer.read(&mut byte).unwrap() > 0 {
                    peer.write_all(&byte).unwrap();
                }
            });
            let round_trip = client.run(move || {
                let mut addresses = ("tcpip.epfl.ch", port).to_socket_addrs().unwrap();
                let mut stream = TcpStream::connect(addresses.find(|a| a.is_ipv6() == is_ipv6).unwrap()).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let begun = Instant::now();
                stream.write_all(b"x").unwrap();
                stream.read_exact(&mut [0]).unwrap();
                begun.elapsed()
            });
            assert!(round_trip >= Duration::from_millis(40), "{round_trip:?}");
        }
        let failure = client.run(|| TcpStream::connect("192.0.2.1:9").unwrap_err());
        assert_eq!(failure.kind(), std::io::ErrorKind::NetworkUnreachable);
    });
}

#[test]
fn multicast_reaches_the_hosts_that_joined() {
    inside(|| {
        let lan = lan("delay=1ms");
        let group = Ipv4Addr::new(224, 1, 1, 1);
        let receive = move || {
            let socket = UdpSocket::bind("0.0.0.0:5005").unwrap();
            socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let receivers: Vec<_> = [0, 2].iter().map(|&host| lan.host(host).unwrap().run(receive)).collect();
        lan.host(1).unwrap().run(move || {
            UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"swcmTVlight", (group, 5005)).unwrap();
        });
        for receiver in receivers {
            let (len, from) = receiver.recv_from(&mut [0; 100]).unwrap();
            assert_eq!((len, from.ip()), (11, HostConfig::SERVER.ipv4.into()));
        }
    });
}

/// Sends a flood over a path; yields how much the client received, the lengths of the packets of IPv4 that came to it, and
/// the counters.
fn flood(path: &str, len: usize) -> (usize, Vec<usize>, Vec<lab_sandbox::ClosedTcpSocket>, Lan) {
    let lan = lan(path);
    let (client, server) = (lan.host(0).unwrap(), lan.host(1).unwrap());
    let listener = server.run(|| TcpListener::bind("0.0.0.0:5003").unwrap());
    let mut ends = client.run(|| TcpMonitor::listen().unwrap());
    let mut server_ends = server.run(|| TcpMonitor::listen().unwrap());
    let mut tap = client.run(|| Tap::open(Lan::interface(), 64 << 20).unwrap());
    thread::spawn(move || listener.accept().unwrap().0.write_all(&vec![b'x'; len]).unwrap());
    let received = client.run(|| {
        let mut all = Vec::new();
        TcpStream::connect("tcpip.epfl.ch:5003").unwrap().read_to_end(&mut all).unwrap();
        all.len()
    });
    let mut all = ends.wait(PATIENCE, |ends| !ends.is_empty()).to_vec();
    all.extend(server_ends.wait(PATIENCE, |ends| !ends.is_empty()));
    let (mut lengths, mut buffer) = (Vec::new(), vec![0; 2000]);
    while let Some(seen) = tap.receive(&mut buffer).unwrap() {
        assert_eq!(seen.dropped, 0);
        assert!(seen.at > Duration::ZERO);
        // Hosts also find each other's addresses and tell of their groups, when they like.
        let is_ipv4 = buffer[12..14] == [0x08, 0x00];
        if is_ipv4 && !seen.is_outgoing {
            lengths.push(seen.original_len);
        }
    }
    (received, lengths, all, lan)
}

#[test]
fn packets_are_those_of_an_ethernet_and_the_kernels_count_the_same() {
    inside(|| {
        let (received, lengths, ends, _) = flood("delay=2ms", 65_536);
        assert_eq!(received, 65_536);
        assert_eq!(lengths.iter().max(), Some(&1514));
        let segments = lengths.iter().filter(|&&len| len > 90).count() as u32;
        let [client, server] = ends[..] else { panic!("{ends:?}") };
        assert_eq!((client.local, client.remote), (server.remote, server.local));
        assert_eq!((server.counters.data_segments_out, client.counters.data_segments_in), (segments, segments));
        // 1,448 bytes fit into a packet beside headers with timestamps; the FIN counts as a byte.
        assert_eq!(segments, 65_536_u32.div_ceil(1448));
        assert_eq!(client.counters.bytes_received, 65_537);
        assert_eq!((server.counters.bytes_sent, server.counters.retransmitted), (Some(65_536), 0));
        assert!(server.counters.rtt >= Duration::from_millis(4), "{:?}", server.counters.rtt);
    });
}

#[test]
fn what_the_path_loses_is_sent_again_and_each_loss_is_accounted_for() {
    inside(|| {
        let (received, lengths, ends, lan) = flood("delay=2ms,loss=0.1", 200_000);
        assert_eq!(received, 200_000);
        let segments = lengths.iter().filter(|&&len| len > 90).count() as u32;
        let server = ends[1].counters;
        assert!(server.retransmitted > 0);
        let to_client = lan.counters().into_iter().find(|pair| (pair.from, pair.to) == (1, 0)).unwrap();
        assert!(to_client.counters.lost > 0);
        // Some of the lost ones had no payload.
        let lost = server.data_segments_out - segments;
        assert!(lost > 0 && u64::from(lost) <= to_client.counters.lost, "{lost} of {to_client:?}");
    });
}

#[test]
fn a_path_without_limits_carries_a_flood_quickly() {
    inside(|| {
        let begun = Instant::now();
        let (received, _, _, _) = flood("", 4 << 20);
        assert_eq!(received, 4 << 20);
        assert!(begun.elapsed() < PATIENCE);
    });
}

/// Sends numbered datagrams of `len` bytes from the server to the client over a path, and yields what arrived until a
/// last one, whose number is `u16::MAX`.
fn datagrams(lan: &Lan, numbers: u16, len: usize) -> Vec<u16> {
    let receiver = lan.host(0).unwrap().run(|| UdpSocket::bind("10.9.0.5:5004").unwrap());
    receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let sender = lan.host(1).unwrap().run(|| UdpSocket::bind("10.9.0.43:0").unwrap());
    let send = |number: u16| {
        let mut datagram = number.to_be_bytes().to_vec();
        datagram.resize(len, 0);
        sender.send_to(&datagram, "10.9.0.5:5004").unwrap();
    };
    (0..numbers).for_each(send);
    let (mut arrived, mut buffer) = (Vec::new(), [0; 2000]);
    let until = Instant::now() + PATIENCE;
    // Silence alone may be that of a slow machine: the last one is sent until it has come, behind all others.
    while Instant::now() < until {
        match receiver.recv(&mut buffer).map(|_| u16::from_be_bytes([buffer[0], buffer[1]])) {
            Ok(u16::MAX) => return arrived,
            Ok(number) => arrived.push(number),
            Err(_) => send(u16::MAX),
        }
    }
    panic!("only {} arrived", arrived.len());
}

#[test]
fn some_datagrams_come_twice_some_late_and_some_never_as_the_switch_says() {
    inside(|| {
        let lan = lan("delay=1ms,loss=0.1,duplicate=0.1,reorder=0.1");
        let arrived = datagrams(&lan, 100, 100);
        let to_client = lan.counters().into_iter().find(|pair| (pair.from, pair.to) == (1, 0)).unwrap().counters;
        let distinct: std::collections::BTreeSet<u16> = arrived.iter().copied().collect();
        let (lost, twice) = (100 - distinct.len() as u64, (arrived.len() - distinct.len()) as u64);
        // The switch also counts what ended the test.
        assert!((1..=30).contains(&lost) && (1..=30).contains(&twice), "{lost} lost, {twice} twice: {arrived:?}");
        assert!(lost <= to_client.lost && twice <= to_client.duplicated, "{to_client:?}");
        assert!(!arrived.is_sorted() && to_client.reordered > 0, "{arrived:?}");
    });
}

#[test]
fn a_wire_without_chance_delivers_each_datagram_once_and_in_order() {
    inside(|| {
        let lan = lan("delay=1ms,rate=100mbit");
        // Not more than wait, in the sender's kernel, for the first answer of ARP.
        assert_eq!(datagrams(&lan, 50, 1000), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn a_rate_limits_the_throughput() {
    inside(|| {
        let begun = Instant::now();
        let (received, lengths, _, _) = flood("rate=4mbit", 100_000);
        assert_eq!(received, 100_000);
        // All bits of the frames, one after the other.
        let bits = lengths.iter().sum::<usize>() as f64 * 8.0;
        let (seconds, least) = (begun.elapsed().as_secs_f64(), bits / 4e6);
        assert!(least > 0.2 && seconds >= least, "{seconds} s for {bits} bits");
    });
}

#[test]
fn the_kernel_tells_of_connections_over_ipv6_too_at_both_ends() {
    inside(|| {
        let lan = lan("delay=1ms");
        let (client, server) = (lan.host(0).unwrap(), lan.host(1).unwrap());
        let mut client_ends = client.run(|| TcpMonitor::listen().unwrap());
        let mut server_ends = server.run(|| TcpMonitor::listen().unwrap());
        let listener = server.run(|| TcpListener::bind("[::]:5003").unwrap());
        let serve = thread::spawn(move || {
            for _ in 0..2 {
                let (mut peer, _) = listener.accept().unwrap();
                peer.write_all(&[b'x'; 5000]).unwrap();
            }
        });
        // The second one comes over IPv4 to a socket of both families.
        let targets: [IpAddr; 2] = [HostConfig::SERVER.ipv6.into(), HostConfig::SERVER.ipv4.into()];
        for target in targets {
            client.run(move || {
                let mut all = Vec::new();
                TcpStream::connect((target, 5003)).unwrap().read_to_end(&mut all).unwrap();
                assert_eq!(all.len(), 5000);
            });
        }
        serve.join().unwrap();
        let at_client = client_ends.wait(PATIENCE, |ends| ends.len() == 2).to_vec();
        let at_server = server_ends.wait(PATIENCE, |ends| ends.len() == 2).to_vec();
        for target in targets {
            let target = SocketAddr::new(target, 5003);
            let client = at_client.iter().find(|end| end.remote == target).unwrap();
            let server = at_server.iter().find(|end| end.local == target).unwrap();
            assert_eq!((client.local, server.counters.bytes_sent), (server.remote, Some(5000)));
            assert_eq!(client.counters.bytes_received, 5001);
            assert_eq!(client.counters.data_segments_in, server.counters.data_segments_out);
        }
    });
}

#[test]
fn a_tap_counts_what_it_missed() {
    inside(|| {
        let host = Host::alone("alone", HostsFile::localhost()).unwrap();
        let (mut tap, socket) = host.run(|| {
            // The kernel has a least size of its own.
            let tap = Tap::open("lo", 1).unwrap();
            (tap, UdpSocket::bind("127.0.0.1:0").unwrap())
        });
        let to_itself = |datagrams: u32| {
            for _ in 0..datagrams {
                socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
                socket.recv(&mut [0; 9]).unwrap();
            }
        };
        to_itself(100);
        let (mut buffer, mut seen, mut last) = ([0; 100], 0, None);
        let mut drain = |tap: &mut Tap| {
            while let Some(packet) = tap.receive(&mut buffer).unwrap() {
                (seen, last) = (seen + 1, Some(packet));
            }
            (seen, last.unwrap())
        };
        let (kept, _) = drain(&mut tap);
        assert!((1..200).contains(&kept), "{kept}");
        // The next packet tells; each is seen twice on the loopback interface.
        to_itself(1);
        let (all, last) = drain(&mut tap);
        assert_eq!((all, last.dropped), (kept + 2, 200 - kept));
        assert!(!last.is_outgoing && last.len == 43 && last.original_len == 43, "{last:?}");
    });
}
