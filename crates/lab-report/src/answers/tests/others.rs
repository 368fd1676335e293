//! Parts 3, 4 and 6.

use super::*;

#[test]
fn q16_time_and_family_of_the_acknowledgement() {
    let measurements = sample::measurements();
    says("Q16", &measurements, &["[A16.b, PMU on IPv4] Over IPv4: “OFFSET=7”.", "[A16.b, PMU on IPv6] Over IPv6"]);
    says("Q16", &measurements, &["[A16.a, PMU on IPv4] At 2025-11-07T09:15:02.125Z."]);
    let is_time = |item: &&Item| item.label.starts_with("A16.a");
    assert!(answer("Q16", &measurements).items.iter().filter(is_time).all(|item| item.varies));
    assert!(answer("Q16", &measurements).measured.iter().any(|value| value.varies && value.value.contains("09:15:02")));
    let wrong = given(|measurements| facts(&mut measurements.resets[1]).acknowledged_over = Some(Family::Ipv4));
    says("Q16", &wrong, &["not the family that this PMU was given, IPv6"]);
    let silent = given(|measurements| facts(&mut measurements.resets[0]).acknowledged_over = None);
    says("Q16", &silent, &["[PMU on IPv4] No acknowledgement was seen."]);
}

#[test]
fn q17_the_interval_judges_the_loss() {
    let measurements = sample::measurements();
    says(
        "Q17",
        &measurements,
        &["2.53 packets on average, over 60 runs.", "A loss of 0.605", "between 0.523 and 0.684"],
    );
    says("Q17", &measurements, &["The interval holds the 0.6", "so 2.5 were to be expected"]);
    let lossy = given(|measurements| {
        let series = facts(&mut measurements.series[1]);
        (series.mean, series.loss, series.interval) = (4.0, 0.75, (0.69, 0.8));
    });
    says("Q17", &lossy, &["PMU on IPv6] 4.00 packets", "The interval does not hold the 0.6"]);
    let other = given(|measurements| measurements.series.iter_mut().for_each(|series| facts(series).true_loss = 0.55));
    says("Q17", &other, &["holds the 0.55", "so 2.22 were to be expected"]);
    let none = given(|measurements| facts(&mut measurements.series[0]).packets.clear());
    says("Q17", &none, &["[A17.a, PMU on IPv6]"]);
    does_not_say("Q17", &none, "[A17.a, PMU on IPv4]");
    assert_eq!(
        answer("Q17", &none).missing.as_deref(),
        Some("With a PMU on IPv4 no resets were acknowledged, and 60 were asked for.")
    );
}

#[test]
fn q17_a_series_that_a_program_makes_by_itself_counts_when_it_is_whole() {
    let own = |has_ended, packets: usize| {
        given(move |measurements| {
            for series in &mut measurements.series {
                let series = facts(series);
                series.own = Some(OwnSeries { has_ended });
                series.packets.truncate(packets);
            }
        })
    };
    says(
        "Q17",
        &own(true, 60),
        &["packets on average, over 60 runs", "PMU on IPv4 the program made the runs by itself"],
    );
    let missing = |measurements| answer("Q17", &measurements).missing.unwrap_or_default();
    assert_eq!(missing(own(true, 60)), "");
    assert!(missing(own(true, 7)).contains("the program made 7 resets by itself, and 60 were asked for"));
    assert!(missing(own(false, 60)).contains("the program went on after 60 resets, so its resets are no series"));
}

#[test]
fn q18_shows_lines_of_the_programme() {
    let measurements = sample::measurements();
    says("Q18", &measurements, &["swcmTV: Two households", "showed each datagram of the group that the capture has"]);
    does_not_say("Q18", &measurements, "Thank you");
    let lost = given(|measurements| facts(&mut measurements.multicast).datagrams = 12);
    says("Q18", &lost, &["did not show each datagram"]);
    let deaf = given(|measurements| facts(&mut measurements.multicast).shown.clear());
    says("Q18", &deaf, &["showed no line of the programme"]);
}

