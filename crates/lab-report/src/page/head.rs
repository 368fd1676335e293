//! What a reader wants to know first: how the report was made, and whether it can be relied on.

use maud::{Markup, html};

use super::{answers::is_answered, text};
use crate::{
    sheet::{Account, Sheet, State},
    words,
};

/// The questions of the handout.
const QUESTIONS: usize = 28;

/// `26 of 28 questions answered`.
pub(super) fn answered(sheet: &Sheet) -> String {
    let answered = sheet.answers.iter().filter(|answer| is_answered(answer)).count();
    format!("{answered} of {QUESTIONS} questions answered")
}

pub(super) fn header(sheet: &Sheet) -> Markup {
    let run = &sheet.run;
    html! {
        header {
            h1 { "Lab report: sockets and TLS, measured" }
            dl.run {
                div { dt { "Seed" } dd { (run.seed) } }
                div { dt { "Begun" } dd { (run.begun) } }
                div { dt { "Took" } dd { (words::duration(run.seconds)) } }
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

pub(super) fn summary(sheet: &Sheet) -> Markup {
    let missing: Vec<_> = sheet.answers.iter().filter(|answer| !is_answered(answer)).collect();
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
                (balance(&sheet.accounts))
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

fn balance(accounts: &[Account]) -> Markup {
    let wrong: Vec<_> = accounts.iter().filter(|account| !account.balances()).collect();
    let is_good = wrong.is_empty() && !accounts.is_empty();
    html! {
        li.good[is_good].bad[!wrong.is_empty()] {
            (mark(is_good))
            div {
                @if accounts.is_empty() {
                    strong { "No accounts." } " No connection was measured."
                } @else if wrong.is_empty() {
                    strong { "All balanced." } " Of " (words::count(accounts.len() as u64, "account"))
                    ", each counts the same bytes on all sides."
                } @else {
                    strong { (wrong.len()) " of " (words::count(accounts.len() as u64, "account")) " not balanced." }
                    " Somebody counted otherwise in "
                    @for (at, account) in wrong.iter().enumerate() {
                        @if at > 0 { ", " }
                        a href={ "#" (text::anchor("account-", &account.experiment)) } { (account.experiment) }
                    }
                    "."
                }
            }
        }
    }
}

/// A tick or a cross for those who see; the words beside it say the same.
pub(super) fn mark(is_good: bool) -> Markup {
    html! { span.mark aria-hidden="true" { (if is_good { "✓" } else { "✗" }) } }
}
