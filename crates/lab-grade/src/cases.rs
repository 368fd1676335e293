//! The cases: which run, which question, how many points, and what decides. The table is all there is to change.

mod variant;

use std::time::Duration;

use lab_diagnosis::FindingId::{self, *};
use lab_testbed::{
    facts::Scenario,
    programs::ProgramRole::{self, *},
};
use labnet::{net::Family::*, tls::TlsVersion};

use crate::decide::{self, Decide};

pub use variant::Variant;

/// A case: one experiment, and what is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name, which begins with the part.
    pub name: &'static str,
    /// The program that it is about.
    pub program: ProgramRole,
    /// The question of the handout; empty if there is none.
    pub question: &'static str,
    /// The points for a program that passes it (ours).
    pub points: u32,
    /// The time limit of the program (ours).
    pub deadline: Duration,
    /// Why it is there, in a sentence.
    pub reason: &'static str,
    /// What is different from the handout.
    pub variant: Variant,
    /// The experiment.
    pub experiment: Scenario,
    /// The findings that count here.
    pub about: About,
    /// What has to hold besides.
    pub decide: Decide,
}

/// The findings that count in a case.
#[derive(Clone, Copy, Debug)]
pub enum About {
    /// All of its experiment.
    All,
    /// These: others have a case of their own.
    Only(&'static [FindingId]),
    /// All but these.
    AllBut(&'static [FindingId]),
}

impl About {
    /// Whether a finding counts.
    pub fn has(self, id: FindingId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
            Self::AllBut(ids) => !ids.contains(&id),
        }
    }
}

impl Case {
    /// Whether its points are a bonus (handout, section 6).
    pub fn is_bonus(&self) -> bool {
        self.program == Part6Pmu
    }
}

/// The cases of a program.
pub fn of_program(program: ProgramRole) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.program == program)
}

#[rustfmt::skip]
#[allow(clippy::too_many_arguments, reason = "the columns of the table")]
const fn row(
    name: &'static str, program: ProgramRole, question: &'static str, points: u32, seconds: u64,
    variant: Variant, experiment: Scenario, about: About, decide: Decide, reason: &'static str,
) -> Case {
    Case { name, program, question, points, deadline: Duration::from_secs(seconds), reason, variant, experiment, about, decide }
}

use About::{All, AllBut, Only};
use Variant::*;

/// What stops a PMU from having any further client.
const OF_ONE_CLIENT: About = AllBut(&[ServesOnce, DiesOnPlainText, CommandIgnored]);

