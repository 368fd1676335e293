//! Findings in words.

use lab_diagnosis::{Finding, Proof};
use labnet::escape::escape;

use crate::{
    formatting::{list, number},
    sheet::FindingReport,
};

/// A finding, for the sheet.
pub(crate) fn report(finding: Finding) -> FindingReport {
    let row = finding.id.diagnosis();
    FindingReport {
        id: finding.id,
        severity: row.severity,
        program: finding.program.name().to_owned(),
        question: row.question.to_owned(),
        text: sentence(&finding),
        advice: row.advice.to_owned(),
        proof: finding.proof,
    }
}

/// What was found, and what shows it.
pub(crate) fn sentence(finding: &Finding) -> String {
    format!("{} {}", finding.id.diagnosis().words, proof(&finding.proof))
}

/// The name of a signal of Linux, in parentheses.
fn signal_name(number: i32) -> &'static str {
    match number {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (kill)",
        11 => " (segmentation fault)",
        15 => " (terminate)",
        _ => "",
    }
}

/// A sentence on what shows a finding.
fn proof(proof: &Proof) -> String {
    let text =
        |label: &str, text: &Option<String>| text.as_ref().map(|text| format!("{label} `{}`", escape(text.trim_end())));
    let seen = match (proof.seen, proof.of) {
        (Some(seen), Some(of)) => Some(format!("{} of {} shown", number(seen), number(of))),
        (Some(seen), None) => Some(number(seen)),
        (None, of) => of.map(|of| format!("none of {}", number(of))),
    };
    let packets = match proof.packets.as_slice() {
        [] => None,
        [one] => Some(format!("packet {one}")),
        some => Some(format!("packets {}", list(&some.iter().map(ToString::to_string).collect::<Vec<_>>()))),
    };
    let facts = [
        proof.status.map(|status| format!("status {status}")),
        proof.signal.map(|number| format!("signal {number}{}", signal_name(number))),
        text("it said", &proof.complaint),
        proof.sent.as_ref().map(|sent| format!("sent: `{}`", escape(sent))),
        text("shown:", &proof.shown),
        text("expected:", &proof.expected),
        seen,
        proof.time.map(|time| format!("{:.2} s", time.as_secs_f64())),
        packets,
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let experiment = proof.experiment.name();
    if facts.is_empty() {
        format!("Seen in {experiment}.")
    } else {
        format!("Seen in {experiment}: {}.", facts.join("; "))
    }
}
