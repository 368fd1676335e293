//! The table has each finding once, and findings read as their names.

use crate::{DIAGNOSES, FindingId};

#[test]
fn each_finding_has_its_row_in_its_place() {
    for (place, row) in DIAGNOSES.iter().enumerate() {
        assert_eq!(row.id as usize, place, "{:?}", row.id);
        assert_eq!(row.id.diagnosis().id, row.id);
        assert!(row.words.ends_with('.') && row.advice.ends_with('.') && !row.evidence.is_empty(), "{:?}", row.id);
    }
    assert_eq!(FindingId::DiesOnPlainText as usize + 1, DIAGNOSES.len());
}
