//! The `results.json` that Gradescope's autograder reads (gradescope-autograders.readthedocs.io, "specs").
//!
//! Gradescope grades one submission at a time; the results of several are one list, each test with its submission's name.

use serde::Serialize;

use super::terminal;
use crate::{
    Error,
    results::{CaseResult, Grades},
};

#[derive(Serialize)]
struct Results {
    score: u32,
    output: String,
    visibility: &'static str,
    stdout_visibility: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    number: String,
    score: u32,
    max_score: u32,
    status: &'static str,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
}

/// The results.
pub(super) fn json(grades: &Grades) -> Result<String, Error> {
    let is_one = grades.submissions.len() == 1;
    let tests = grades.submissions.iter().flat_map(|submission| {
        let prefix = if is_one { String::new() } else { format!("{}: ", submission.name) };
        submission.cases.iter().map(move |case| test(case, &prefix))
    });
    let notes = grades.submissions.iter().flat_map(|submission| {
        let unfinished = (!submission.is_complete).then(|| "not all cases are decided".to_owned());
        submission.notes.iter().cloned().chain(unfinished)
    });
    let notes: Vec<String> = notes.collect();
    let results = Results {
        score: grades.submissions.iter().map(|submission| submission.score).sum(),
        output: labnet::escape::escape_lines(&notes.join("\n")).into_owned(),
        visibility: "visible",
        // What programs print is in the tests, escaped.
        stdout_visibility: "hidden",
        tests: tests.collect(),
    };
    let json = serde_json::to_string_pretty(&results);
    json.map(|json| json + "\n").map_err(|error| Error::Format { format: "JSON", reason: error.to_string() })
}

fn test(case: &CaseResult, prefix: &str) -> Test {
    Test {
        name: format!("{prefix}{}: {}", case.name, case.reason),
        number: case.question.clone(),
        score: case.score(),
        max_score: case.points,
        status: if case.verdict.is_passed() { "passed" } else { "failed" },
        output: if case.verdict.is_passed() { terminal::summary(case) } else { terminal::story(case) },
        // Never as HTML: it has text of programs in it.
        output_format: "text",
        visibility: "visible",
    }
}
