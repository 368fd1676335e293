//! Q18 to Q21: a multicast group, its receiver and its senders.

use lab_testbed::facts::{GroupSender, Measurement, Measurements, Multicast, Scenario};

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
    let is_answer = |line: &&String| {
        facts.senders.iter().any(|sender| sender.answer.as_ref().is_some_and(|text| line.contains(text.as_str())))
    };
    let play = facts.shown.iter().filter(|line| line.starts_with(PROGRAMME) && !is_answer(line));
    for line in play.take(SOME) {
        answer.item("", line);
    }
    if answer.items.is_empty() {
        answer.item("", "The receiver showed no line of the programme.");
    }
    let all = facts.shown.len() as u64 == facts.datagrams;
    answer.explain(format!(
        "Each line is one datagram to the group {}: the first 6 bytes say who sent it, the rest is the text.",
        facts.group,
    ));
    answer.explain(if all {
        "The receiver showed as many lines as the capture has datagrams of the group: UDP keeps the borders between \
         messages, so one recv() is one message."
    } else {
        "The receiver did not show as many lines as the capture has datagrams of the group: some were lost in the \
         receiver, or came while it started or ended."
    });
    answer.measure("group", facts.group);
    answer.observe("lines shown", facts.shown.len());
    answer.observe("datagrams of the group in the capture", facts.datagrams);
    answer
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
    let heard = facts.senders.iter().all(|sender| facts.shown.iter().any(|line| line.starts_with(&sender.identity)));
    if facts.senders.is_empty() {
        answer.add_missing("No sender was run.");
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
    for GroupSender { identity, characters, answer: text } in &facts.senders {
        match text {
            Some(text) => answer.item(identity, quote(text)),
            None if *characters <= THRESHOLD => {
                answer.item(identity, format!("Nothing: it sent only {}.", count(*characters, "character")));
            }
            None => answer.item(identity, format!("Nothing, although it sent {}.", count(*characters, "character"))),
        }
        answer.measure(format!("characters sent by {identity}"), number(*characters));
    }
    let identities: Vec<&String> = facts.senders.iter().map(|sender| &sender.identity).collect();
    answer.explain(format!(
        "The programme counts the characters of each identity, the first 6 bytes of a datagram: here {}. When one \
         has sent more than {THRESHOLD}, it answers once, to the whole group: every receiver sees the answer.",
        list(&identities),
    ));
    answer
}

fn require<'a>(answer: &mut Answer, measurement: &'a Measurement<Multicast>) -> Option<&'a Multicast> {
    answer.require(measurement, Scenario::Multicast.name(), "The multicast programme of part 4")
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
