//! The report: runs lab-report, and checks that all questions have answers.

use std::time::Duration;

use labnet::Error;

use crate::runner::{ExperimentError, Runner, check};

/// The time limit of lab-report on a busy machine (ours).
const TIMEOUT: Duration = Duration::from_secs(180);

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    let mut page = None;
    runner.experiment("lab-report: Q1 to Q28, answered from captures", |runner| {
        page = write(runner)?;
        Ok(())
    })?;
    page.into_iter().for_each(|page| runner.remember(page));
    Ok(())
}

/// The line with the path of the page; `None` on a system without private networks.
fn write(runner: &Runner) -> Result<Option<String>, ExperimentError> {
    let folder = runner.folder().with_file_name("lab-report").display().to_string();
    let outcome = runner.start("lab-report", &["--out", &folder])?.finish(TIMEOUT)?;
    let said = outcome.stderr();
    if outcome.code() == 1 && said.contains("private network") && outcome.stdout.is_empty() {
        runner.show([format!("skipped: lab-report: {}", said.trim())].iter())?;
        return Ok(None);
    }
    runner.show(outcome.lines.iter().map(|line| &line.text))?;
    check("exit status 0", outcome.code() == 0)?;
    let shown = outcome.stdout();
    check("all questions answered", shown.contains("28 of 28 questions answered"))?;
    Ok(shown.lines().find(|line| line.starts_with("report: ")).map(str::to_owned))
}
