//! A server whose address is of one link.

use lab_test::{LINK_LOCAL_LOOPBACK, check_error, finish, in_own_network, start};
use labnet::pmu::Device;
use mock_servers::{ServerSettings, ws};

use crate::CLIENT;

#[test]
fn a_zone_is_taken_wherever_a_server_is_named() {
    in_own_network(LINK_LOCAL_LOOPBACK, || {
        let site = ServerSettings { bind: vec!["fe80::5%lo".parse().unwrap()], ..ServerSettings::default() };
        let device = Device { messages: 1, ..Device::default() };
        let pmu = ws::spawn(&ws::Config { port: 0, device, ..ws::Config::default() }, &site).unwrap();
        let port = pmu.address().port().to_string();
        assert_eq!(pmu.address().to_string(), format!("[fe80::5%1]:{port}"), "an address keeps its zone");
        for arguments in [
            &["CMD_short:0", "--server", &format!("[fe80::5%lo]:{port}")][..],
            &["CMD_short:0", "--server", &pmu.address().to_string()],
            &["fe80::5%lo", &port, "CMD_short:0"],
            &["CMD_short:0", "--url", &format!("ws://[fe80::5%25lo]:{port}/")],
            &["CMD_short:0", "--url", &format!("ws://[fe80::5%lo]:{port}/")],
            &["CMD_short:0", "--url", &format!("ws://[fe80::5%251]:{port}/")],
        ] {
            let outcome = finish(start(CLIENT, arguments));
            let seen = (outcome.code(), outcome.stdout(), outcome.stderr());
            assert_eq!(seen, (0, "This is PMU data 1\n".to_owned(), String::new()), "{arguments:?}");
        }
        for arguments in [["--server", "fe80::5%eth9"], ["--url", "ws://[fe80::5%25eth9]:1/"]] {
            let outcome = finish(start(CLIENT, &[&arguments[..], &["CMD_short:0"]].concat()));
            check_error(&outcome, 2, &["'eth9' is no interface of this machine; it has lo (1)"]);
        }
    });
}
