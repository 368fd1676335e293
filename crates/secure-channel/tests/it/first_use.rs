//! Certificates that are made at first use.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    thread,
};

use lab_process::{Outcome, Program};
use lab_test::{finish, skip};

use crate::{
    CLIENT, FILES, MESSAGE, PROTECTED, SERVER,
    place::Place,
    shown::{check, check_refused, nobody},
};

#[cfg(unix)]
fn modes(place: &Place) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |file: &String| fs::metadata(place.certs().join(file)).unwrap().permissions().mode() & 0o7777;
    place.names().iter().map(|file| format!("{file} {:o}", mode(file))).collect()
}

#[cfg(unix)]
#[test]
fn certificates_are_made_at_first_use_and_keys_are_for_their_owner_alone() {
    let (_taken, nobody) = nobody();
    let expected = [
        "cacert.pem 644",
        "cakey.pem 600",
        "client_cert.pem 644",
        "client_key.pem 600",
        "server_cert.pem 644",
        "server_key.pem 600",
    ];
    for step in PROTECTED {
        let place = Place::empty();
        drop(place.serve(&["--step", step]));
        assert_eq!(modes(&place), expected);
        // And never again.
        let before = place.files();
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert!(place.files() == before);

        let place = Place::empty();
        check_refused(&place.run(CLIENT, &format!("--step {step} --server {nobody}")), 1, &["cannot connect"]);
        assert_eq!(modes(&place), expected);
    }
}

#[test]
fn step_plain_needs_no_certificates_and_makes_none() {
    let place = Place::empty();
    let (server, client) = place.session(&["--step", "plain"], &["--step", "plain"]);
    assert_eq!((server.code(), client.code()), (0, 0));
    assert!(!place.certs().exists());
    // Nor does it look at those that are there.
    fs::create_dir(place.certs()).unwrap();
    fs::write(place.certs().join("server_cert.pem"), "garbage").unwrap();
    let (server, client) = place.session(&["--step", "plain"], &["--step", "plain"]);
    assert_eq!((server.code(), client.code()), (0, 0));
}

#[test]
fn dir_names_another_folder() {
    let place = Place::empty();
    let (server, client) = place.session(&["--dir", "a/b"], &["--dir", "a/b"]);
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert!(!place.certs().exists());
    assert!(FILES.iter().all(|file| place.0.path().join("a/b").join(file).exists()));
}

