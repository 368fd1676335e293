//! Hints, program by program: each names only what there is.

use std::{net::TcpListener, path::Path, process::Command};

use lab_process::Outcome;
use lab_test::{finish, lacks_sibling, nobody, sibling, spawn};
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::{RUN_LAB, help, workspace};

/// A name that no resolver knows (RFC 6761, section 6.4).
const UNKNOWN: &str = "server.invalid";

/// Runs a program where a CA, and a certificate for localhost, lie in the folder.
fn run(program: &str, arguments: &str, folder: &Path) -> Outcome {
    let mut command = Command::new(sibling(RUN_LAB, program));
    command.args(arguments.split_whitespace()).current_dir(folder).env_remove("LAB_SERVER");
    finish(spawn(command))
}

/// The hint of a program that failed.
fn hint(program: &str, arguments: &str, folder: &Path) -> String {
    let outcome = run(program, arguments, folder);
    let stderr = outcome.stderr();
    assert_eq!(outcome.code(), 1, "{program} {arguments}: {stderr}");
    let hints: Vec<_> = stderr.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
    let [hint] = hints[..] else { panic!("{program} {arguments}: {stderr}") };
    hint.to_owned()
}

/// Programs in backticks exist, with the words that follow them; options beside them are the program's own.
fn check_fits(program: &str, arguments: &str, hint: &str) {
    let help_of = |program: &str| {
        let commands = help::commands(program);
        commands
            .iter()
            .map(|name| Some(name.as_str()))
            .chain([None])
            .map(|name| help::help(program, name, 1000))
            .collect()
    };
    let own: String = help_of(program);
    for (i, part) in hint.split('`').enumerate() {
        if i % 2 == 1 {
            let mut words = part.split(' ');
            let named = words.next().unwrap();
            // A command of the program that was named just before.
            let is_known = workspace::programs().iter().any(|name| name == named) || own.contains(named);
            assert!(is_known, "{program} {arguments}: there is no {named}: {hint}");
            for word in words {
                let help: String = help_of(named);
                assert!(help.contains(word), "{program} {arguments}: {named} has no {word}: {hint}");
            }
            continue;
        }
        for word in part.split([' ', ',', ';', ':', '.', '(', ')']).filter(|word| word.starts_with("--")) {
            assert!(own.contains(word), "{program} {arguments}: there is no {word}: {hint}");
        }
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
    directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
    folder
}

#[test]
fn a_server_that_cannot_be_reached_comes_with_a_hint_that_fits_the_program() {
    let folder = folder();
    let (_taken, refused) = nobody();
    let (refused, port) = (refused.to_string(), refused.port().to_string());
    let servers = ["mock-servers", "tls-server", "channel-server", "part6-pmu"];
    for (program, arguments, server) in [
        ("part1-primer", "echo-client --server SERVER", "part1-primer"),
        ("part2-pdc", "--server SERVER CMD_short:0", "mock-servers"),
        ("part5-ws", "--server SERVER CMD_short:0", "mock-servers"),
        ("part6-pdc", "CMD_short:0 cacert.pem --server SERVER", "part6-pmu"),
        ("tls-client", "HOST PORT --no-verify", "tls-server"),
        ("channel-client", "--server SERVER --step plain --dir .", "channel-server"),
        ("part3-reset", "--server SERVER --max-rounds 1 --timeout 0.1", "mock-servers"),
    ] {
        if lacks_sibling(RUN_LAB, program) || servers.iter().any(|server| lacks_sibling(RUN_LAB, server)) {
            return;
        }
        for (server_address, host) in [(refused.as_str(), "127.0.0.1"), (UNKNOWN, UNKNOWN)] {
            let arguments = arguments.replace("SERVER", server_address).replace("HOST", host).replace("PORT", &port);
            let hint = hint(program, &arguments, folder.path());
            check_fits(program, &arguments, &hint);
            let is_part6_elsewhere = program == "part6-pdc" && host == UNKNOWN;
            assert!(hint.contains(server) || is_part6_elsewhere, "{program} {arguments}: {hint}");
        }
    }
}

#[test]
fn a_port_that_is_taken_comes_with_its_holder_and_an_option_of_the_program() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (program, arguments) in [
        ("mock-servers", "pmu --pmu-port PORT"),
        ("mock-servers", "ws --bind 127.0.0.1 --ws-port PORT"),
        ("part1-primer", "echo-server --port PORT"),
        ("part6-pmu", "PORT localhost_cert.pem localhost_key.pem"),
        ("tls-server", "localhost_cert.pem localhost_key.pem --port PORT"),
        ("tls-proxy", "--ca cacert.pem cakey.pem --listen 127.0.0.1:PORT"),
        ("channel-server", "--step plain --dir . --port PORT"),
    ] {
        if lacks_sibling(RUN_LAB, program) {
            return;
        }
        let arguments = arguments.replace("PORT", &port);
        let hint = hint(program, &arguments, folder.path());
        check_fits(program, &arguments, &hint);
        if cfg!(target_os = "linux") {
            let holder = format!("(process {}) listens there", std::process::id());
            assert!(hint.contains(&holder), "{program} {arguments}: {hint}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_link_local_address_without_its_zone_comes_with_a_hint_that_names_one() {
    lab_test::in_own_network(lab_test::LINK_LOCAL_LOOPBACK, || {
        let folder = folder();
        for (program, arguments, error) in [
            ("mock-servers", "ws --bind fe80::5 --seed 1", "cannot listen on TCP port [fe80::5]:5006: "),
            ("mock-servers", "reset --bind fe80::5 --seed 1", "cannot listen on UDP port [fe80::5]:5004: "),
            (
                "part6-pmu",
                "localhost_cert.pem localhost_key.pem --bind fe80::5",
                "cannot listen on TCP port [fe80::5]:5003",
            ),
            ("part3-reset", "--server fe80::5 --max-rounds 1", "cannot connect to [fe80::5]:5004: "),
            ("part5-ws", "--server fe80::5 CMD_short:0", "cannot connect to [fe80::5]:5006: "),
            ("part6-pdc", "CMD_short:0 cacert.pem --server fe80::5", "cannot connect to [fe80::5]:5003: "),
        ] {
            if lacks_sibling(RUN_LAB, program) {
                return;
            }
            let stderr = run(program, arguments, folder.path()).stderr();
            assert!(stderr.starts_with(&format!("error: {error}")), "{program} {arguments}: {stderr}");
            let hint = "hint: a link-local address needs its zone, the interface that it is on: fe80::5%lo; this machine has lo";
            assert_eq!(stderr.lines().last(), Some(hint), "{program} {arguments}");
        }
        // One that has a zone is shown with its name.
        for (program, arguments, error) in [
            ("mock-servers", "ws --bind fe80::6%1 --seed 1", "cannot listen on TCP port [fe80::6%lo]:5006: "),
            (
                "part5-ws",
                "--server [fe80::5%1]:5006 CMD_short:0",
                "cannot connect to [fe80::5%1]:5006: [fe80::5%lo]:5006: ",
            ),
        ] {
            let stderr = run(program, arguments, folder.path()).stderr();
            assert!(stderr.starts_with(&format!("error: {error}")), "{program} {arguments}: {stderr}");
        }
    });
}
