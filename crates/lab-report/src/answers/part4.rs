//! Q18 to Q21: a multicast group, its receiver and its senders.

use lab_testbed::facts::{GroupSender, GroupSource, Measurement, Measurements, Multicast, Scenario};

use crate::{
    formatting::{count, list, number, quote},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    [q18, q19, q20, q21].map(|answer| answer(&measurements.multicast)).into()
}

/// The programme's identity (handout, section 4).
const PROGRAMME: &str = "swcmTV";

/// The maximum number of quoted lines (ours).
const SOME: usize = 5;

/// The programme answers a sender of more characters than these (handout, section 4.2).
const THRESHOLD: u64 = 300;

fn q18(measurement: &Measurement<Multicast>) -> Answer {
    let mut answer = Answer::new(18, "Which messages does the receiver show? Give some of them.");
    let Some(facts) = require(&mut answer, measurement) else { return answer };
    // The lines of the play come in order; when other senders speak between them is a matter of time.
    for line in facts.shown.iter().filter(|line| is_play(facts, line)).take(SOME) {
        answer.item("", line);
    }
    if answer.items.is_empty() {
        answer.item("", "The receiver showed no line of the programme.");
    }
    answer.explain(format!(
        "Each datagram to the group {} is one message: the first 6 bytes say who sent it, the rest is the text.",
        facts.group,
    ));
    answer.explain(if are_all_shown(facts) {
        "The receiver showed each datagram of the group that the capture has: UDP keeps the borders between messages, so \
         one recv() is one message."
    } else {
        "The receiver did not show each datagram of the group that the capture has."
    });
    answer.measure("group", facts.group);
    answer.observe("lines shown", facts.shown.len());
    answer.observe("datagrams of the group in the capture", facts.datagrams);
    answer
}

/// Whether a line of the receiver shows a line of the play.
fn is_play(facts: &Multicast, line: &str) -> bool {
    let is_answer = facts.senders.iter().any(|sender| sender.answer.as_ref().is_some_and(|text| line.contains(text)));
    let texts = || facts.received.iter().filter(|datagram| datagram.source == GroupSource::Programme);
    let mut texts = texts().filter_map(|datagram| datagram.split()).map(|(_, text)| text.trim());
    let is_text = texts.any(|text| !text.is_empty() && line.contains(text));
    !is_answer && (is_text || (facts.received.is_empty() && line.starts_with(PROGRAMME)))
}

/// Whether the text of each datagram is in the output; of facts without datagrams, whether there are as many lines.
fn are_all_shown(facts: &Multicast) -> bool {
    let mut texts = facts.received.iter().filter_map(|datagram| datagram.split()).map(|(_, text)| text.trim());
    if facts.received.is_empty() {
        return facts.shown.len() as u64 == facts.datagrams;
    }
    texts.all(|text| facts.shown.iter().any(|line| line.contains(text)))
}

/// Whether the receiver showed something of a sender, besides the answer to it.
fn is_heard(facts: &Multicast, sender: &GroupSender) -> bool {
    let is_answer = |line: &str| sender.answer.as_ref().is_some_and(|answer| line.contains(answer.as_str()));
    facts.shown.iter().any(|line| line.contains(&sender.identity) && !is_answer(line))
}

fn q19(measurement: &Measurement<Multicast>) -> Answer {
    let mut answer = Answer::new(19, "Does the receiver have to set special socket options?");
    let Some(facts) = require(&mut answer, measurement) else { return answer };
    let verdict = match (facts.member_before, facts.member_during) {
        (false, true) => "Yes: IP_ADD_MEMBERSHIP, with which it joins the group.",
        (true, _) => {
            "Yes, IP_ADD_MEMBERSHIP; but this run does not show it, for its host was a member of the group before the \
             receiver ran."
        }
        (false, false) => {
            "Yes, IP_ADD_MEMBERSHIP; but this receiver did not join: its host was no member while it ran."
        }
    };
    answer.item("", verdict);
    answer.explain(format!(
        "The group's address is no host's own, so a host ignores packets to {} until a program asks for them. The \
         join makes it listen, and tells the routers and switches with an IGMP report.",
        facts.group,
    ));
    answer.explain(if facts.member_during && !facts.member_before {
        "The host's list of groups shows the join: the group was not in it before the receiver ran, and was while it \
         ran."
    } else {
        "Datagrams that arrive without a join of one's own come by luck: another program on the host has joined, or \
         the network floods them."
    });
    answer.explain(if facts.igmp_reports > 0 {
        "IGMP reports for the group are in the capture."
    } else {
        "No IGMP report for the group is in the capture."
    });
    answer.measure("member before the receiver ran", yes_or_no(facts.member_before));
    answer.measure("member while it ran", yes_or_no(facts.member_during));
    answer.observe("IGMP reports for the group", facts.igmp_reports);
    answer
}