/// Carries bytes between two streams, both ways, to the end of both.
fn carry(one: &TcpStream, other: &TcpStream) {
    thread::scope(|scope| {
        for (mut from, mut to) in [(one, other), (other, one)] {
            scope.spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
}

#[test]
fn a_server_and_clients_that_are_started_at_once_on_a_fresh_folder_agree() {
    for step in PROTECTED {
        let place = Place::empty();
        // The clients can call before the server has a port.
        let door = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = door.local_addr().unwrap().to_string();
        let patient = ["--quiet", "--step", step, "--timeout", "100", "--connect-timeout", "100", "--server", &at];
        let clients: Vec<_> = (0..3).map(|_| place.start(CLIENT, &patient)).collect();
        let server = place.serve(&["--step", step]);
        thread::scope(|scope| {
            for _ in &clients {
                let (client, _) = door.accept().unwrap();
                scope.spawn(move || carry(&client, &TcpStream::connect(server.address).unwrap()));
            }
        });
        clients.into_iter().for_each(|client| check(&finish(client), &[MESSAGE]));
        assert_eq!(place.names(), FILES);
    }
}

/// A place that lacks files.
fn lacking(files: &[&str]) -> Place {
    let place = Place::new();
    files.iter().for_each(|file| fs::remove_file(place.certs().join(file)).unwrap());
    place
}

#[test]
fn what_lacks_can_be_made_if_the_cas_key_is_there() {
    for files in [
        &["client_cert.pem"][..],
        &["client_cert.pem", "client_key.pem"],
        &["server_cert.pem"],
        &["server_cert.pem", "server_key.pem"],
        &["server_cert.pem", "server_key.pem", "client_cert.pem", "client_key.pem"],
        // Nobody needs it any more.
        &["cakey.pem"],
    ] {
        let place = lacking(files);
        let before = place.files();
        let (server, client) = place.session(&[], &[]);
        assert_eq!((server.code(), client.code()), (0, 0), "{files:?}: {}{}", server.stderr(), client.stderr());
        let after = place.files();
        assert!(before.iter().all(|(file, text)| after.get(file) == Some(text)), "{files:?}");
        assert_eq!(after.len(), if files == ["cakey.pem"] { 5 } else { 6 }, "{:?}", after.keys());
    }
}

#[test]
fn what_cannot_be_completed_is_named_and_nothing_is_made() {
    let (_taken, nobody) = nobody();
    for (files, named) in [
        (&["cacert.pem"][..], &["cakey.pem", "cacert.pem"][..]),
        (&["cacert.pem", "cakey.pem"], &["server_cert.pem", "cacert.pem"]),
        (&["server_key.pem"], &["server_cert.pem", "server_key.pem"]),
        (&["client_key.pem"], &["client_cert.pem", "client_key.pem"]),
        (&["cakey.pem", "client_cert.pem"], &["cacert.pem", "cakey.pem"]),
        (&["cakey.pem", "server_cert.pem", "server_key.pem"], &["cacert.pem", "cakey.pem"]),
    ] {
        for step in PROTECTED {
            let place = lacking(files);
            let before = place.files();
            let lacks = |party: &str| files.iter().any(|file| file.starts_with(party) || *file == "cacert.pem");
            let server = || place.run(SERVER, &format!("--port 0 --step {step}"));
            let client = || place.run(CLIENT, &format!("--step {step} --server {nobody}"));
            // A side that has all it needs goes on.
            let outcomes = [lacks("server").then(server), lacks("client").then(client)];
            for outcome in outcomes.into_iter().flatten() {
                // Nor was the port opened, or anybody called.
                check_refused(&outcome, 1, named);
                assert!(outcome.stderr().contains("is there without"), "{files:?}: {}", outcome.stderr());
                assert!(place.files() == before, "{files:?}: {:?}", place.names());
            }
        }
    }
}

#[test]
fn a_file_that_is_empty_or_garbage_is_named() {
    for (file, text) in [
        ("cacert.pem", ""),
        ("cacert.pem", "garbage"),
        ("server_cert.pem", ""),
        ("server_cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("server_key.pem", ""),
        ("server_key.pem", "garbage"),
    ] {
        for step in PROTECTED {
            let place = Place::new();
            fs::write(place.certs().join(file), text).unwrap();
            let before = place.files();
            check_refused(&place.run(SERVER, &format!("--port 0 --step {step}")), 1, &[&format!("certs/{file}: ")]);
            assert!(place.files() == before);
        }
    }
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let place = Place::empty();
    place.write("certs", "");
    check_refused(&place.run(SERVER, "--port 0"), 1, &["certs"]);
    check_refused(&place.run(SERVER, "--port 0 --dir certs/below"), 1, &["certs/below"]);
}

#[cfg(unix)]
#[test]
fn a_place_that_takes_no_files_gets_none_and_the_next_try_succeeds() {
    let (_taken, nobody) = nobody();
    for step in PROTECTED {
        // In blocks of 512 bytes: nothing, or what has the length of the CA's certificate but not of a key.
        for room in [0, 3] {
            let place = Place::empty();
            let script = format!("trap '' XFSZ; ulimit -f {room}; exec \"$0\" --port 0 --step {step}");
            let outcome = finish(place.start("sh", &["-c", &script, SERVER]));
            check_refused(&outcome, 1, &["cannot write ", "certs/"]);
            assert!(!place.certs().exists(), "{:?}", place.names());
            // A folder that was there stays.
            fs::create_dir(place.certs()).unwrap();
            check_refused(&finish(place.start("sh", &["-c", &script, SERVER])), 1, &["cannot write "]);
            assert_eq!(place.names(), [""; 0]);
        }
        let place = Place::empty();
        check_refused(&place.run(CLIENT, &format!("--step {step} --server {nobody}")), 1, &["cannot connect"]);
        assert_eq!(place.names(), FILES);
    }
}

/// Runs a script as root of a small world of its own; `None` where that is not allowed.
#[cfg(target_os = "linux")]
fn in_a_small_world(place: &Place, script: &str, arguments: &[&str]) -> Option<Outcome> {
    let unshared = |script: &str| place.start("unshare", &[&["-rm", "sh", "-c", script], arguments].concat());
    let mounts = Program::start("unshare", &["-rm", "sh", "-c", "mount -t tmpfs none /tmp"]).ok()?;
    (finish(mounts).code() == 0).then(|| finish(unshared(script)))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_read_only_device_is_left_as_it_was() {
    let (_taken, nobody) = nobody();
    let nobody = nobody.to_string();
    let place = Place::empty();
    fs::create_dir(place.certs()).unwrap();
    // Pages of 4 KiB: room for some of the files but not for all.
    for options in ["ro", "size=4k", "size=12k", "size=20k", "size=28k"] {
        let script = format!(
            "mount -t tmpfs -o mode=755,{options} none certs && \"$0\" \"$@\"; echo \"status $?\"; ls -A certs"
        );
        let Some(outcome) = in_a_small_world(&place, &script, &[CLIENT, "--server", &nobody]) else {
            return skip("no file system may be mounted here");
        };
        let stderr = outcome.stderr();
        assert_eq!(outcome.stdout(), "status 1\n", "{options}: {stderr}");
        assert!(stderr.starts_with("error: cannot ") && stderr.contains("certs"), "{options}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{options}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_made_at_first_use_is_ones_own_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let (_taken, nobody) = nobody();
    for umask in ["077", "022", "002", "000"] {
        let place = Place::empty();
        let script = format!("umask {umask}; exec \"$0\" --server {nobody}");
        check_refused(&finish(place.start("sh", &["-c", &script, CLIENT])), 1, &["cannot connect"]);
        assert_eq!(place.names(), FILES);
        let mode = fs::metadata(place.certs()).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "umask {umask}: {mode:o}");
    }
}

#[test]
fn a_side_needs_no_key_but_its_own() {
    let (server, client) = (lacking(&["cakey.pem"]), lacking(&["cakey.pem"]));
    for file in ["client_cert.pem", "client_key.pem"] {
        fs::remove_file(server.certs().join(file)).unwrap();
    }
    for file in ["server_cert.pem", "server_key.pem"] {
        fs::remove_file(client.certs().join(file)).unwrap();
    }
    for step in PROTECTED {
        let (server, client) = server.session_with(&client, &["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}
