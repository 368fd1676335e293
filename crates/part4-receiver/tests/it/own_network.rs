//! The receiver where the network is the test's own: without routes, with its default group and port, and with a
//! second interface. Needs `unshare` and `ip`, and says so when it has to skip.

use std::net::{Ipv4Addr, UdpSocket};

use lab_process::Program;
use lab_test::{PATIENCE, in_own_network};
use socket2::SockRef;

use crate::{RECEIVER, joined};

/// What makes a network whole.
const LOOPBACK: &str = "ip link set lo up";

fn send(from: Ipv4Addr, datagram: &[u8]) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    SockRef::from(&socket).set_multicast_if_v4(&from).unwrap();
    socket.send_to(datagram, "224.1.1.1:5005").unwrap();
}

#[test]
fn without_a_route_to_the_group_a_hint_names_the_loopback_interface() {
    in_own_network(LOOPBACK, || {
        let outcome = Program::start::<&str>(RECEIVER, &[]).unwrap().finish(PATIENCE).unwrap();
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""));
        let stderr = outcome.stderr();
        let [error, hint] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{stderr}") };
        assert!(error.starts_with("error: cannot join the group 224.1.1.1:5005 on the default interface: "), "{error}");
        assert!(hint.starts_with("hint: ") && hint.contains("--interface 127.0.0.1"), "{hint}");

        // And that hint helps.
        let receiver = joined(lab_test::start(RECEIVER, &["--interface", "127.0.0.1", "--count", "1"]));
        send(Ipv4Addr::LOCALHOST, b"swcmTVon this machine");
        assert_eq!(receiver.finish(PATIENCE).unwrap().stdout(), "swcmTV: on this machine\n");
    });
}

#[test]
fn where_nothing_comes_by_a_route_a_hint_names_the_loopback_interface() {
    in_own_network(
        "ip link add here type veth peer name there
         ip address add 192.0.2.1/24 dev here
         ip link set here up
         ip link set there up
         ip route add 224.0.0.0/4 dev here",
        || {
            let outcome = lab_test::finish(lab_test::start(RECEIVER, &["--timeout", "0.2"]));
            let hint = "hint: nothing has come to 224.1.1.1 on the default interface for 0.1 s; to stay on this machine, \
                        pass --interface 127.0.0.1 ";
            assert!(outcome.stderr().contains(hint), "{}", outcome.stderr());
        },
    );
}

#[test]
fn the_default_is_the_handouts_programme_on_the_interface_that_the_route_names() {
    in_own_network(
        "ip link set lo up
         ip route add 224.0.0.0/4 dev lo src 127.0.0.1",
        || {
            let receiver = joined(lab_test::start(RECEIVER, &["--count", "1"]));
            send(Ipv4Addr::LOCALHOST, b"swcmTVBut, soft!");
            assert_eq!(receiver.finish(PATIENCE).unwrap().stdout(), "swcmTV: But, soft!\n");
        },
    );
}

#[test]
fn what_is_sent_on_another_interface_is_not_shown() {
    in_own_network(
        "ip link set lo up
         ip link add here type veth peer name there
         ip address add 192.0.2.1/24 dev here
         ip link set here up
         ip link set there up",
        || {
            let here = joined(lab_test::start(RECEIVER, &["--interface", "here", "--count", "1"]));
            let loopback = joined(lab_test::start(RECEIVER, &["--interface", "lo", "--count", "1"]));
            send(Ipv4Addr::LOCALHOST, b"swcmTVon lo");
            assert_eq!(loopback.finish(PATIENCE).unwrap().stdout(), "swcmTV: on lo\n");
            send(Ipv4Addr::new(192, 0, 2, 1), b"swcmTVhere");
            assert_eq!(here.finish(PATIENCE).unwrap().stdout(), "swcmTV: here\n");
        },
    );
}
