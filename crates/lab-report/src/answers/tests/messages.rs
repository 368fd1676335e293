//! Parts 2 and 5: messages, packets, and calls.

use super::*;

#[test]
fn q10_the_number_of_messages_is_counted() {
    says("Q10", &sample::measurements(), &["[d = 0] 10 messages, numbered 1 to 10.", "[d = 1] 10 messages"]);
    let later = given(|measurements| {
        let transfer = facts(&mut measurements.short_at_once);
        (transfer.client, transfer.messages) = (sample::shown(0, 17, 3), Some(SentMessages { first: 0, count: 17 }));
    });
    says("Q10", &later, &["[d = 0] 17 messages, numbered 0 to 16.", "[d = 1] 10 messages, numbered 1 to 10."]);
    // A prefix, a line of its own, several in a line: the messages are there.
    let chatty = given(|measurements| {
        let lines = &mut facts(&mut measurements.short_paced).client.lines;
        lines.iter_mut().for_each(|line| line.insert_str(0, "got: "));
        lines.push("bye".into());
    });
    says("Q10", &chatty, &["[d = 1] 10 messages, numbered 1 to 10."]);
    let joined = given(|measurements| {
        let lines = &mut facts(&mut measurements.short_at_once).client.lines;
        *lines = vec![lines.concat()];
    });
    says("Q10", &joined, &["[d = 0] 10 messages, numbered 1 to 10."]);
}

#[test]
fn q10_is_not_answered_from_what_was_not_shown() {
    let hole = given(|measurements| {
        facts(&mut measurements.short_at_once).client.lines.remove(4);
    });
    let missing = answer("Q10", &hole).missing;
    assert_eq!(missing.as_deref(), Some("With d = 0 the PDC showed 9 of the 10 messages that the PMU sent."));
    let half = given(|measurements| measurements.short_paced = Measurement::NotRun);
    says("Q10", &half, &["[d = 0] 10 messages"]);
    assert_eq!(answer("Q10", &half).missing.as_deref(), Some("Part 2 with “CMD_short:1” was not run."));
}

#[test]
fn q11_packets_are_counted_for_both_pauses() {
    let measurements = sample::measurements();
    says("Q11", &measurements, &["[d = 0] 2 packets with payload, for 10 messages.", "[d = 1] 10 packets"]);
    says(
        "Q11",
        &measurements,
        &["With d = 0 the payloads are of 18 + 163 bytes.", "With d = 1 each packet has the length"],
    );
    says("Q11", &measurements, &["Packets without payload are not counted"]);
    let again = given(|measurements| {
        let packets = &mut facts(&mut measurements.short_paced).to_client;
        (packets.with_payload, packets.repeated) = (12, 2);
    });
    says("Q11", &again, &["[d = 1] 10 packets with payload, for 10 messages."]);
}

#[test]
fn q12_says_what_held_the_messages_back_and_what_let_them_go() {
    let usual = sample::measurements();
    says("Q12", &usual, &["2 packets instead of 10", "18 + 163 bytes", "close(): they left with the FIN"]);
    says("Q12", &usual, &["Nagle's algorithm", "a round-trip time after the first packet", "10 packets: one for each"]);
    assert_eq!(
        answer("Q12", &usual).experiments,
        ["part2-short-0", "part2-short-1", "part2-short-0-open", "part2-short-0-nodelay"]
    );
    let half = given(|measurements| measurements.short_at_once = Measurement::NotRun);
    assert!(answer("Q12", &half).items.is_empty());
}

#[test]
fn q12_names_a_cause_only_with_the_fact_that_shows_it() {
    // Each changes one fact, and the sentence that stands on it is gone.
    let delivered = |packets: &[(u64, bool)]| {
        given(|measurements| {
            let transfer = facts(&mut measurements.short_at_once);
            *transfer = sample::delivered(transfer.clone(), packets);
        })
    };
    let late = delivered(&[(100, false), (200, true)]);
    says("Q12", &late, &["did not leave before its acknowledgement could have come"]);
    does_not_say("Q12", &late, "close()");
    let without_fin = delivered(&[(100, false), (101, false)]);
    says("Q12", &without_fin, &["without a FIN: what let them go was not measured"]);
    does_not_say("Q12", &without_fin, "close()");

    let no_wait = given(|measurements| {
        let transfer = facts(&mut measurements.short_open);
        *transfer = sample::delivered(transfer.clone(), &[(100, false), (101, false)]);
    });
    does_not_say("Q12", &no_wait, "held them back");
    let not_made = given(|measurements| measurements.short_open = Measurement::NotRun);
    does_not_say("Q12", &not_made, "held them back");
    let coalesced = given(|measurements| facts(&mut measurements.short_no_delay).to_client.lengths = vec![18, 163]);
    does_not_say("Q12", &coalesced, "TCP_NODELAY");
    let slow = given(|measurements| {
        facts(&mut measurements.short_paced).round_trip = Some(Duration::from_secs(3));
    });
    does_not_say("Q12", &slow, "had been acknowledged");
}

