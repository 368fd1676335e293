//! The head of the page: how the report was made, and a summary of answers, checks and failures.

use lab_page::{mark, text};
use maud::{Markup, html};

use crate::{
    formatting,
    sheet::{AnswerSheet, Reconciliation, State},
};

/// `26 of 28 questions answered`.
pub(super) fn answered(sheet: &AnswerSheet) -> String {
    let answered = sheet.answers.iter().filter(|answer| answer.is_answered()).count();
    format!("{answered} of {} questions answered", sheet.answers.len())
}

pub(super) fn header(sheet: &AnswerSheet) -> Markup {
    let run = &sheet.run;
    html! {
        header {
            h1 { "Lab report: sockets and TLS, measured" }
            dl.run {
                div { dt { "Seed" } dd { (run.seed) } }
                div { dt { "Begun" } dd { (run.begun) } }
                div { dt { "Took" } dd { (formatting::duration(run.seconds)) } }
                div { dt { "System" } dd { (run.system) } }
                div.wide { dt { "Path" } dd { (text::prose(&run.path)) } }
                div.wide {
                    dt { "Programs" }
                    dd {
                        @if run.others_programs.is_empty() {
                            "the lab’s own"
                        } @else {
                            ul {
                                @for (option, command) in &run.others_programs {
                                    li { code { (option) } " was " code { (command) } }
                                }
                                li { "all others: the lab’s own" }
                            }
                        }
                    }
                }
                div.wide {
                    dt { "Changed" }
                    dd {
                        @if run.changes.is_empty() {
                            "nothing: as in the handout"
                        } @else {
                            ul { @for change in &run.changes { li { (text::prose(change)) } } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn summary(sheet: &AnswerSheet) -> Markup {
    let missing: Vec<_> = sheet.answers.iter().filter(|answer| !answer.is_answered()).collect();
    let failed: Vec<_> = sheet.experiments.iter().filter(|experiment| experiment.state == State::Failed).collect();
    html! {
        section.summary aria-labelledby="summary" {
            h2 #summary { "Summary" }
            ul.verdicts {
                li.good[missing.is_empty()] {
                    (mark(missing.is_empty()))
                    div {
                        strong { (answered(sheet)) "." }
                        @if !missing.is_empty() {
                            " No answer to "
                            @for (at, answer) in missing.iter().enumerate() {
                                @if at > 0 { ", " }
                                a href={ "#" (text::anchor("", &answer.question)) } { (answer.question) }
                            }
                            "."
                        }
                    }
                }
                (balance(&sheet.reconciliations))
                li.good[sheet.run.is_complete] {
                    (mark(sheet.run.is_complete))
                    div {
                        @if sheet.run.is_complete {
                            strong { "Complete." } " All experiments were made."
                        } @else {
                            strong { "Incomplete." } " Not all experiments were made."
                        }
                        @for (at, experiment) in failed.iter().enumerate() {
                            @if at == 0 { " Failed: " } @else { ", " }
                            a href={ "#" (text::anchor("experiment-", &experiment.name)) } { (experiment.name) }
                        }
                        @if !failed.is_empty() { "." }
                    }
                }
            }
        }
    }
}

fn balance(reconciliations: &[Reconciliation]) -> Markup {
    let wrong: Vec<_> = reconciliations.iter().filter(|reconciliation| !reconciliation.balances()).collect();
    let is_good = wrong.is_empty() && !reconciliations.is_empty();
    html! {
        li.good[is_good].bad[!wrong.is_empty()] {
            (mark(is_good))
            div {
                @if reconciliations.is_empty() {
                    strong { "No accounts." } " No connection was measured."
                } @else if wrong.is_empty() {
                    strong { "All balanced." } " Of " (formatting::count(reconciliations.len() as u64, "account"))
                    ", each counts the same bytes on all sides."
                } @else {
                    strong { (wrong.len()) " of " (formatting::count(reconciliations.len() as u64, "account")) " not balanced." }
                    " Somebody counted otherwise in "
                    @for (at, reconciliation) in wrong.iter().enumerate() {
                        @if at > 0 { ", " }
                        a href={ "#" (text::anchor("account-", &reconciliation.experiment)) } { (reconciliation.experiment) }
                    }
                    "."
                }
            }
        }
    }
}
