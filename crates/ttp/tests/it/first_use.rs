//! What is made at first use, one certificate at a time.

use crate::place::seconds_valid;
use std::{fs, path::Path, thread};

use labnet::tls::Credentials;
use rcgen::date_time_ymd;
use ttp::{CaDirectory, CaOptions, KeyKind};

use crate::place::{DAY, Place};

/// Which of the CA's files `ensure` makes, renews or replaces.
fn ensured(place: &Place, names: &[&str]) -> Vec<String> {
    let before = place.files();
    place.directory().ensure(names).unwrap();
    names.iter().for_each(|name| place.vouches_for(name).unwrap());
    let is_new = |file: &(String, Vec<u8>)| before.get(&file.0) != Some(&file.1) && !file.0.starts_with('.');
    place.files().into_iter().filter(is_new).map(|file| file.0).collect()
}

#[test]
fn ensure_makes_what_is_missing_and_keeps_what_is_there() {
    let place = Place::new();
    let made = ["cacert.pem", "cakey.pem", "localhost.csr", "localhost_cert.pem", "localhost_key.pem"];
    assert_eq!(ensured(&place, &["localhost"]), made);
    assert_eq!(ensured(&place, &["localhost"]), [""; 0]);
    let more = ["pmu.csr", "pmu_cert.pem", "pmu_key.pem"];
    assert_eq!(ensured(&place, &["localhost", "pmu"]), more);
    fs::remove_file(place.path("certs/pmu_cert.pem")).unwrap();
    assert!(ensured(&place, &["localhost", "pmu"]).contains(&"pmu_cert.pem".to_owned()));
    fs::remove_file(place.path("certs/pmu_key.pem")).unwrap();
    assert_eq!(ensured(&place, &["localhost", "pmu"]), more);
}

#[test]
fn ensure_renews_what_has_less_than_a_week_with_the_same_key() {
    for (days, is_renewed) in [(1, true), (6, true), (8, false), (365, false)] {
        let place = Place::with_ca();
        place.done(&format!("issue localhost --key p-256 --days {days}"));
        let renewed = if is_renewed { &["localhost.csr", "localhost_cert.pem"][..] } else { &[] };
        assert_eq!(ensured(&place, &["localhost"]), renewed, "{days} days");
        let valid = place.certificate("certs/localhost_cert.pem", seconds_valid);
        assert!(valid > 7 * DAY, "{days} days");
    }
}

#[test]
fn ensure_replaces_what_expired_or_cannot_be_read() {
    let place = Place::with_ca();
    place.done("issue localhost --key p-256");
    place.issue("certs/localhost_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    assert_eq!(ensured(&place, &["localhost"]), ["localhost.csr", "localhost_cert.pem"]);
    for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        place.write("certs/localhost_cert.pem", text);
        assert!(ensured(&place, &["localhost"]).contains(&"localhost_cert.pem".to_owned()), "{text}");
    }
}

#[test]
fn ensure_renews_a_ca_with_all_that_it_has_issued() {
    for (days, is_renewed) in [(6, true), (8, false)] {
        let place = Place::new();
        let authority = CaOptions { key: KeyKind::P256, days, ..CaOptions::default() };
        place.directory().init(&authority, false).unwrap();
        place.done("issue localhost --key p-256");
        let made = ensured(&place, &["localhost"]);
        assert_eq!(made.contains(&"cacert.pem".to_owned()), is_renewed, "{days} days: {made:?}");
        // Its certificate cannot be valid for longer than it is.
        assert_eq!(made.contains(&"localhost_cert.pem".to_owned()), is_renewed, "{days} days: {made:?}");
    }
}

#[test]
fn ensure_renews_the_certificates_of_an_earlier_ca() {
    let place = Place::with_ca();
    place.done("issue localhost --key p-256");
    place.done("issue server --key p-256");
    place.done("init --key p-256 --force");
    assert!(ensured(&place, &["localhost"]).contains(&"localhost_cert.pem".to_owned()));
    // Those that were not asked for at the time included.
    assert!(ensured(&place, &["server"]).contains(&"server_cert.pem".to_owned()));
}

#[test]
fn several_may_ensure_at_once() {
    let place = Place::new();
    thread::scope(|scope| {
        for names in [["localhost", "server"], ["server", "client"], ["client", "localhost"]] {
            let directory = place.directory();
            scope.spawn(move || {
                directory.ensure(&names).unwrap();
                names.iter().for_each(|name| {
                    drop(Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap())
                });
            });
        }
    });
    assert_eq!(ensured(&place, &["localhost", "server"]), [""; 0]);
    let left: Vec<_> = place.files().into_keys().filter(|file| file != ".lock").collect();
    assert_eq!(left.len(), 2 + 3 * 3, "{left:?}");
}

#[test]
fn ensure_has_its_reasons_in_its_errors() {
    let place = Place::new();
    place.write("file", "");
    let error = CaDirectory::new(place.path("file")).ensure(&["localhost"]).unwrap_err();
    assert!(error.to_string().contains(place.path("file").to_str().unwrap()), "{error}");
    let error = place.directory().ensure(&["../localhost"]).unwrap_err();
    assert!(error.to_string().contains("../localhost"), "{error}");
    assert!(!Path::new(&place.path("localhost_key.pem")).exists());
}