#[test]
fn q19_the_membership_is_the_proof() {
    says(
        "Q19",
        &sample::measurements(),
        &["Yes: IP_ADD_MEMBERSHIP", "list of groups shows the join", "are in the capture"],
    );
    let lucky = given(|measurements| facts(&mut measurements.multicast).member_during = false);
    says("Q19", &lucky, &["this receiver did not join", "by luck"]);
    let before = given(|measurements| facts(&mut measurements.multicast).member_before = true);
    says("Q19", &before, &["this run does not show it"]);
    let silent = given(|measurements| facts(&mut measurements.multicast).igmp_reports = 0);
    says("Q19", &silent, &["No IGMP report"]);
}

#[test]
fn q20_the_senders_host_did_not_join() {
    says(
        "Q20",
        &sample::measurements(),
        &["No.", "was not a member of the group, and the receiver heard them", "time to live of 1"],
    );
    let joined = given(|measurements| facts(&mut measurements.multicast).sender_member = true);
    says("Q20", &joined, &["joined the group all the same"]);
    let far = given(|measurements| facts(&mut measurements.multicast).sender_ttl = 32);
    says("Q20", &far, &["time to live of 32", "did set an option, IP_MULTICAST_TTL"]);
    let unheard =
        given(|measurements| facts(&mut measurements.multicast).shown.retain(|line| !line.starts_with("654321")));
    says("Q20", &unheard, &["did not show a datagram of each sender"]);
}

#[test]
fn q21_the_programme_answers_each_sender() {
    let measurements = sample::measurements();
    says("Q21", &measurements, &["[123456] “Thank you, 123456", "[654321] “Thank you, 654321", "more than 300"]);
    let of_first = |sender: GroupSender| {
        given(move |measurements| {
            facts(&mut measurements.multicast).senders[0] = GroupSender { identity: "123456".into(), ..sender }
        })
    };
    // What was offered to a sender is not what it sent.
    let silent = of_first(GroupSender { lines: vec!["x".repeat(400)], ..GroupSender::default() });
    let missing = |measurements: &_| answer("Q21", measurements).missing.unwrap_or_default();
    assert_eq!(missing(&silent), "No datagram with the identity 123456 was captured.");
    let short = of_first(GroupSender { characters: 120, ..GroupSender::default() });
    let few = "120 characters with the identity 123456 were captured; the programme answers more than 300.";
    assert_eq!(missing(&short), few);
    let unanswered = given(|measurements| facts(&mut measurements.multicast).senders[1].answer = None);
    says("Q21", &unanswered, &["[654321] No answer was captured, although 312 characters were."]);
    let unshown = given(|measurements| {
        let multicast = facts(&mut measurements.multicast);
        multicast.senders[1].answer = None;
        multicast.received.push(GroupDatagram {
            packet: 9,
            at: Duration::ZERO,
            source: GroupSource::Programme,
            bytes: b"swcmTV654321, you have sent 312 characters".to_vec(),
        });
    });
    says("Q21", &unshown, &["[654321] The programme answered, but the receiver did not show that."]);
}

#[test]
fn q18_a_receiver_has_a_style_of_its_own() {
    let styled = given(|measurements| {
        let multicast = facts(&mut measurements.multicast);
        let datagram = |text: &str| GroupDatagram {
            packet: 1,
            at: Duration::ZERO,
            source: GroupSource::Programme,
            bytes: format!("swcmTV{text}").into_bytes(),
        };
        multicast.received = vec![datagram("Two households"), datagram("In fair Verona")];
        let lines = ["From: swcmTV", "Message: Two households", "From: swcmTV", "Message: In fair Verona"];
        multicast.shown = lines.map(str::to_owned).into();
    });
    says("Q18", &styled, &["] Message: Two households", "] Message: In fair Verona", "showed each datagram"]);
}