/// All cases, in the order of the handout. Names, points and deadlines are ours.
#[rustfmt::skip]
pub const CASES: &[Case] = &[
    row("part1-code-a", CodeA, "Q2", 1, 15, Usual, Scenario::Datagram, All, decide::part1::code_a,
        "Code A sends its datagram and says so."),
    row("part1-code-b", CodeB, "Q2", 1, 15, Usual, Scenario::Datagram, All, decide::part1::code_b,
        "Code B shows a datagram and whose it is."),
    row("part1-code-c", CodeC, "Q6", 1, 15, Usual, Scenario::Echo, All, decide::part1::code_c,
        "Code C shows what each recv() brought, and echoes all of it."),
    row("part1-code-c-end", CodeC, "Q9", 1, 15, Usual, Scenario::Echo, All, decide::part1::code_c_end,
        "Code C notices that Code D has gone, and not before."),
    row("part1-code-d", CodeD, "Q6", 1, 15, Usual, Scenario::Echo, All, decide::part1::code_d,
        "Code D shows the whole echo."),

    row("part2-at-once", Part2, "Q10", 3, 15, Usual, Scenario::ShortAtOnce, All, decide::client::messages,
        "With d = 0 several messages come in one segment."),
    row("part2-paced", Part2, "Q10", 3, 30, Usual, Scenario::ShortPaced, All, decide::client::messages,
        "With d = 1 each message comes alone, a second after the one before."),
    row("part2-no-delay", Part2, "Q12", 2, 15, Usual, Scenario::ShortNoDelay, All, decide::client::messages,
        "Without Nagle's algorithm each message may come in a segment of its own."),
    row("part2-stays-open", Part2, "Q13", 1, 15, Usual, Scenario::ShortOpen, All, decide::client::messages,
        "The end of the answer is the end of the connection, even when it comes late."),
    row("part2-pieces", Part2, "Q10", 2, 20, Usual, Scenario::ShortPieces, All, decide::client::messages,
        "The stream is cut every 12 bytes, also inside the number 10."),
    row("part2-one-byte", Part2, "Q10", 2, 30, Faulty("slice=1,5"), Scenario::ShortNoDelay, All, decide::client::messages,
        "The stream comes byte by byte, a recv for each."),
    row("part2-cut-in-number", Part2, "Q10", 2, 15, Faulty("cut=180"), Scenario::ShortNoDelay, All, decide::client::messages,
        "The only cut that counts is between the digits of 10."),
    row("part2-reset", Part2, "", 0, 15, Faulty("reset=47"), Scenario::ShortAtOnce, Only(&[NeverEnded]), decide::client::no_more_than_came,
        "The server resets the connection within the third message."),
    row("part2-n-0", Part2, "Q10", 1, 15, Count(0), Scenario::ShortAtOnce, All, decide::client::messages,
        "The PMU has no message: the client does not know n."),
    row("part2-n-1", Part2, "Q10", 1, 15, Count(1), Scenario::ShortAtOnce, All, decide::client::messages,
        "The PMU has a single message."),
    row("part2-n-2", Part2, "Q10", 1, 15, Count(2), Scenario::ShortAtOnce, All, decide::client::messages,
        "The PMU has two messages."),
    row("part2-n-9", Part2, "Q10", 1, 15, Count(9), Scenario::ShortAtOnce, All, decide::client::messages,
        "All messages have the same length."),
    row("part2-n-11", Part2, "Q10", 1, 20, Count(11), Scenario::ShortPieces, All, decide::client::messages,
        "Two messages have a number of two digits, and the stream is cut."),
    row("part2-n-100", Part2, "Q10", 1, 20, Count(100), Scenario::ShortAtOnce, All, decide::client::messages,
        "Numbers have one, two and three digits."),
    row("part2-n-any", Part2, "Q10", 1, 20, Any, Scenario::ShortNoDelay, All, decide::client::messages,
        "The seed decides how many messages there are, and whether they begin with 0 or 1."),
    row("part2-from-0", Part2, "Q10", 1, 20, FromZero, Scenario::ShortPieces, All, decide::client::messages,
        "A later edition counts from 0."),
    row("part2-flood", Part2, "Q14", 2, 20, Usual, Scenario::Flood, All, decide::client::flood,
        "The answer to CMD_floodme is one long text of unknown size."),
    row("part2-flood-utf-8", Part2, "Q15", 2, 20, Usual, Scenario::FloodUtf8, All, decide::client::flood_utf8,
        "The text has characters of several bytes, and the stream is cut inside of some."),
    row("part2-flood-empty", Part2, "Q15", 1, 15, FloodOf(0), Scenario::Flood, All, decide::client::flood,
        "The text may be empty."),
    row("part2-flood-1-byte", Part2, "Q15", 1, 15, FloodOf(1), Scenario::Flood, All, decide::client::flood,
        "The text may be a single byte."),
    row("part2-flood-1-mib", Part2, "Q15", 1, 30, FloodOf(1 << 20), Scenario::Flood, All, decide::client::flood,
        "The text may be much larger than any buffer."),

    row("part3-ipv4", Part3, "Q16", 4, 60, Usual, Scenario::Reset(Ipv4), All, decide::part3::acknowledged,
        "The PMU is on IPv4, loses packets with probability 0.6, and its port of IPv6 is closed."),
    row("part3-ipv6", Part3, "Q16", 4, 60, Usual, Scenario::Reset(Ipv6), All, decide::part3::acknowledged,
        "The PMU is on IPv6, and its port of IPv4 is closed."),
    row("part3-ipv4-silent", Part3, "Q16", 2, 60, Silent, Scenario::Reset(Ipv4), All, decide::part3::acknowledged,
        "The PMU is on IPv4, and IPv6 is silent."),
    row("part3-ipv6-silent", Part3, "Q16", 3, 60, Silent, Scenario::Reset(Ipv6), All, decide::part3::acknowledged,
        "The PMU is on IPv6, and IPv4 is silent."),
    row("part3-rounds-ipv4", Part3, "Q17", 4, 30, Usual, Scenario::Rounds(Some(Ipv4)), All, decide::part3::acknowledged,
        "The first packets are lost: the next one leaves a second later, and none after the acknowledgement."),
    row("part3-rounds-ipv6", Part3, "Q17", 4, 30, Usual, Scenario::Rounds(Some(Ipv6)), All, decide::part3::acknowledged,
        "The same over IPv6; each acknowledgement comes twice."),
    row("part3-rounds-both", Part3, "Q16", 3, 30, Usual, Scenario::Rounds(None), All, decide::part3::acknowledged,
        "The PMU is on both families: the first acknowledgement ends the exchange."),

    row("part3-bursts", Part3, "Q17", 1, 60, Faulty("burst=0.3,0.3"), Scenario::Reset(Ipv4), All, decide::part3::acknowledged,
        "Acknowledgements are lost in bursts."),
    row("part3-late", Part3, "", 0, 60, Faulty("late=1500"), Scenario::Reset(Ipv4), Only(&[Crashed, NeverEnded]), decide::part3::acknowledged,
        "Each acknowledgement comes after the next request has left."),
    row("part3-strays", Part3, "", 0, 60, Faulty("garbage out-of-range"), Scenario::Reset(Ipv4), Only(&[Crashed, NeverEnded]), decide::part3::acknowledged,
        "Bytes that mean nothing, and a number that is too large, come before each acknowledgement."),
    row("part3-stranger", Part3, "", 0, 60, Faulty("stranger"), Scenario::Reset(Ipv4), Only(&[Crashed, NeverEnded]), decide::part3::acknowledged,
        "Another port acknowledges before the server does."),

    row("part4-join", Part4Receiver, "Q19", 4, 20, Usual, Scenario::Multicast, Only(&[NotJoined]), decide::part4::joined,
        "The kernel and an IGMP report show that the receiver is in the group."),
    row("part4-shows", Part4Receiver, "Q18", 8, 20, Usual, Scenario::Multicast, AllBut(&[NotJoined]), decide::part4::shown,
        "Each datagram of the programme and of others is shown."),
    row("part4-guests", Part4Receiver, "Q18", 3, 20, Usual, Scenario::Guests, AllBut(&[NotJoined]), decide::part4::shown_to_the_end,
        "Other identities, short and binary datagrams, and a second receiver come as well."),
    row("part4-sender-identity", Part4Sender, "Q21", 5, 20, Usual, Scenario::Multicast, AllBut(&[OneLineOnly]), decide::part4::identified,
        "Each datagram begins with the six bytes of the identity, and the text follows at once."),
    row("part4-sender-lines", Part4Sender, "Q21", 5, 20, Usual, Scenario::Multicast, All, decide::part4::sent,
        "All lines of the keyboard are sent."),

    row("part5-at-once", Part5, "Q23", 5, 15, Usual, Scenario::WebSocketShort, All, decide::client::messages,
        "Each message is one binary frame, without a pause between them."),
    row("part5-text", Part5, "Q23", 2, 20, Usual, Scenario::WebSocketText, All, decide::client::messages_in_text,
        "The server sends text frames, with pauses."),
    row("part5-no-close", Part5, "", 2, 20, Usual, Scenario::WebSocketNoClose, All, decide::client::nothing_more,
        "The server ends the TCP connection without a close frame."),
    row("part5-fragments", Part5, "Q23", 1, 15, Faulty("fragment=5"), Scenario::WebSocketShort, All, decide::client::messages,
        "Each message comes in four fragments."),
    row("part5-pings", Part5, "Q23", 1, 15, Faulty("ping"), Scenario::WebSocketShort, All, decide::client::messages,
        "A ping comes before each message."),
    row("part5-n-1", Part5, "Q23", 1, 15, Count(1), Scenario::WebSocketShort, All, decide::client::messages,
        "The server has a single message."),
    row("part5-n-100", Part5, "Q23", 1, 15, Count(100), Scenario::WebSocketShort, All, decide::client::messages,
        "The server has many messages."),
    row("part5-from-0", Part5, "Q23", 2, 15, FromZero, Scenario::WebSocketShort, All, decide::client::messages,
        "A later edition counts from 0."),
    row("part5-flood", Part5, "Q24", 4, 20, Usual, Scenario::WebSocketFlood, All, decide::client::flood,
        "The answer to CMD_floodme is one message of 64 KiB."),
    row("part5-flood-1-mib", Part5, "Q24", 1, 30, FloodOf(1 << 20), Scenario::WebSocketFlood, All, decide::client::flood,
        "The message may be much larger than any buffer."),

    row("part6-tls-1.2", Part6Pmu, "Q26", 4, 20, Usual, Scenario::Tls(TlsVersion::Tls12), OF_ONE_CLIENT, decide::part6::session,
        "A client offers TLS 1.2 alone, and verifies chain and name."),
    row("part6-tls-1.3", Part6Pmu, "Q26", 4, 20, Usual, Scenario::Tls(TlsVersion::Tls13), OF_ONE_CLIENT, decide::part6::session,
        "A client offers TLS 1.3 alone, and verifies chain and name."),
    row("part6-messages", Part6Pmu, "Q25", 4, 20, Usual, Scenario::PmuClients, OF_ONE_CLIENT, decide::part6::first,
        "The first client gets its messages in order, and the end of the connection."),
    row("part6-next-client", Part6Pmu, "Q25", 4, 20, Usual, Scenario::PmuClients, Only(&[ServesOnce]), decide::part6::second,
        "A server serves the next client as it served the first."),
    row("part6-two-clients", Part6Pmu, "Q25", 4, 20, Usual, Scenario::PmuClients, Only(&[ServesOnce]), decide::part6::at_once,
        "Two clients at once are both served."),
    row("part6-strangers", Part6Pmu, "", 0, 20, Usual, Scenario::PmuClients, Only(&[DiesOnPlainText, CommandIgnored]), decide::part6::nothing_more,
        "A client without TLS, a silent one and another command do not stop the server."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_handed_in_programs_have_a_hundred_points_and_a_bonus_of_twenty() {
        let sum = |wanted: fn(&Case) -> bool| -> u32 {
            CASES.iter().filter(|case| wanted(case)).map(|case| case.points).sum()
        };
        assert_eq!(sum(|case| !case.is_bonus() && !case.name.starts_with("part1")), 100);
        assert_eq!(sum(Case::is_bonus), 20);
    }

    #[test]
    fn each_case_has_a_name_of_its_own_and_one_sentence_for_its_reason() {
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        for case in CASES {
            assert!(case.reason.ends_with('.') && !case.reason.contains(". "), "{}", case.name);
            let part = case.experiment.name().get(..5).unwrap_or_default();
            assert!(case.name.starts_with(part), "{} runs {}", case.name, case.experiment);
        }
    }

    #[test]
    fn each_fault_is_one_of_the_table() {
        for case in CASES {
            if let Faulty(faults) = case.variant {
                assert_eq!(case.variant.settings(1).faults.iter().count(), faults.split(' ').count(), "{}", case.name);
            }
        }
    }

    #[test]
    fn an_experiment_of_a_variant_has_one_deadline() {
        for case in CASES {
            let others = of_program(case.program)
                .filter(|other| (other.variant, other.experiment) == (case.variant, case.experiment));
            for other in others {
                assert_eq!(case.deadline, other.deadline, "{} and {}", case.name, other.name);
            }
        }
    }
}
