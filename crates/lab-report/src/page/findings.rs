//! What was found about the programs: the verdict on each part, at the top of the page.

use lab_diagnosis::Severity;
use lab_page::{mark, text};
use maud::{Markup, html};

use super::{PageIndex, answers};
use crate::{formatting::count, sheet::FindingReport};

pub(super) fn section(index: &PageIndex<'_>) -> Markup {
    let parts: Vec<u8> =
        index.sheet.answers.chunk_by(|one, next| one.part == next.part).filter_map(first_part).collect();
    html! {
        section.summary aria-labelledby="programs" {
            h2 #programs { "Programs" }
            ul.findings {
                @for part in parts { (verdict(index, part)) }
            }
        }
    }
}

fn first_part(answers: &[crate::sheet::Answer]) -> Option<u8> {
    answers.first().map(|answer| answer.part)
}

/// The part of a program: `part4-sender` is of part 4, Code A to D are of part 1.
fn part_of(finding: &FindingReport) -> u8 {
    let digit = finding.program.strip_prefix("part").and_then(|rest| rest.get(..1)?.parse().ok());
    digit.unwrap_or(1)
}

fn verdict(index: &PageIndex<'_>, part: u8) -> Markup {
    let findings: Vec<&FindingReport> =
        index.sheet.findings.iter().filter(|finding| part_of(finding) == part).collect();
    let faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count() as u64;
    let remarks = findings.len() as u64 - faults;
    let numbers: Vec<String> = [(faults, "fault"), (remarks, "remark")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, thing)| count(number, thing))
        .collect();
    let is_good = faults == 0;
    html! {
        li.good[is_good].bad[!is_good] {
            (mark(is_good))
            div {
                strong { "Part " (part) ", " (answers::title(part)) ": " }
                @if numbers.is_empty() { "nothing found." } @else { (numbers.join(" and ")) "." }
                @if !findings.is_empty() {
                    ul { @for finding in findings { li { (one(index, finding)) } } }
                }
            }
        }
    }
}

fn one(index: &PageIndex<'_>, finding: &FindingReport) -> Markup {
    let experiment = finding.proof.experiment.name();
    html! {
        code { (finding.id.name()) } " (" (finding.program)
        @if finding.severity == Severity::Remark { ", a remark" }
        "): " (text::prose(&finding.text)) " " (text::prose(&finding.advice))
        " See " (index.link(experiment))
        @if !finding.question.is_empty() {
            " and "
            a href={ "#" (text::anchor("", &finding.question)) } { (finding.question) }
        }
        "."
    }
}
