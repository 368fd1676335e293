//! JUnit XML, as continuous integration reads it: a suite for each submission.

use std::time::Duration;

use labnet::escape::escape_lines;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::terminal;
use crate::{
    Error,
    results::{CaseResult, Grades, Verdict},
};

/// The report.
pub(super) fn xml(grades: &Grades) -> Result<String, Error> {
    let mut report = Report::new("lab-grade");
    for submission in &grades.submissions {
        let mut suite = TestSuite::new(submission.name.as_str());
        suite.add_test_cases(submission.cases.iter().map(test_case));
        if !submission.notes.is_empty() {
            suite.set_system_out(escape_lines(&submission.notes.join("\n")).as_ref());
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| Error::Format { format: "JUnit", reason: error.to_string() })
}

fn test_case(case: &CaseResult) -> TestCase {
    let message = |mut status: TestCaseStatus| {
        status.set_message(terminal::summary(case));
        status
    };
    let status = match case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Skipped => message(TestCaseStatus::skipped()),
        Verdict::Failed => message(TestCaseStatus::non_success(NonSuccessKind::Failure)),
        _ => message(TestCaseStatus::non_success(NonSuccessKind::Error)),
    };
    let mut test = TestCase::new(case.name.as_str(), status);
    test.set_classname(case.program.as_str()).set_time(Duration::from_secs_f64(case.seconds.max(0.0)));
    if !case.verdict.is_passed() {
        test.set_system_out(terminal::story(case));
    }
    test
}
