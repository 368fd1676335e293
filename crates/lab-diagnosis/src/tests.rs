//! The table has each finding once, and findings read as their names.

use crate::{DIAGNOSES, FindingId, Severity};

#[test]
fn each_finding_has_its_row_in_its_place() {
    for (place, row) in DIAGNOSES.iter().enumerate() {
        assert_eq!(row.id as usize, place, "{:?}", row.id);
        assert_eq!(row.id.diagnosis().id, row.id);
        assert!(row.words.ends_with('.') && row.advice.ends_with('.') && !row.evidence.is_empty(), "{:?}", row.id);
    }
    assert_eq!(FindingId::DiesOnPlainText as usize + 1, DIAGNOSES.len());
}

/// The table as README.md has it.
fn markdown() -> String {
    let mut table = "| id | part | | what proves it |\n|---|---|---|---|\n".to_owned();
    for row in DIAGNOSES {
        let severity = match row.severity {
            Severity::Fault => "fault",
            Severity::Remark => "remark",
        };
        let question = if row.question.is_empty() { String::new() } else { format!(", {}", row.question) };
        table += &format!("| `{}` | {}{question} | {severity} | {} |\n", row.id.name(), row.part, row.evidence);
    }
    table
}

#[test]
fn the_readme_has_the_table() {
    let table = markdown();
    assert!(include_str!("../README.md").ends_with(&table), "README.md is to end with:\n{table}");
}

#[test]
fn the_name_of_a_finding_is_that_in_json() {
    for row in DIAGNOSES {
        assert_eq!(serde_json::to_value(row.id).unwrap(), row.id.name());
    }
}
