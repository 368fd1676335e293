//! Certificates that are refused.

use std::fs;

use lab_process::Outcome;
use ttp::{CaOptions, CertificateOptions, KeyKind, Purpose};

use crate::{
    CLIENT, FILES, PROTECTED, SERVER,
    place::Place,
    shown::{check_error, check_refused, nobody, values},
};

/// What both sides say of a session in which one does not believe the other.
fn check_disbelief(step: &str, (server, client): (Outcome, Outcome), is_by_client: bool, why: &str) {
    let told = if step == "tls" { "refused the handshake with the alert " } else { "gave up: alert failure" };
    let (by, of) = if is_by_client { (&client, &server) } else { (&server, &client) };
    check_error(by, 1, &["127.0.0.1:", why]);
    check_error(of, 1, &["127.0.0.1:", told]);
    // Nobody got a message.
    assert!(!client.stdout().contains("OTP"), "{}", client.stdout());
    let verdicts = ["acknowledgement verified", "acknowledgement received", "message verified"];
    let has_verdict = |outcome: &Outcome| verdicts.iter().any(|verdict| outcome.stdout().contains(verdict));
    assert!(!has_verdict(&server) && !has_verdict(&client), "{}{}", server.stdout(), client.stdout());
    let is_verified = values(by, if is_by_client { "server certificate" } else { "client certificate" });
    assert_eq!(is_verified, [""; 0]);
}

/// Copies files from one place to another.
fn give(from: &Place, to: &Place, files: &[(&str, &str)]) {
    for (source, target) in files {
        fs::copy(from.certs().join(source), to.certs().join(target)).unwrap();
    }
}

#[test]
fn a_certificate_of_another_ca_is_refused_on_either_side() {
    let (here, elsewhere) = (Place::new(), Place::of_another_ca());
    for step in PROTECTED {
        let arguments = ["--step", step];
        // Everything is of another CA: the client is the first to see a certificate.
        let sessions = here.session_with(&elsewhere, &arguments, &arguments);
        check_disbelief(step, sessions, true, "CA");
        // The client believes the server, which does not believe the client.
        let stranger = Place::of_another_ca();
        give(&here, &stranger, &[("cacert.pem", "cacert.pem")]);
        fs::remove_file(stranger.certs().join("cakey.pem")).unwrap();
        check_disbelief(step, here.session_with(&stranger, &arguments, &arguments), false, "CA");
        // And the other way round.
        check_disbelief(step, stranger.session_with(&here, &arguments, &arguments), true, "CA");
    }
}

/// With the certificate of one side issued anew.
fn reissued(name: &str, options: CertificateOptions) -> Place {
    let place = Place::new();
    place.directory().issue(name, KeyKind::default(), None, &CertificateOptions { force: true, ..options }).unwrap();
    place
}

#[test]
fn a_certificate_that_expired_is_left_as_it_is_and_refused_on_either_side() {
    for (options, why) in [
        (
            CertificateOptions { starts_in: -30, days: 1, ..CertificateOptions::default() },
            "has a certificate that expired",
        ),
        (
            CertificateOptions { starts_in: 30, ..CertificateOptions::default() },
            "has a certificate that is not valid yet",
        ),
    ] {
        for (name, is_by_client) in [("server", true), ("client", false)] {
            let place = reissued(name, options.clone());
            let before = place.files();
            for step in PROTECTED {
                let sessions = place.session(&["--step", step], &["--step", step]);
                check_disbelief(step, sessions, is_by_client, why);
            }
            assert!(place.files() == before, "{:?}", place.names());
        }
    }
}

#[test]
fn a_certificate_for_another_purpose_is_refused_on_either_side() {
    let certificate = |name: &str| (format!("{name}_cert.pem"), format!("{name}_key.pem"));
    for (name, other, is_by_client) in [("server", "client", true), ("client", "server", false)] {
        // The other side's own, whoever lost its key.
        let (place, thief) = (Place::new(), Place::new());
        let ((cert, key), (other_cert, other_key)) = (certificate(name), certificate(other));
        give(&place, &thief, &[(&other_cert, &cert), (&other_key, &key)]);
        // With the right name.
        let purpose = if is_by_client { Purpose::Client } else { Purpose::Server };
        let misused = reissued(name, CertificateOptions { purpose: Some(purpose), ..CertificateOptions::default() });
        for wrong in [thief, misused] {
            for step in PROTECTED {
                let arguments = ["--step", step];
                let sessions = if is_by_client {
                    wrong.session_with(&place, &arguments, &arguments)
                } else {
                    place.session_with(&wrong, &arguments, &arguments)
                };
                check_disbelief(step, sessions, is_by_client, "has a certificate for another purpose");
            }
        }
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_on_either_side_with_both_names() {
    for (name, purpose, is_by_client) in [("server", Purpose::Server, true), ("client", Purpose::Client, false)] {
        for other in ["other.test", if is_by_client { "client" } else { "server" }, "127.0.0.1"] {
            let names = vec![other.parse().unwrap()];
            let place =
                reissued(name, CertificateOptions { names, purpose: Some(purpose), ..CertificateOptions::default() });
            let why = format!("was to be {name}, but its certificate is for {other}");
            for step in PROTECTED {
                check_disbelief(step, place.session(&["--step", step], &["--step", step]), is_by_client, &why);
            }
        }
    }
}

#[test]
fn a_certificate_for_both_purposes_or_several_names_is_accepted() {
    let names = ["other.test", "server"].map(|name| name.parse().unwrap()).to_vec();
    let place =
        reissued("server", CertificateOptions { names, purpose: Some(Purpose::Both), ..CertificateOptions::default() });
    for step in PROTECTED {
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}

#[test]
fn a_key_that_does_not_match_its_certificate_is_an_error_at_the_start() {
    let (_taken, nobody) = nobody();
    for step in PROTECTED {
        for (file, other) in [("server_key.pem", "client_key.pem"), ("client_key.pem", "cakey.pem")] {
            let place = Place::new();
            give(&place, &place, &[(other, file)]);
            let outcome = if file == "server_key.pem" {
                place.run(SERVER, &format!("--port 0 --step {step}"))
            } else {
                place.run(CLIENT, &format!("--step {step} --server {nobody}"))
            };
            let name = file.replace("_key", "_cert");
            check_refused(&outcome, 1, &[&format!("certs/{file}: does not match the certificate in certs/{name}")]);
        }
    }
}

/// With a key of the elliptic curve P-256 on one side.
fn elliptic(name: &str) -> Place {
    let place = Place::new();
    fs::remove_file(place.directory().key(name)).unwrap();
    place
        .directory()
        .issue(name, KeyKind::P256, None, &CertificateOptions { force: true, ..CertificateOptions::default() })
        .unwrap();
    place
}

#[test]
fn a_key_that_is_not_rsa_is_an_error_at_the_start_except_over_tls() {
    let (_taken, nobody) = nobody();
    for (name, program) in [("server", SERVER), ("client", CLIENT)] {
        let place = elliptic(name);
        let at = if program == SERVER { "--port 0".to_owned() } else { format!("--server {nobody}") };
        check_refused(&place.run(program, &at), 1, &[&format!("certs/{name}_key.pem: "), "RSA"]);
        let (server, client) = place.session(&["--step", "tls"], &["--step", "tls"]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    }
}

#[test]
fn a_ca_with_a_key_of_its_own_kind_is_as_good() {
    let place = Place::empty();
    place.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
    for step in PROTECTED {
        let (server, client) = place.session(&["--step", step], &["--step", step]);
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert_eq!(place.names(), FILES);
    }
}
