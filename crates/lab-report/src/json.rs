//! The sheet as JSON, for programs, with a JSON Schema (2020-12) that says what each property means.

use lab_testbed::facts::RunFacts;
use serde::Serialize;

use crate::{Error, sheet::AnswerSheet};

/// The name of the answers as data.
pub const ANSWERS: &str = "answers.json";

/// The name of the facts that all the rest is made of.
pub const FACTS: &str = "facts.json";

/// The name of the shape of the data.
pub const SCHEMA: &str = "answers.schema.json";

/// `answers.json`: everything on the page but the figures.
///
/// # Errors
/// [`Error::Json`], which would be a defect of ours.
pub fn answers(sheet: &AnswerSheet) -> Result<String, Error> {
    pretty("the answers", sheet)
}

/// `facts.json`: what was measured; [`lab_testbed::facts::RunFacts`] says what is in it.
///
/// # Errors
/// [`Error::Json`], which would be a defect of ours.
pub fn facts(facts: &RunFacts) -> Result<String, Error> {
    pretty("the facts", facts)
}

/// `answers.schema.json`: the shape of `answers.json`; its descriptions are the documentation of [`crate::sheet`].
///
/// # Errors
/// [`Error::Json`], which would be a defect of ours.
pub fn schema() -> Result<String, Error> {
    pretty("the schema", &schemars::schema_for!(AnswerSheet))
}

fn pretty(what: &'static str, value: &impl Serialize) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| Error::Json { what, source })?;
    text.push('\n');
    Ok(text)
}
