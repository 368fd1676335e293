//! Which family answers, and which addresses are asked (Q16).

use std::time::SystemTime;

use lab_test::{PATIENCE, finish};
use labnet::net::Family;
use mock_servers::reset::{self, OtherFamily, Schedule};
use serde_json::json;

use crate::{
    PATIENT,
    played::{Pmu, mock, mock_of_both_families},
    run,
    shown::{answer, check, counted, stats},
    start,
};

#[test]
fn q16_the_answer_names_family_and_time() {
    for pmu in Pmu::pair() {
        let program = start(&["--server", &pmu.address, PATIENT]);
        pmu.send(pmu.request(), "OFFSET=7");
        let outcome = finish(program);
        check(&outcome, 7, &pmu.address, 1);
        assert_eq!(pmu.packets(), 1);

        // The time of day is the present one, in UTC as the environment says.
        const DAY: u64 = 24 * 3600;
        let stdout = outcome.stdout();
        let (_, clock) = answer(stdout.trim_end()).time.split_once('T').unwrap();
        let [hours, minutes, seconds] = [0, 3, 6].map(|at| clock[at..at + 2].parse::<u64>().unwrap());
        let present = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let age = (present + DAY - (hours * 3600 + minutes * 60 + seconds)) % DAY;
        assert!(age <= PATIENCE.as_secs(), "{clock} is {age} s ago");
    }
}

#[test]
fn q16_either_family_answers_alone_while_the_other_is_closed_or_silent() {
    for family in [Family::Ipv4, Family::Ipv6] {
        for other_family in [OtherFamily::Refuse, OtherFamily::Silent] {
            let schedule = Schedule::Always(family);
            let pmu = mock(reset::Config { loss: 0.0, schedule, other_family, ..reset::Config::default() });
            let outcome = run(&["localhost", &pmu.address().port().to_string(), PATIENT, "--stats"]);
            let answer = outcome.stdout();
            let answer = self::answer(answer.trim_end());
            assert_eq!((Family::of(answer.from), answer.from, answer.packets), (family, pmu.address(), 1));
            assert_eq!((&stats(&outcome)["family"], counted(&outcome)), (&json!(family.to_string()), [1, 1, 1]));
        }
    }
}

#[test]
fn localhost_is_asked_over_both_families_at_once() {
    let pmu = mock_of_both_families();
    let outcome = run(&["--server", &format!("localhost:{}", pmu.address().port()), PATIENT, "--stats"]);
    assert!(pmu.addresses().contains(&answer(outcome.stdout().trim_end()).from));
    assert_eq!(counted(&outcome), [1, 1, 1]);
}

#[test]
fn a_server_with_one_address_is_asked_over_its_family_alone() {
    for (pmu, expected) in Pmu::pair().iter().zip([[1, 0, 1], [0, 1, 1]]) {
        let (host, port) = pmu.address.rsplit_once(':').unwrap();
        let program = start(&[host, port, PATIENT, "--stats"]);
        pmu.send(pmu.request(), "OFFSET=7");
        assert_eq!(counted(&finish(program)), expected);
    }
}

#[test]
fn the_real_servers_colon_is_shown_as_the_handouts_equals_sign() {
    let [pmu, _] = Pmu::pair();
    let program = start(&["--server", &pmu.address, PATIENT]);
    pmu.send(pmu.request(), "OFFSET:13");
    check(&finish(program), 13, &pmu.address, 1);
}
