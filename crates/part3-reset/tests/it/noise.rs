//! Datagrams that are no acknowledgement, or come from a stranger.

use std::time::Instant;

use lab_test::{PATIENCE, finish};

use crate::{
    PART3, PATIENT,
    played::Pmu,
    shown::{answer, check},
    start,
};

#[test]
fn a_stranger_is_not_heard() {
    for (pmu, stranger) in Pmu::pair().iter().zip(Pmu::pair()) {
        let program = start(&["--server", &pmu.address, PATIENT]);
        let client = pmu.request();
        stranger.send(client, "OFFSET=1");
        pmu.send(client, "OFFSET=2");
        check(&finish(program), 2, &pmu.address, 1);
    }
}

#[test]
fn the_unspecified_address_is_this_machine_and_who_answers_there_no_stranger() {
    for (pmu, unspecified) in Pmu::pair().iter().zip(["0.0.0.0", "::"]) {
        let port = pmu.address.rsplit(':').next().unwrap();
        let program = start(&[unspecified, port, "--timeout=1", "--max-rounds=10"]);
        pmu.send(pmu.request(), "OFFSET=7");
        let outcome = finish(program);
        assert_eq!((outcome.stderr().as_str(), outcome.code()), ("", 0));
        assert_eq!(answer(outcome.stdout().trim_end()).offset, 7);
    }
}

#[test]
fn what_is_no_acknowledgement_is_passed_over_with_a_warning() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    let client = pmu.request();
    let noise: [(&[u8], &str); 12] = [
        (b"Wrong command.", "Wrong command."),
        (b"OFFSET=21", "OFFSET=21"),
        (b"OFFSET=-1", "OFFSET=-1"),
        (b"OFFSET=+1", "OFFSET=+1"),
        (b"OFFSET=1.0", "OFFSET=1.0"),
        (b"OFFSET=", "OFFSET="),
        (b"OFFSET 1", "OFFSET 1"),
        (b"offset=1", "offset=1"),
        (b"RESET:20", "RESET:20"),
        (b"OFFSET=18446744073709551617", "OFFSET=18446744073709551617"),
        (b"\x1b[2J\xff", "\\x1b[2J\\xff"),
        (b"", ""),
    ];
    for (datagram, _) in noise {
        pmu.send(client, datagram);
    }
    pmu.send(client, "OFFSET=20");
    pmu.send(client, "OFFSET=1");
    let outcome = finish(program);
    let stdout = outcome.stdout();
    let answer = answer(stdout.strip_suffix('\n').unwrap());
    assert_eq!((answer.offset, answer.packets), (20, 1));
    let warning = |shown| format!("warning: no acknowledgement of RESET:20 from {}: '{shown}'\n", pmu.address);
    assert_eq!(outcome.stderr(), noise.map(|(_, shown)| warning(shown)).concat());
}

#[test]
fn a_datagram_of_any_length_is_judged_as_a_whole() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    let client = pmu.request();
    for len in [64, 512, 1024, 4096, 16_384] {
        // An acknowledgement only for who reads its first `len` bytes alone.
        pmu.send(client, format!("OFFSET={:0>1$}", "77", len - 5));
    }
    pmu.send(client, "OFFSET=3");
    assert_eq!(answer(finish(program).stdout().trim_end()).offset, 3);
}

#[test]
fn a_flood_of_noise_does_not_hold_up_the_next_round() {
    let [pmu, _] = Pmu::pair();
    // The warnings go to a slow reader, as a terminal may be, so that there is always more noise to look at.
    let script = r#""$0" --server "$1" --timeout=0.2 --max-rounds=500 2>&1 | while read -r line; do (:); done"#;
    let _program = lab_test::start("sh", &["-c", script, PART3, &pmu.address]);
    let client = pmu.request();
    pmu.socket.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    while pmu.receive().is_err() {
        assert!(begun.elapsed() < PATIENCE, "no second round of 0.2 s in all this noise");
        for _ in 0..100 {
            // Fails while the queues are full.
            let _ = pmu.socket.send_to(b"Wrong command.", client);
        }
    }
}
