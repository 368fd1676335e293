//! A table for a spreadsheet: a line for each case.

use csv::Writer;
use labnet::escape::escape;

use super::terminal;
use crate::{Error, results::Grades};

const HEAD: [&str; 11] =
    ["submission", "case", "program", "question", "points", "score", "verdict", "unstable", "findings", "why", "notes"];

/// The table.
pub(super) fn csv(grades: &Grades) -> Result<String, Error> {
    let failed = |reason: String| Error::Format { format: "CSV", reason };
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(HEAD).map_err(|error| failed(error.to_string()))?;
    for submission in &grades.submissions {
        for case in &submission.cases {
            let findings: Vec<String> = case.findings.iter().map(|finding| finding.id.name()).collect();
            let line = [
                plain(&submission.name),
                case.name.clone(),
                case.program.clone(),
                case.question.clone(),
                case.points.to_string(),
                case.score().to_string(),
                case.verdict.words().to_owned(),
                if case.is_unstable { "unstable" } else { "" }.to_owned(),
                findings.join(" "),
                plain(&if case.verdict.is_passed() { String::new() } else { terminal::summary(case) }),
                plain(&submission.notes.join("; ")),
            ];
            writer.write_record(line).map_err(|error| failed(error.to_string()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

/// Text that a spreadsheet does not take for a formula.
fn plain(text: &str) -> String {
    let escaped = escape(text).to_string();
    if escaped.starts_with(['=', '+', '-', '@']) { format!("'{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_is_no_formula() {
        assert_eq!(plain("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(plain("a\n=b"), "a\\n=b");
    }
}
