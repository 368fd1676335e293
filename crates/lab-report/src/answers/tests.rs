//! The answers follow the measurements: each test changes what was measured, and sees the answer change.

use std::time::Duration;

use lab_packets::flow::FlowProtocol;
use lab_testbed::ExperimentFailure;
use labnet::net::Family;

use super::*;
use lab_testbed::facts::{GroupDatagram, GroupSender, GroupSource, KernelCounters, Layer, OwnSeries, SentMessages};

use crate::sample;

mod handshake;
mod messages;
mod others;
mod primer;
mod websocket;

/// The measurements of a run with our programs, changed.
fn given(change: impl FnOnce(&mut Measurements)) -> Measurements {
    let mut measurements = sample::measurements();
    change(&mut measurements);
    measurements
}

/// What was measured, to be changed.
fn facts<T>(measurement: &mut Measurement<T>) -> &mut T {
    match measurement {
        Measurement::Measured(facts) => facts,
        _ => panic!("the sample has everything"),
    }
}

fn answer(question: &str, measurements: &Measurements) -> Answer {
    answers(measurements).into_iter().find(|answer| answer.question == question).unwrap()
}

/// Items and explanation in one text.
fn text(answer: &Answer) -> String {
    let items = answer.items.iter().map(|item| format!("[{}] {}\n", item.label, item.text));
    items.collect::<String>() + &answer.why
}

#[track_caller]
fn says(question: &str, measurements: &Measurements, expected: &[&str]) {
    let text = text(&answer(question, measurements));
    for words in expected {
        assert!(text.contains(words), "{question} does not say '{words}':\n{text}");
    }
}

#[track_caller]
fn does_not_say(question: &str, measurements: &Measurements, words: &str) {
    let text = text(&answer(question, measurements));
    assert!(!text.contains(words), "{question} says '{words}':\n{text}");
}

#[test]
fn there_are_always_28_answers_in_order() {
    for measurements in [sample::measurements(), Measurements::default()] {
        let answers = answers(&measurements);
        let expected: Vec<String> = (1..=28).map(|i| format!("Q{i}")).collect();
        assert_eq!(answers.iter().map(|answer| answer.question.clone()).collect::<Vec<_>>(), expected);
        assert!(answers.iter().all(|answer| !answer.asks.is_empty() && !answer.experiments.is_empty()));
        let parts: Vec<u8> = answers.iter().map(|answer| answer.part).collect();
        assert_eq!(parts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6, 6]);
    }
}

#[test]
fn with_everything_measured_every_question_is_answered() {
    for answer in answers(&sample::measurements()) {
        assert_eq!(answer.missing, None, "{}", answer.question);
        assert!(!answer.items.is_empty() && !answer.why.is_empty(), "{}", answer.question);
    }
}

#[test]
fn without_evidence_every_answer_says_what_is_missing() {
    for answer in answers(&Measurements::default()) {
        assert!(answer.items.is_empty(), "{}: {:?}", answer.question, answer.items);
        assert!(answer.why.is_empty(), "{}: {}", answer.question, answer.why);
        assert!(answer.missing.as_ref().is_some_and(|why| why.contains("was not run")), "{answer:?}");
    }
    let failed = given(|measurements| {
        measurements.echo = Measurement::Failed(ExperimentFailure::System { reason: "the port was taken".to_owned() })
    });
    let missing = answer("Q7", &failed).missing;
    assert_eq!(missing.as_deref(), Some("The echo of Code C and Code D failed: the port was taken."));
}

/// All that may differ between two runs with the same seed, made different.
fn another_run(measurements: &mut Measurements) {
    let datagram = facts(&mut measurements.datagram);
    datagram.ports.0 = 50_123;
    datagram.server_output[1] = "From Address: 127.0.0.1:50123".into();
    let echo = facts(&mut measurements.echo);
    for line in &mut echo.sockets_during {
        for address in [&mut line.local, &mut line.remote] {
            if address.port() == 40_002 {
                address.set_port(33_333);
            }
        }
    }
    echo.sockets_during.reverse();
    let floods = facts(&mut measurements.floods).iter_mut().map(|flood| &mut flood.transfer);
    let transfers = [&mut measurements.short_at_once, &mut measurements.short_paced, &mut measurements.websocket_short];
    let transfers = transfers.into_iter().chain([&mut measurements.websocket_flood]).map(facts).chain(floods);
    for transfer in transfers {
        transfer.duration *= 3;
        transfer.client.recv_calls = transfer.client.recv_calls.map(|calls| calls + 7);
        let later = |kernel: &mut KernelCounters| kernel.rtt *= 2;
        transfer.client_kernel.iter_mut().chain(&mut transfer.server_kernel).for_each(later);
    }
    for reset in &mut measurements.resets {
        facts(reset).acknowledged_at = Some(Duration::from_secs(1_767_225_600));
    }
    for series in &mut measurements.series {
        facts(series).shortest_pause = Some(1.25);
    }
    let multicast = facts(&mut measurements.multicast);
    multicast.shown.push("swcmTV: a line more".into());
    (multicast.datagrams, multicast.igmp_reports) = (10, 3);
    multicast.shown.swap(1, 2);
    for session in &mut measurements.tls {
        let session = facts(session);
        session.handshake_packets_all += 1;
        for message in &mut session.messages {
            (message.packet, message.len) = (message.packet + 2, message.len + 1);
            message.details.push(("random".into(), "4f2a".into()));
        }
    }
}

#[test]
fn what_differs_from_run_to_run_is_in_no_answer() {
    let (one, other) = (answers(&sample::measurements()), answers(&given(another_run)));
    let mut differences = 0;
    for (one, other) in one.iter().zip(&other) {
        let question = &one.question;
        let items = |answer: &Answer| answer.items.iter().filter(|item| !item.varies).cloned().collect::<Vec<_>>();
        assert_eq!(items(one), items(other), "{question}");
        assert_eq!(one.why, other.why, "{question}");
        assert_eq!(one.missing, other.missing, "{question}");
        let stable =
            |answer: &Answer| answer.measured.iter().filter(|value| !value.varies).cloned().collect::<Vec<_>>();
        assert_eq!(stable(one), stable(other), "{question}");
        differences += one.measured.iter().filter(|value| value.varies && !other.measured.contains(value)).count();
    }
    assert!(differences > 20, "the other run was to be different: {differences}");
}

#[test]
fn a_layer_has_the_name_that_answers_look_for() {
    let measurements = sample::measurements();
    let layers = &measurements.websocket_short.measured().unwrap().layers;
    for layer in [Layer::Upgrade, Layer::Messages, Layer::FrameHeaders, Layer::CloseFrame] {
        assert!(layers.iter().any(|part| part.layer == layer), "{layer:?}");
    }
}
