//! The page of a class: a row for each submission, and for each case how many passed.

use lab_page::mark;
use maud::{Markup, html};

use super::{SUBMISSIONS, of, page_of, shown};
use crate::{
    cases::CASES,
    results::{Grades, SubmissionResult, Verdict},
};

pub(super) fn page(grades: &Grades) -> String {
    let all = grades.submissions.len();
    let body = html! {
        header {
            h1 { "Grades" }
            dl.run {
                div { dt { "Submissions" } dd { (all) } }
                div { dt { "Finished" } dd { (of(grades.submissions.iter().filter(|one| one.is_complete).count(), all)) } }
                div { dt { "Seed" } dd { (grades.seed) } }
            }
        }
        main {
            nav.contents aria-labelledby="contents" {
                h2 #contents { "Contents" }
                ul {
                    li { a href="#submissions" { "Submissions" } }
                    li { a href="#cases" { "Cases" } }
                }
            }
            div.answers {
                section aria-labelledby="submissions" {
                    h2 #submissions { "Submissions" }
                    (submissions(grades))
                }
                section aria-labelledby="cases" {
                    h2 #cases { "Cases" }
                    (cases(grades))
                }
            }
        }
    };
    lab_page::document("Grades", ("submissions", "submissions"), &body)
}

fn submissions(grades: &Grades) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label="Submissions, a table" {
            table {
                caption { "The points of each submission. A note costs nothing." }
                thead {
                    tr {
                        th scope="col" { "Submission" }
                        th.amount scope="col" { "Points" }
                        th.amount scope="col" { "Bonus" }
                        th.amount scope="col" { "Cases passed" }
                        th scope="col" { "Notes" }
                    }
                }
                tbody { @for submission in &grades.submissions { (row(submission)) } }
            }
        }
    }
}

fn row(submission: &SubmissionResult) -> Markup {
    let address = format!("{SUBMISSIONS}/{}", page_of(&submission.name));
    html! {
        tr {
            th scope="row" {
                a href=(address) { (shown(&submission.name)) }
                @if !submission.is_complete { " (not finished)" }
            }
            td.amount { (submission.own_score()) " of " (submission.max_score) }
            td.amount { (submission.bonus()) " of " (submission.max_bonus()) }
            td.amount { (of(submission.passed(), submission.cases.len())) }
            td { @for (at, note) in submission.notes.iter().enumerate() { @if at > 0 { br; } (shown(note)) } }
        }
    }
}

fn cases(grades: &Grades) -> Markup {
    let rows = CASES.iter().filter_map(|case| {
        let results: Vec<_> = grades.cases().filter(|result| result.name == case.name).collect();
        let count = |verdict: fn(Verdict) -> bool| results.iter().filter(|result| verdict(result.verdict)).count();
        let passed = count(Verdict::is_passed);
        let skipped = count(|verdict| verdict == Verdict::Skipped);
        let unstable = results.iter().filter(|result| result.is_unstable).count();
        (!results.is_empty()).then_some((case, passed, results.len(), skipped, unstable))
    });
    html! {
        div.scroll tabindex="0" role="group" aria-label="Cases, a table" {
            table {
                caption { "How many submissions passed each case." }
                thead {
                    tr {
                        th scope="col" { "Case" }
                        th scope="col" { "Question" }
                        th.amount scope="col" { "Points" }
                        th.amount scope="col" { "Passed" }
                        th.amount scope="col" { "Skipped" }
                        th.amount scope="col" { "Unstable" }
                        th scope="col" { "Why it is there" }
                    }
                }
                tbody {
                    @for (case, passed, all, skipped, unstable) in rows {
                        tr {
                            th scope="row" { (mark(passed == all)) " " (case.name) }
                            td { (case.question) }
                            td.amount { (case.points) }
                            td.amount { (of(passed, all)) }
                            td.amount { (skipped) }
                            td.amount { (unstable) }
                            td { (case.reason) }
                        }
                    }
                }
            }
        }
    }
}
