//! The report as one HTML file: no scripts, no other files, readable on a phone, on paper and with a screen reader.
//!
//! maud escapes all text. Only [`crate::sheet::Figure::svg`] is not escaped: we made it. What other pages share with this
//! one is in `lab_page`.

mod answers;
mod experiments;
mod figures;
mod findings;
mod head;
mod reconciliation;

use lab_page::text;
use maud::{Markup, html};

use crate::{
    json,
    sheet::{Answer, AnswerSheet, ExperimentReport, Reconciliation},
};

/// The page: one HTML document.
pub fn html(sheet: &AnswerSheet) -> String {
    let index = PageIndex::new(sheet);
    let body = html! {
        (head::header(sheet))
        main {
            (findings::section(&index))
            (head::summary(sheet))
            (contents(sheet))
            div.answers #answers {
                (answers::parts(&index))
                (reconciliation::section(&index))
                (experiments::section(&index))
            }
        }
        footer {
            p {
                "The same as data: " a href=(json::ANSWERS) { (json::ANSWERS) } ", and what it means: "
                a href=(json::SCHEMA) { (json::SCHEMA) } "."
            }
        }
    };
    lab_page::document(&format!("Lab report: {}", head::answered(sheet)), ("answers", "answers"), &body)
}

fn contents(sheet: &AnswerSheet) -> Markup {
    html! {
        nav.contents aria-labelledby="contents" {
            h2 #contents { "Contents" }
            ul {
                li { a href="#summary" { "Summary" } }
                @for answers in sheet.answers.chunk_by(|one, next| one.part == next.part) {
                    @let part = answers.first().map_or(0, |answer| answer.part);
                    li {
                        a href={ "#part" (part) } { "Part " (part) ": " (answers::title(part)) }
                        ul.questions {
                            @for answer in answers {
                                li { (contents_entry(answer)) }
                            }
                        }
                    }
                }
                li { a href="#reconciliation" { "Reconciliation" } }
                li { a href="#experiments" { "Experiments" } }
            }
        }
    }
}

fn contents_entry(answer: &Answer) -> Markup {
    let is_answered = answer.is_answered();
    html! {
        a.unanswered[!is_answered] href={ "#" (text::anchor("", &answer.question)) } {
            (answer.question)
            @if !is_answered { span.unseen { ", no answer" } }
        }
    }
}

/// An index of the page, for links from one section to another.
struct PageIndex<'a> {
    sheet: &'a AnswerSheet,
    /// Each experiment, and the number of its first figure. The numbers of figures are unique on the page.
    experiments: Vec<(usize, &'a ExperimentReport)>,
}

impl<'a> PageIndex<'a> {
    fn new(sheet: &'a AnswerSheet) -> Self {
        let mut next = 1;
        let number = |experiment: &'a ExperimentReport| {
            let first = next;
            next += experiment.figures.len();
            (first, experiment)
        };
        Self { sheet, experiments: sheet.experiments.iter().map(number).collect() }
    }

    fn experiment(&self, name: &str) -> Option<(usize, &'a ExperimentReport)> {
        self.experiments.iter().find(|(_, experiment)| experiment.name == name).copied()
    }

    /// A link to an experiment; only its name if it is not on the sheet.
    fn link(&self, name: &str) -> Markup {
        html! {
            @if self.experiment(name).is_some() {
                a href={ "#" (text::anchor("experiment-", name)) } { (name) }
            } @else {
                (name)
            }
        }
    }

    fn reconciliation(&self, experiment: &str) -> Option<&'a Reconciliation> {
        self.sheet.reconciliations.iter().find(|reconciliation| reconciliation.experiment == experiment)
    }
}
