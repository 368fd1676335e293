//! The report as files of a folder. The captures and the output of programs, which the page links, are there before.

use std::{fs, path::Path};

use lab_testbed::facts::RunFacts;
use labnet::file::{self, Permissions};

use crate::{Error, json, page, sheet::AnswerSheet};

/// The page.
pub const PAGE: &str = "index.html";

/// Where the page is in the folder of a report, as text.
pub fn page(folder: &Path) -> String {
    folder.join(PAGE).display().to_string()
}

/// Writes [`PAGE`], [`ANSWERS`](json::ANSWERS) and [`SCHEMA`](json::SCHEMA) into the folder, which is made if need be. Each appears whole or not at
/// all, in place of one that was there: an interrupted run leaves the earlier report readable.
///
/// # Errors
/// [`Error::File`] with what was attempted on which path.
pub fn write(folder: &Path, sheet: &AnswerSheet) -> Result<(), Error> {
    // The page last: whoever sees a new one finds the data that it links.
    put(folder, json::SCHEMA, &json::schema()?)?;
    put(folder, json::ANSWERS, &json::answers(sheet)?)?;
    put(folder, PAGE, &page::html(sheet))
}

/// Writes [`FACTS`](json::FACTS) into the folder, in the same way.
///
/// # Errors
/// [`Error::File`] with what was attempted on which path.
pub fn write_facts(folder: &Path, facts: &RunFacts) -> Result<(), Error> {
    put(folder, json::FACTS, &json::facts(facts)?)
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let error = |source| Error::File { attempt: "make the folder", path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(error)?;
    let path = folder.join(name);
    file::replace(&path, text.as_bytes(), Permissions::Umask).map_err(|source| Error::File {
        attempt: "write",
        path,
        source,
    })
}

/// Puts facts, and the captures and outputs that they name, from the folder of the run into that of a
/// report; those that are not there any more are left out.
///
/// # Errors
/// [`Error::File`] with what was attempted on which path.
pub fn copy_run_files(from: &Path, to: &Path, facts: &RunFacts) -> Result<(), Error> {
    let is_same = from.canonicalize().ok().is_some_and(|from| to.canonicalize().ok() == Some(from));
    if is_same {
        return Ok(());
    }
    write_facts(to, facts)?;
    for experiment in &facts.experiments {
        let capture = experiment.has_capture.then(|| experiment.scenario.capture());
        let output = experiment.has_output.then(|| experiment.scenario.output());
        for name in capture.into_iter().chain(output) {
            let (source, path) = (from.join(&name), to.join(&name));
            if !source.is_file() {
                continue;
            }
            let copied = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(&source, &path));
            copied.map_err(|source| Error::File { attempt: "write", path, source })?;
        }
    }
    Ok(())
}
