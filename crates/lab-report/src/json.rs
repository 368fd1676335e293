//! Facts and the answer sheet as JSON, with a JSON Schema (2020-12) of the sheet.

use lab_testbed::facts::RunFacts;
use serde::Serialize;

use crate::{Error, sheet::AnswerSheet};

/// The file name of the answer sheet.
pub const ANSWERS: &str = "answers.json";

/// The file name of the facts.
pub const FACTS: &str = "facts.json";

/// The file name of the JSON Schema.
pub const SCHEMA: &str = "answers.schema.json";

/// `answers.json`: the answer sheet without figures.
///
/// # Errors
/// [`Error::Json`], a defect of ours.
pub fn answers(sheet: &AnswerSheet) -> Result<String, Error> {
    pretty("the answers", sheet)
}

/// `facts.json`: the facts of a run; [`lab_testbed::facts::RunFacts`] says what is in it.
///
/// # Errors
/// [`Error::Json`], a defect of ours.
pub fn facts(facts: &RunFacts) -> Result<String, Error> {
    pretty("the facts", facts)
}

/// `answers.schema.json`: the JSON Schema of `answers.json`. Its descriptions are the documentation of [`crate::sheet`].
///
/// # Errors
/// [`Error::Json`], a defect of ours.
pub fn schema() -> Result<String, Error> {
    pretty("the schema", &schemars::schema_for!(AnswerSheet))
}

fn pretty(what: &'static str, value: &impl Serialize) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| Error::Json { what, source })?;
    text.push('\n');
    Ok(text)
}
