//! The report as one HTML file: no scripts, nothing from elsewhere, readable on a phone, on paper and by ear.
//!
//! All text goes through maud, which escapes it; [`crate::sheet::Figure::svg`] alone is shown as it is, for it is ours.

mod accounts;
mod answers;
mod experiments;
mod head;
mod text;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    json,
    sheet::{Account, Answer, Experiment, Sheet},
};

const STYLE: &str = include_str!("page/style.css");

/// Program output is escaped; if that ever failed, a browser would still neither run nor fetch anything.
const POLICY: &str = include_str!("page/policy.txt");

/// The page.
pub fn html(sheet: &Sheet) -> String {
    let places = Places::new(sheet);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY.trim_end());
                meta name="color-scheme" content="light dark";
                title { "Lab report: " (head::answered(sheet)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#answers" { "Skip to the answers" }
                (head::header(sheet))
                main {
                    (head::summary(sheet))
                    (contents(sheet))
                    div.answers #answers {
                        (answers::parts(&places))
                        (accounts::section(&places))
                        (experiments::section(&places))
                    }
                }
                footer {
                    p {
                        "The same as data: " a href=(json::ANSWERS) { (json::ANSWERS) } ", and what it means: "
                        a href=(json::SCHEMA) { (json::SCHEMA) } "."
                    }
                }
            }
        }
    };
    document.into_string()
}

fn contents(sheet: &Sheet) -> Markup {
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
    let is_answered = answers::is_answered(answer);
    html! {
        a.unanswered[!is_answered] href={ "#" (text::anchor("", &answer.question)) } {
            (answer.question)
            @if !is_answered { span.unseen { ", no answer" } }
        }
    }
}

/// What is where on the page, so that one thing can link another.
struct Places<'a> {
    sheet: &'a Sheet,
    /// Each experiment, with the number of its first figure: figures are numbered through the page.
    experiments: Vec<(usize, &'a Experiment)>,
}

impl<'a> Places<'a> {
    fn new(sheet: &'a Sheet) -> Self {
        let mut next = 1;
        let number = |experiment: &'a Experiment| {
            let first = next;
            next += experiment.figures.len();
            (first, experiment)
        };
        Self { sheet, experiments: sheet.experiments.iter().map(number).collect() }
    }

    fn experiment(&self, name: &str) -> Option<(usize, &'a Experiment)> {
        self.experiments.iter().find(|(_, experiment)| experiment.name == name).copied()
    }

    /// A link to an experiment; the bare name of one that is not on the sheet.
    fn link(&self, name: &str) -> Markup {
        html! {
            @if self.experiment(name).is_some() {
                a href={ "#" (text::anchor("experiment-", name)) } { (name) }
            } @else {
                (name)
            }
        }
    }

    fn account(&self, experiment: &str) -> Option<&'a Account> {
        self.sheet.accounts.iter().find(|account| account.experiment == experiment)
    }
}