#[test]
fn q12_of_one_packet_or_of_equal_numbers_guesses_nothing() {
    let alone = |sends| {
        given(|measurements| {
            let transfer = facts(&mut measurements.short_at_once);
            (transfer.to_client.with_payload, transfer.to_client.lengths) = (1, vec![181]);
            transfer.data_packets.truncate(1);
            transfer.sends = sends;
        })
    };
    says("Q12", &alone(Some(10)), &["1 packet instead of 10", "was not measured"]);
    says("Q12", &alone(Some(1)), &["wrote all messages in one send()"]);
    let equal = |round_trip| {
        given(|measurements| {
            let transfer = facts(&mut measurements.short_at_once);
            (transfer.to_client.with_payload, transfer.to_client.lengths) = (10, vec![18; 10]);
            transfer.round_trip = Some(Duration::from_micros(round_trip));
        })
    };
    says("Q12", &equal(40), &["They are not different: 10 packets both times.", "hardly any round-trip time"]);
    does_not_say("Q12", &equal(100_000), "Nagle");
    let odd = given(|measurements| facts(&mut measurements.short_at_once).to_client.with_payload = 11);
    says("Q12", &odd, &["more packets without a pause", "was not measured"]);
}

#[test]
fn q13_the_end_is_known_by_a_fin_only() {
    says(
        "Q13",
        &sample::measurements(),
        &["By a call of recv() that returns no bytes", "the FIN, and 181 bytes before it"],
    );
    let no_fin = given(|measurements| facts(&mut measurements.short_at_once).to_client.has_fin = false);
    says("Q13", &no_fin, &["it cannot: the PMU sent no FIN"]);
    let reset = given(|measurements| facts(&mut measurements.short_at_once).to_client.has_rst = true);
    says("Q13", &reset, &["it cannot: the connection was reset"]);
    let other = given(|measurements| {
        measurements.short_at_once = Measurement::Failed(ExperimentFailure::System { reason: "no server".to_owned() })
    });
    assert_eq!(answer("Q13", &other).experiments, ["part2-short-1"]);
}

#[test]
fn q14_packets_of_the_flood_are_bytes_by_the_segment_size() {
    says(
        "Q14",
        &sample::measurements(),
        &["46 packets, for 65,536 bytes.", "1,448, rounded up, is 46", "full but the last"],
    );
    let smaller = given(|measurements| {
        let packets = &mut facts(&mut measurements.floods)[0].transfer.to_client;
        packets.with_payload = 66;
        packets.lengths = [vec![1000; 65], vec![536]].concat();
    });
    says("Q14", &smaller, &["66 packets", "1,000, rounded up, is 66", "why these were shorter was not measured"]);
    does_not_say("Q14", &smaller, "maximum segment size");
    says("Q14", &sample::measurements(), &["maximum segment size"]);
    let again = given(|measurements| {
        let packets = &mut facts(&mut measurements.floods)[0].transfer.to_client;
        (packets.with_payload, packets.repeated) = (48, 2);
    });
    says("Q14", &again, &["46 packets, for 65,536 bytes.", "full but the last"]);
    let none = given(|measurements| facts(&mut measurements.floods).clear());
    assert!(answer("Q14", &none).missing.is_some());
}

#[test]
fn q15_calls_are_bounded_by_the_buffer_and_not_given_as_a_fixed_number() {
    let measurements = sample::measurements();
    says(
        "Q15",
        &measurements,
        &["[at least] 2 calls for 65,536 bytes", "buffer of 512 bytes it takes at least 129 calls for 46 packets"],
    );
    let observed = answer("Q15", &measurements).measured;
    let calls = |name: &str| observed.iter().find(|value| value.name.contains(name)).unwrap();
    assert!(calls("calls of recv() with the program's own buffer").varies);
    assert_eq!(calls("fewest calls possible with a buffer of 4,096 bytes").value, "17");
    let own = answer("Q15", &measurements).items.into_iter().find(|item| item.label == "calls").unwrap();
    assert_eq!((own.text.as_str(), own.varies), ("9 times, with the program's own buffer.", true));
    let large_only = given(|measurements| facts(&mut measurements.floods).truncate(1));
    says("Q15", &large_only, &["Not in general. The text came in 46 packets"]);
    let stranger = given(|measurements| {
        facts(&mut measurements.floods).iter_mut().for_each(|flood| flood.transfer.client.recv_calls = None);
    });
    let answer = answer("Q15", &stranger);
    let missing = "The program does not count its recv() calls; `lab-report --watch-recv` does, with strace.";
    assert_eq!(answer.missing.as_deref(), Some(missing));
    assert!(!answer.items.is_empty());
}