fn q20(measurement: &Measurement<Multicast>) -> Answer {
    let mut answer = Answer::new(20, "Does the sender have to set special socket options, to send to the group?");
    let Some(facts) = require(&mut answer, measurement) else { return answer };
    let heard = facts.senders.iter().all(|sender| is_heard(facts, sender));
    if facts.senders.is_empty() {
        answer.add_missing("No sender was run.");
        return answer;
    }
    if facts.senders.iter().all(|sender| sender.characters == 0) {
        answer.add_missing("No datagram with the identity of a sender was captured.");
        return answer;
    }
    answer.item("", "No.");
    if !heard {
        answer.item("", "But in this run the receiver did not show a datagram of each sender.");
    }
    answer.explain(
        "To send to a group is to send a datagram: its address is the group's. Only who wants to receive must join.",
    );
    answer.explain(match (facts.sender_member, heard) {
        (false, true) => {
            "The run shows it: the senders' host was not a member of the group, and the receiver heard them."
        }
        (false, false) => "The senders' host was not a member of the group.",
        (true, _) => "These senders joined the group all the same, which is not needed.",
    });
    match facts.sender_ttl {
        0 => answer.explain("The time to live of their datagrams was not seen."),
        1 => answer.explain(
            "Their datagrams had a time to live of 1, which is the default for multicast: they stay in the network \
             of the sender. To go through routers they would need IP_MULTICAST_TTL.",
        ),
        other => answer.explain(format!(
            "Their datagrams had a time to live of {other}. The default is 1, so these senders did set an option, \
             IP_MULTICAST_TTL; a group in one's own network does not need it."
        )),
    }
    answer.measure("the senders' host was a member", yes_or_no(facts.sender_member));
    answer.measure("time to live of their datagrams", facts.sender_ttl);
    answer
}

fn q21(measurement: &Measurement<Multicast>) -> Answer {
    let mut answer = Answer::new(
        21,
        "Two senders write more than 300 characters each. What does the programme answer each of them in the group?",
    );
    let Some(facts) = require(&mut answer, measurement) else { return answer };
    if facts.senders.is_empty() {
        answer.add_missing("No sender was run.");
        return answer;
    }
    for GroupSender { identity, characters, answer: text, .. } in &facts.senders {
        match text {
            Some(text) => answer.item(identity, quote(text)),
            None if *characters == 0 => {
                answer.add_missing(&format!("No datagram with the identity {identity} was captured."));
            }
            None if *characters <= THRESHOLD => answer.add_missing(&format!(
                "{} with the identity {identity} were captured; the programme answers more than {THRESHOLD}.",
                count(*characters, "character")
            )),
            None if has_answer(facts, identity) => {
                answer.item(identity, "The programme answered, but the receiver did not show that.");
            }
            None => answer
                .item(identity, format!("No answer was captured, although {} were.", count(*characters, "character"))),
        }
        answer.measure(format!("characters captured of {identity}"), number(*characters));
    }
    let identities: Vec<&String> = facts.senders.iter().map(|sender| &sender.identity).collect();
    answer.explain(format!(
        "The programme counts the characters of each identity, the first 6 bytes of a datagram: here {}. When one \
         has sent more than {THRESHOLD}, it answers once, to the whole group: every receiver sees the answer.",
        list(&identities),
    ));
    answer
}

/// Whether the capture has an answer of the programme to an identity.
fn has_answer(facts: &Multicast, identity: &str) -> bool {
    let programme = facts.received.iter().filter(|datagram| datagram.source == GroupSource::Programme);
    programme.filter_map(|datagram| datagram.split()).any(|(_, text)| text.contains(identity))
}

fn require<'a>(answer: &mut Answer, measurement: &'a Measurement<Multicast>) -> Option<&'a Multicast> {
    answer.require(measurement, Scenario::Multicast.name(), "The multicast programme of part 4")
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
