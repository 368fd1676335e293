//! The summary of a report on stdout, and the exit status.

use std::process::ExitCode;

use lab_diagnosis::Severity;
use lab_report::{
    Error,
    sheet::{AnswerSheet, ExperimentReport, Reconciliation, State},
};
use labnet::cli::Console;

/// Prints the summary of a report.
///
/// # Errors
/// [`Error::Faults`] if a program has faults; [`Error::Unbalanced`] if a check does not hold; [`Error::Experiments`] if an experiment failed.
pub(crate) fn conclude(sheet: &AnswerSheet, page: &str, console: &Console) -> Result<ExitCode, Error> {
    let answered = sheet.answers.iter().filter(|answer| answer.is_answered()).count();
    let (reconciliations, balanced) = (
        sheet.reconciliations.len(),
        sheet.reconciliations.iter().filter(|reconciliation| reconciliation.balances()).count(),
    );
    let done = sheet.experiments.iter().filter(|experiment| experiment.state == State::Done).count();
    let failed = sheet.experiments.iter().filter(|experiment| experiment.state == State::Failed);
    // A finding about the program says more than that its experiment failed.
    let is_explained = |experiment: &ExperimentReport| {
        sheet.findings.iter().any(|finding| experiment.name.starts_with(part_of(&finding.program)))
    };
    for experiment in failed.clone().filter(|experiment| !is_explained(experiment)) {
        let trouble = experiment.trouble.as_deref().and_then(|trouble| trouble.lines().next()).unwrap_or_default();
        console.err.warn(format_args!("{}: {trouble}", experiment.name));
    }
    for finding in &sheet.findings {
        console.err.warn(format_args!("{}: {}: {}", finding.program, finding.id.name(), finding.text));
    }
    let faults = sheet.findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
    console.out.line(format_args!(
        "{done} of {} experiments made, {answered} of {} questions answered, {balanced} of {reconciliations} connections \
         accounted for to the byte, in {:.1} s",
        sheet.experiments.len(),
        sheet.answers.len(),
        sheet.run.seconds,
    ))?;
    console.out.line(format_args!("report: {page}"))?;
    let unbalanced: Vec<&Reconciliation> =
        sheet.reconciliations.iter().filter(|reconciliation| !reconciliation.balances()).collect();
    match (unbalanced.first(), failed.count()) {
        (_, _) if faults > 0 => Err(Error::Faults { faults: faults as u64 }),
        (None, 0) => Ok(ExitCode::SUCCESS),
        (None, failed) => Err(Error::Experiments { failed, of: sheet.experiments.len() }),
        (Some(reconciliation), _) => {
            let check = reconciliation.checks.iter().find(|check| !check.holds);
            let claim = check.map(|check| format!("{} ({})", check.claim, check.numbers)).unwrap_or_default();
            Err(Error::Unbalanced { experiment: reconciliation.experiment.clone(), claim, page: page.to_owned() })
        }
    }
}

/// The part in the name of a program: `part4` of `part4-sender`; Code A to D are part 1.
fn part_of(program: &str) -> &str {
    if program.starts_with("code-") { "part1" } else { program.get(..5).unwrap_or(program) }
}
