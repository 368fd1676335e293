//! Rounds: when a packet is sent, and which acknowledgement ends the waiting.

use std::time::{Duration, Instant};

use lab_test::finish;

use crate::{
    CLOSED, PATIENT,
    played::{Pmu, mock_of_both_families},
    run,
    shown::{answer, check, check_failure, counted},
    start,
};

#[test]
fn a_round_is_one_packet_to_each_family_and_the_first_answer_ends_it() {
    for answering in [0, 1] {
        let pmus = Pmu::pair();
        let [ipv4, ipv6] = pmus.each_ref().map(|pmu| format!("--server={}", pmu.address));
        let begun = Instant::now();
        let program = start(&[&ipv4, &ipv6, "--timeout=0.4", "--stats"]);
        for round in 0..3 {
            let clients = pmus.each_ref().map(Pmu::request);
            assert!(begun.elapsed() >= round * Duration::from_millis(400), "round {round} began early");
            if round == 2 {
                pmus[answering].send(clients[answering], "OFFSET=20");
            }
        }
        let outcome = finish(program);
        // Three packets each, or more where the machine was too slow to take the answer within the round.
        let [packets, others] = pmus.each_ref().map(Pmu::packets);
        assert!(packets == others && packets >= 3, "{packets} and {others}");
        assert_eq!(counted(&outcome), [packets; 3]);
        let stdout = outcome.stdout();
        let answer = answer(stdout.trim_end());
        assert_eq!((answer.offset, answer.packets), (20, packets));
        assert_eq!(answer.from.to_string(), pmus[answering].address);
    }
}

#[test]
fn a_closed_port_is_no_answer_yet_and_no_reason_to_send_early() {
    for (pmu, closed) in Pmu::pair().iter().zip([CLOSED[1], CLOSED[0]]) {
        let begun = Instant::now();
        let program = start(&["--server", &pmu.address, "--server", closed, "--timeout=0.4", "--stats"]);
        for round in 0..4 {
            let client = pmu.request();
            assert!(begun.elapsed() >= round * Duration::from_millis(400), "round {round} began early");
            if round == 3 {
                pmu.send(client, "OFFSET=0");
            }
        }
        let outcome = finish(program);
        let packets = pmu.packets();
        assert_eq!(answer(outcome.stdout().trim_end()).packets, packets);
        // What went to the closed port is a packet too, and no reason to complain.
        assert_eq!((counted(&outcome), outcome.stderr().lines().count()), ([packets; 3], 1), "{}", outcome.stderr());
    }
}

#[test]
fn two_closed_ports_are_asked_for_as_long_as_two_silent_ones() {
    let [ipv4, ipv6] = CLOSED;
    let outcome = run(&["--server", ipv4, "--server", ipv6, "--timeout=0.2", "--max-rounds=4", "--stats"]);
    check_failure(&outcome, "acknowledged nothing in 4 rounds of 0.200 s", "mock-servers");
    assert_eq!(counted(&outcome), [4; 3]);
    assert!(outcome.elapsed >= Duration::from_millis(800), "{:?}", outcome.elapsed);
}

#[test]
fn a_port_that_opens_later_is_found() {
    let [ipv4, ipv6] = Pmu::pair();
    let address = ipv6.address.clone();
    drop(ipv6);
    let program = start(&["--server", &ipv4.address, "--server", &address, "--timeout=0.1"]);
    // At the beginning of the third round the first and the second have been refused.
    for _ in 0..3 {
        ipv4.request();
    }
    let ipv6 = Pmu::at(&address);
    ipv6.send(ipv6.request(), "OFFSET=7");
    check(&finish(program), 7, &address, ipv4.packets());
}

#[test]
fn an_acknowledgement_of_an_earlier_run_does_not_count() {
    for pmu in Pmu::pair() {
        let program = start(&["--server", &pmu.address, "--runs=2", "--timeout=0.4"]);
        let first = pmu.request();
        pmu.send(first, "OFFSET=1");
        pmu.send(first, "OFFSET=9");
        // The second run is under way with the first request that is no repetition.
        while pmu.request() == first {}
        pmu.send(first, "OFFSET=9");
        let second = pmu.request();
        pmu.send(second, "OFFSET=2");
        let outcome = finish(program);
        let stdout = outcome.stdout();
        let [one, two, _] = stdout.lines().collect::<Vec<_>>()[..] else { panic!("{outcome:?}") };
        let (one, two) = (answer(one), answer(two));
        assert_eq!([one.offset, two.offset, one.packets + two.packets], [1, 2, pmu.packets()], "{stdout}");
        assert!(two.packets >= 2, "{stdout}");
    }
}

#[test]
fn the_other_familys_answer_does_not_count_for_the_next_run() {
    let pmu = mock_of_both_families();
    let server = format!("localhost:{}", pmu.address().port());
    let outcome = run(&["--server", &server, "--runs=50", PATIENT, "--stats"]);
    assert_eq!((counted(&outcome), outcome.stderr().lines().count()), ([50; 3], 1), "{}", outcome.stderr());
    assert!(outcome.stdout().lines().take(50).all(|line| answer(line).packets == 1));
}

#[test]
fn an_acknowledgement_that_comes_after_its_round_counts() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, "--timeout=0.3"]);
    let client = pmu.request();
    pmu.request();
    pmu.send(client, "OFFSET=5");
    let outcome = finish(program);
    check(&outcome, 5, &pmu.address, pmu.packets());
}
