//! The results as text: the table of a submission, and the story of a case.

use std::fmt::Write;

use labnet::escape::escape;

use crate::results::{CaseResult, Grades, SubmissionResult, Verdict};

/// The table of a submission, and the stories of the cases that were not passed.
pub fn submission(submission: &SubmissionResult) -> String {
    let mut text = format!("{}\n", escape(&submission.name));
    for note in &submission.notes {
        let _ = writeln!(text, "  note: {}", escape(note));
    }
    let width = submission.cases.iter().map(|case| case.name.len()).max().unwrap_or_default();
    for case in &submission.cases {
        let bonus = if case.is_bonus { " bonus" } else { "" };
        let score = format!("{}/{}{bonus}", case.score(), case.points);
        let remark = remark(case);
        let line =
            format!("  {:width$}  {:<3}  {score:<9}  {}{remark}", case.name, case.question, case.verdict.words());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let bonus_points = match submission.max_bonus() {
        0 => String::new(),
        all => format!(" and {} of {all} bonus points", submission.bonus()),
    };
    let (score, max) = (submission.own_score(), submission.max_score);
    let (passed, all) = (submission.passed(), submission.cases.len());
    let _ = writeln!(text, "{score} of {max} points{bonus_points}; {passed} of {all} cases passed");
    for case in submission.cases.iter().filter(|case| has_story(case)) {
        let _ = write!(text, "\n{}", story(case));
    }
    text
}

/// The cases that a line of a class names (ours: they fit beside the name).
const FEW: usize = 4;

/// A line for each submission, and one for each note.
pub fn class(grades: &Grades) -> String {
    let width = grades.submissions.iter().map(|submission| submission.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for submission in &grades.submissions {
        let failed = submission.cases.iter().filter(|case| !case.verdict.is_passed());
        let mut failed: Vec<String> = failed.map(|case| case.name.clone()).collect();
        if failed.len() > FEW {
            let more = format!("and {} more", failed.split_off(FEW).len());
            failed.push(more);
        }
        let (score, max) = (submission.score, submission.max_score);
        let name = escape(&submission.name).to_string();
        let _ = writeln!(text, "{name:width$}  {score:>3}/{max}  {}", failed.join(" ").trim_end());
        for note in &submission.notes {
            let _ = writeln!(text, "  note: {}", escape(note));
        }
    }
    text
}

fn has_story(case: &CaseResult) -> bool {
    !matches!(case.verdict, Verdict::Passed | Verdict::Skipped) || case.is_unstable
}

/// What stands behind a verdict: names of findings, what is missing.
fn remark(case: &CaseResult) -> String {
    let unstable = if case.is_unstable { "  (unstable: failed once)" } else { "" };
    let missing = case.missing.as_deref().map(|missing| format!(": {}", escape(missing))).unwrap_or_default();
    let names: Vec<String> = case.findings.iter().map(|finding| finding.id.name()).collect();
    let names = if names.is_empty() { String::new() } else { format!("  {}", names.join(" ")) };
    format!("{missing}{unstable}{names}")
}

/// Why a case has its verdict, in a line or two.
pub fn summary(case: &CaseResult) -> String {
    let findings = case.findings.iter().map(|finding| format!("{}: {}", finding.id.name(), finding.text));
    let mismatch = case.expected.iter().zip(&case.got).map(|(expected, got)| format!("expected {expected}; got {got}"));
    let missing = case.missing.iter().cloned();
    let parts: Vec<String> =
        [case.verdict.words().to_owned()].into_iter().chain(missing).chain(findings).chain(mismatch).collect();
    escape(&parts.join(". ")).to_string()
}

/// The story of a case: what was expected, what was found, what happened step by step, and where its packets are.
pub fn story(case: &CaseResult) -> String {
    let mut text = format!("{} ({}): {}\n", case.name, case.verdict.words(), case.reason);
    let mut line = |label: &str, what: &str| {
        let _ = writeln!(text, "  {label:<9} {}", escape(what));
    };
    case.missing.iter().for_each(|missing| line("missing", missing));
    case.expected.iter().for_each(|expected| line("expected", expected));
    case.got.iter().for_each(|got| line("got", got));
    for finding in &case.findings {
        line("finding", &format!("{}: {}", finding.id.name(), finding.text));
        line("advice", &finding.advice);
    }
    for (at, step) in case.story.iter().enumerate() {
        line(if at == 0 { "story" } else { "" }, step);
    }
    case.capture.iter().for_each(|capture| line("capture", capture));
    case.output.iter().for_each(|output| line("output", output));
    text
}
