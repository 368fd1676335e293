//! The page of a submission: notes, and each case with its verdict and what shows it.

use lab_diagnosis::Severity;
use lab_page::{mark, text};
use maud::{Markup, html};

use super::{INDEX, link::Links, of, shown};
use crate::results::{CaseResult, FindingResult, SubmissionResult};

pub(super) fn page(submission: &SubmissionResult, seed: u64, links: &Links<'_>) -> String {
    let mut figures = 1;
    let cases = submission.cases.iter().map(|case| {
        let first = figures;
        figures += case.diagrams.len();
        (first, case)
    });
    let cases: Vec<(usize, &CaseResult)> = cases.collect();
    let body = html! {
        header {
            h1 { (shown(&submission.name)) }
            dl.run {
                div { dt { "Points" } dd { (submission.own_score()) " of " (submission.max_score) } }
                @if submission.max_bonus() > 0 {
                    div { dt { "Bonus" } dd { (submission.bonus()) " of " (submission.max_bonus()) } }
                }
                div { dt { "Cases passed" } dd { (of(submission.passed(), submission.cases.len())) } }
                div { dt { "Seed" } dd { (seed) } }
                @if !submission.identities.is_empty() {
                    div { dt { "Identities" } dd { (shown(&submission.identities.join(", "))) } }
                }
            }
        }
        main {
            (summary(submission))
            (contents(submission))
            div.answers #cases {
                h2 { "Cases" }
                @if cases.is_empty() { p.missing { strong { "No cases. " } "None is decided yet." } }
                @for (first, case) in &cases { (article(*first, case, links)) }
            }
        }
        footer { p { a href={ "../" (INDEX) } { "All submissions" } } }
    };
    let title = format!("Grades of {}", labnet::escape::escape(&submission.name));
    lab_page::document(&title, ("cases", "cases"), &body)
}

fn summary(submission: &SubmissionResult) -> Markup {
    let is_good = submission.passed() == submission.cases.len();
    html! {
        section.summary aria-labelledby="summary" {
            h2 #summary { "Summary" }
            ul.verdicts {
                li.good[is_good].bad[!is_good] {
                    (mark(is_good))
                    div { strong { (of(submission.passed(), submission.cases.len())) " cases passed." } }
                }
                @if !submission.is_complete {
                    li { (mark(false)) div { strong { "Not finished." } " Not all cases are decided." } }
                }
            }
            @if !submission.notes.is_empty() {
                h3 { "Notes, which cost nothing" }
                ul { @for note in &submission.notes { li { (shown(note)) } } }
            }
        }
    }
}

fn contents(submission: &SubmissionResult) -> Markup {
    html! {
        nav.contents aria-labelledby="contents" {
            h2 #contents { "Contents" }
            ul {
                @for cases in submission.cases.chunk_by(|one, next| one.program == next.program) {
                    li {
                        @for case in cases.iter().take(1) { (case.program) }
                        ul {
                            @for case in cases {
                                li { a href={ "#" (id(case)) } { (mark(case.verdict.is_passed())) " " (case.name) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn id(case: &CaseResult) -> String {
    text::anchor("case-", &case.name)
}

fn article(first: usize, case: &CaseResult, links: &Links<'_>) -> Markup {
    let id = id(case);
    let is_passed = case.verdict.is_passed();
    html! {
        article.experiment.bad[!is_passed] id=(id) aria-labelledby={ (id) "-title" } {
            details open[!is_passed || case.is_unstable] {
                summary {
                    h3 id={ (id) "-title" } {
                        (case.name) " "
                        span.state {
                            (mark(is_passed)) " " (case.verdict.words()) ", "
                            (case.score()) " of " (case.points) @if case.is_bonus { " bonus" } " points"
                            @if case.is_unstable { "; failed once and passed when it was run again" }
                        }
                    }
                }
                p { (case.reason) }
                (facts(case, links))
                @if !case.findings.is_empty() { ul.findings { @for finding in &case.findings { (found(finding)) } } }
            }
            @for (number, diagram) in (first..).zip(&case.diagrams) {
                (lab_page::figure(
                    number,
                    &case.name,
                    &format!("{}, packet by packet as captured", diagram.title),
                    &diagram.to_svg(&format!("drawing-{number}")),
                    &diagram.to_text(),
                ))
            }
        }
    }
}

fn facts(case: &CaseResult, links: &Links<'_>) -> Markup {
    let texts = [("Missing", &case.missing), ("Expected", &case.expected), ("Got", &case.got)];
    let files = [("Capture", &case.capture), ("Output", &case.output)];
    html! {
        dl.facts {
            @if !case.question.is_empty() { div { dt { "Question" } dd { (case.question) } } }
            @for (label, text) in texts {
                @if let Some(text) = text { div { dt { (label) } dd { code { (shown(text)) } } } }
            }
            @if !case.story.is_empty() {
                div { dt { "Story" } dd { pre { @for step in &case.story { (shown(step)) "\n" } } } }
            }
            @for (label, path) in files {
                @if let Some(path) = path {
                    div {
                        dt { (label) }
                        dd {
                            @if let Some(address) = links.to(path) { a.file href=(address) { (path) } } @else { (path) }
                        }
                    }
                }
            }
            @if case.seconds > 0.0 { div { dt { "Took" } dd { (format!("{:.1} s", case.seconds)) } } }
        }
    }
}

fn found(finding: &FindingResult) -> Markup {
    let is_fault = finding.severity == Severity::Fault;
    html! {
        li.bad[is_fault] {
            (mark(!is_fault))
            div {
                code { (finding.id.name()) } @if !is_fault { ", a remark" } ": "
                (text::prose(&labnet::escape::escape(&finding.text).to_string())) " " (text::prose(&finding.advice))
            }
        }
    }
}
