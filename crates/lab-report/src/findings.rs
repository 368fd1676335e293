//! Findings in words.

use lab_diagnosis::Finding;

use crate::sheet::FindingReport;

/// A finding, for the sheet.
pub(crate) fn report(finding: Finding) -> FindingReport {
    let row = finding.id.diagnosis();
    FindingReport {
        id: finding.id,
        severity: row.severity,
        program: finding.program.name().to_owned(),
        question: row.question.to_owned(),
        text: finding.sentence(),
        advice: row.advice.to_owned(),
        proof: finding.proof,
    }
}
