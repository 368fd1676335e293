//! The results as files, each made from [`Grades`] alone.

mod gradescope;
mod html;
mod junit;
mod table;
pub mod terminal;

use std::path::{Path, PathBuf};

use labnet::file::{self, Permissions};

use serde::Serialize;

use crate::{Error, results::Grades};

pub use html::Pages;

/// Makes the text of a file.
type Make = fn(&Grades) -> Result<String, Error>;

/// The files that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// JSON: [`Grades`]. Beside it is its schema: `grades.schema.json` for `grades.json`.
    pub json: Option<PathBuf>,
    /// JUnit XML.
    pub junit: Option<PathBuf>,
    /// The `results.json` of Gradescope.
    pub gradescope: Option<PathBuf>,
    /// A table: a line for each case.
    pub csv: Option<PathBuf>,
    /// Pages.
    pub html: Option<Pages>,
}

impl Outputs {
    /// Whether the JSON goes to stdout.
    pub fn is_json_on_stdout(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// Writes all files; each appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Format`].
    pub fn write(&self, grades: &Grades) -> Result<(), Error> {
        self.write_after(grades, None)
    }

    /// The same when nothing but the results of one submission has changed; `None` for all.
    ///
    /// # Errors
    /// Those of [`Outputs::write`].
    pub fn write_after(&self, grades: &Grades, submission: Option<&str>) -> Result<(), Error> {
        let files: [(&Option<PathBuf>, Make); 4] = [
            (&self.json, json),
            (&self.junit, junit::xml),
            (&self.gradescope, gradescope::json),
            (&self.csv, table::csv),
        ];
        for (path, make) in files {
            let Some(path) = path.as_deref().filter(|path| *path != Path::new("-")) else { continue };
            let text = make(grades)?;
            file::replace(path, text.as_bytes(), Permissions::Umask).map_err(Error::file("write", path))?;
        }
        // It is the same for all results.
        if let Some(path) = self.json.as_deref().filter(|path| submission.is_none() && *path != Path::new("-")) {
            let path = path.with_extension("schema.json");
            file::replace(&path, schema()?.as_bytes(), Permissions::Umask).map_err(Error::file("write", &path))?;
        }
        self.html.as_ref().map_or(Ok(()), |pages| pages.write(grades, submission))
    }
}

/// The JSON Schema (2020-12) of the results. Its descriptions are the documentation of [`Grades`].
///
/// # Errors
/// [`Error::Format`].
pub fn schema() -> Result<String, Error> {
    pretty(&schemars::schema_for!(Grades))
}

/// The results as JSON.
///
/// # Errors
/// [`Error::Format`].
pub fn json(grades: &Grades) -> Result<String, Error> {
    pretty(grades)
}

fn pretty(value: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|error| Error::Format { format: "JSON", reason: error.to_string() })
}
