//! `--stats` on either side, also after an error.

use lab_test::{PATIENCE, finish};

use crate::{
    CLIENT, MESSAGE, PROTECTED, STEPS,
    place::Place,
    shown::{nobody, values},
};

const KEYS: [&str; 10] = [
    "bytes",
    "elapsed_s",
    "handshake_bytes",
    "handshake_records",
    "handshake_round_trips",
    "handshake_s",
    "mb_per_s",
    "message_s",
    "step",
    "suite",
];

#[test]
fn stats_say_what_handshake_and_message_cost_on_either_side() {
    let place = Place::new();
    let text = "x".repeat(100_000);
    for step in STEPS {
        let (server, client) =
            place.session(&["--stats", "--step", step, "--message", &text], &["--stats", "--step", step]);
        for outcome in [&server, &client] {
            assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
            let all = outcome.stats();
            let [stats] = &all[..] else { panic!("{}", outcome.stderr()) };
            let mut keys: Vec<_> = stats.as_object().unwrap().keys().collect();
            keys.sort_unstable();
            assert_eq!(keys, KEYS);
            let number = |key: &str| stats[key].as_f64().unwrap_or_else(|| panic!("no {key} in {stats}"));
            assert_eq!((&stats["step"], number("bytes")), (&step.into(), 100_000.0));
            let rate = number("bytes") / 1e6 / number("message_s");
            assert!((number("mb_per_s") / rate - 1.0).abs() < 1e-6, "{stats}");
            assert!(0.0 < number("message_s") && number("message_s") <= number("elapsed_s"), "{stats}");
            if step == "plain" {
                let handshake = KEYS.iter().filter(|key| key.starts_with("handshake") || **key == "suite");
                assert!(handshake.clone().all(|key| stats[key].is_null()), "{stats}");
                continue;
            }
            assert!(number("handshake_s") + number("message_s") <= number("elapsed_s"), "{stats}");
            // Two certificates and two values of 2048 bits must have passed.
            assert!((2000.0..6000.0).contains(&number("handshake_bytes")), "{stats}");
            let round_trips = if step == "secure" && outcome.command_line.contains("client") { 2.0 } else { 1.0 };
            assert_eq!(number("handshake_round_trips"), round_trips, "{stats}");
        }
        let (server, client) = (&server.stats()[0], &client.stats()[0]);
        for key in ["handshake_records", "handshake_bytes", "suite"] {
            assert_eq!(server[key], client[key], "{step}: {key}");
        }
        match step {
            "secure" => {
                assert_eq!(
                    (&client["handshake_records"], &client["suite"]),
                    (&9.into(), &"RSA-AES128-CTR-HMAC-SHA256".into())
                );
            }
            "tls" => assert_eq!(client["suite"], "TLSv1.3 TLS_AES_256_GCM_SHA384"),
            _ => {}
        }
    }
}

#[test]
fn what_is_said_of_the_handshake_is_what_stats_say() {
    let place = Place::new();
    for step in PROTECTED {
        let (server, client) = place.session(&["--stats", "--step", step], &["--stats", "--step", step]);
        for outcome in [server, client] {
            let stats = &outcome.stats()[0];
            let bytes = stats["handshake_bytes"].to_string();
            let (thousands, rest) = bytes.split_at(bytes.len() - 3);
            let said = format!("{} records, {thousands},{rest} bytes, ", stats["handshake_records"]);
            let shown = values(&outcome, "handshake complete: ");
            assert!(shown[0].starts_with(&said), "{shown:?}, {stats}");
        }
    }
}

#[test]
fn stats_are_the_last_line_also_after_an_error_with_null_for_what_did_not_come_to_pass() {
    let place = Place::new();
    let (_taken, nobody) = nobody();
    for step in STEPS {
        let outcome = place.run(CLIENT, &format!("--step {step} --stats --server {nobody}"));
        let all = outcome.stats();
        let [stats] = &all[..] else { panic!("{}", outcome.stderr()) };
        assert_eq!((outcome.code(), &stats["step"], &stats["bytes"]), (1, &step.into(), &0.into()));
        let others = KEYS.iter().filter(|key| !["step", "bytes", "elapsed_s"].contains(key));
        assert!(others.clone().all(|key| stats[key].is_null()), "{stats}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_without_once_prints_an_object_for_each_client_at_its_end() {
    let place = Place::new();
    let mut server = place.serve(&["--stats"]);
    for _ in 0..3 {
        assert_eq!(place.run(CLIENT, &format!("127.0.0.1 {}", server.port())).code(), 0);
        let is_over = |line: &lab_process::Line| line.text.starts_with("acknowledgement verified");
        server.program.line_with("be acknowledged", PATIENCE, is_over).unwrap();
    }
    server.program.interrupt();
    let outcome = finish(server.program);
    let stats = outcome.stats();
    assert_eq!((outcome.code(), stats.len()), (0, 3), "{}", outcome.stderr());
    assert!(stats.iter().all(|stats| stats["handshake_records"] == 9 && stats["bytes"] == MESSAGE.len()));
}
