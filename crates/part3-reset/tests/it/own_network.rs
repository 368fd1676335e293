//! Part 3 in networks that lack something: each test runs in a network of its own, where the system lets it have one.

use std::process::Command;

use lab_process::Outcome;
use lab_test::{LINK_LOCAL_LOOPBACK, finish, in_own_network, spawn};
use labnet::net::ScopedIp;
use mock_servers::{
    Running, ServerSettings,
    reset::{self, Schedule},
};

use crate::PART3;

/// What makes a network whole.
const LOOPBACK: &str = "ip link set lo up";

fn part3(arguments: &[&str], lab_server: Option<&str>) -> Outcome {
    let mut command = Command::new(PART3);
    command.args(arguments).env_remove("LAB_SERVER");
    command.envs(lab_server.map(|host| ("LAB_SERVER", host)));
    finish(spawn(command))
}

/// The mock server on the handout's port, at these addresses.
fn mock(addresses: &[&str]) -> Running {
    let bind: Vec<ScopedIp> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    let config = reset::Config { loss: 0.0, schedule: Schedule::Both, ..reset::Config::default() };
    reset::spawn(&config, &ServerSettings { bind, ..ServerSettings::default() }).unwrap()
}

/// Three runs that were answered from `address`, and nothing on stderr but these lines.
#[track_caller]
fn check(outcome: &Outcome, address: &str, stderr: &str) {
    let stdout = outcome.stdout();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!((outcome.code(), lines.len(), outcome.stderr().as_str()), (0, 4, stderr), "{stdout}");
    assert!(lines[..3].iter().all(|line| line.contains(&format!(" from {address} over "))), "{stdout}");
}

/// A failure of one error, which says all of `words`, and one hint.
#[track_caller]
fn check_failure(outcome: &Outcome, words: &[&str]) {
    let stderr = outcome.stderr();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!((outcome.code(), outcome.stdout().as_str(), lines.len()), (1, "", 2), "{stderr}");
    assert!(lines[0].starts_with("error: ") && words.iter().all(|word| lines[0].contains(word)), "{stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains("mock-servers"), "{stderr}");
}

#[test]
fn without_ipv6_it_works_over_ipv4_and_says_so_once() {
    let setup = format!("{LOOPBACK}; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    in_own_network(&setup, || {
        // The mock server, too, does without.
        let _mock = mock(&["127.0.0.1", "::1"]);
        let warning = "warning: no IPv6: cannot use [::1]:5004: Cannot assign requested address\n";
        check(&part3(&["localhost", "5004", "--runs=3"], None), "127.0.0.1:5004", warning);
    });
}

#[test]
fn without_ipv4_it_works_over_ipv6_and_says_so_once() {
    let setup = format!("{LOOPBACK}; ip address delete 127.0.0.1/8 dev lo");
    in_own_network(&setup, || {
        let _mock = mock(&["::1"]);
        let warning = "warning: no IPv4: cannot use 127.0.0.1:5004: Network is unreachable\n";
        check(&part3(&["localhost", "5004", "--runs=3"], None), "[::1]:5004", warning);
    });
}

#[test]
fn a_server_without_a_way_to_it_is_an_error() {
    in_own_network(LOOPBACK, || {
        check_failure(&part3(&["--server", "10.1.2.3"], None), &["10.1.2.3:5004", "Network is unreachable"]);
        check_failure(&part3(&["--server", "2001:db8::1"], None), &["[2001:db8::1]:5004", "unreachable"]);
    });
}

#[test]
fn without_any_family_it_is_an_error_that_names_both() {
    in_own_network(":", || {
        check_failure(&part3(&["localhost", "5004"], None), &["127.0.0.1:5004: ", "[::1]:5004: "]);
    });
}

#[test]
fn the_port_is_the_handouts_wherever_none_is_named() {
    in_own_network(LOOPBACK, || {
        let _mock = mock(&["127.0.0.1", "::1"]);
        for server in ["::1", "[::1]"] {
            check(&part3(&["--server", server, "--runs=3"], None), "[::1]:5004", "");
        }
        check(&part3(&["--runs=3"], Some("127.0.0.1")), "127.0.0.1:5004", "");
        check(&part3(&["--server=::1", "--runs=3"], Some("127.0.0.1")), "[::1]:5004", "");
        // Nobody listens at the address that is named in full.
        let arguments = ["--server=127.0.0.1:5005", "--timeout=0.1", "--max-rounds=1"];
        check_failure(&part3(&arguments, Some("127.0.0.1")), &["acknowledged nothing"]);
    });
}

#[test]
fn a_name_is_asked_at_the_first_address_of_each_family_that_it_has() {
    let hosts = r"127.0.0.1 four.test\n127.0.0.2 many.test\n127.0.0.3 many.test\n::1 many.test\n";
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/part3-hosts");
    let setup = format!("{LOOPBACK}; printf '{hosts}' > '{file}'; mount --bind '{file}' /etc/hosts");
    in_own_network(&setup, || {
        let _mock = mock(&["127.0.0.1", "::1"]);
        let stats = |server: &str| {
            let outcome = part3(&["--server", server, "--stats"], None);
            let stats = outcome.stats().remove(0);
            assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
            ["packets_ipv4", "packets_ipv6"].map(|key| stats[key].as_u64().unwrap())
        };
        assert_eq!(stats("four.test"), [1, 0]);
        assert_eq!(stats("many.test"), [1, 1]);
    });
}

#[test]
fn a_link_local_address_is_asked_in_its_zone() {
    in_own_network(LINK_LOCAL_LOOPBACK, || {
        let _mock = mock(&["fe80::5%lo"]);
        for server in ["fe80::5%lo", "[fe80::5%lo]:5004", "fe80::5%1"] {
            check(&part3(&["--server", server, "--runs=3"], None), "[fe80::5%1]:5004", "");
        }
        check(&part3(&["fe80::5%lo", "5004", "--runs=3"], None), "[fe80::5%1]:5004", "");
        check(&part3(&["--runs=3"], Some("fe80::5%lo")), "[fe80::5%1]:5004", "");
        for unknown in [part3(&["--server", "fe80::5%eth9"], None), part3(&[], Some("fe80::5%eth9"))] {
            lab_test::check_error(&unknown, 2, &["'eth9' is no interface of this machine; it has lo (1)"]);
        }
    });
}
