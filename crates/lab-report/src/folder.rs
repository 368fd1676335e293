//! Writes the files of a report. Its captures and outputs are in the folder before.

use std::{ffi::OsString, fs, io, path::Path};

use lab_testbed::facts::RunFacts;
use labnet::file::{self, Permissions};

use crate::{Error, json, page, sheet::AnswerSheet};

/// The file name of the page.
pub const PAGE: &str = "index.html";

/// The path of the page in the folder of a report, as text.
pub fn page(folder: &Path) -> String {
    folder.join(PAGE).display().to_string()
}

/// Writes [`PAGE`], [`ANSWERS`](json::ANSWERS) and [`SCHEMA`](json::SCHEMA) into the folder, which is made if it is missing.
/// Each file appears whole or not at all, and replaces an older one: an interrupted run leaves the older report readable.
///
/// # Errors
/// [`Error::File`] with the attempt and the path; [`Error::Json`].
pub fn write(folder: &Path, sheet: &AnswerSheet) -> Result<(), Error> {
    // The page last: it links the other files.
    put(folder, json::SCHEMA, &json::schema()?)?;
    put(folder, json::ANSWERS, &json::answers(sheet)?)?;
    put(folder, PAGE, &page::html(sheet))
}

/// Whether a report may be written into a folder: one that is missing, empty, or has a report in it.
///
/// # Errors
/// [`Error::Occupied`] for a folder with files of somebody else's; [`Error::File`] if it cannot be read.
pub fn check(folder: &Path) -> Result<(), Error> {
    let error = |source| Error::File { attempt: "read", path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Whoever makes the folder will say what stands in the way.
        Err(missing) if matches!(missing.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(source) => return Err(error(source)),
    };
    let names =
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>().map_err(error)?;
    // An interrupted run may have left its first captures alone.
    let of_a_report = |name: &OsString| [json::SCHEMA, json::FACTS].iter().any(|file| name == file);
    let of_a_run = |name: &OsString| [CAPTURES, OUTPUTS].iter().any(|folder| name == folder);
    if names.iter().any(of_a_report) || names.iter().all(of_a_run) {
        return Ok(());
    }
    Err(Error::Occupied { path: folder.to_owned() })
}

/// The folders of a run.
const CAPTURES: &str = "captures";
const OUTPUTS: &str = "output";

/// Removes captures and outputs that an earlier run has left and that are not of these facts.
///
/// # Errors
/// [`Error::File`] with the attempt and the path.
pub fn remove_leftovers(folder: &Path, facts: &RunFacts) -> Result<(), Error> {
    for experiment in &facts.experiments {
        let files = [
            (experiment.has_capture, experiment.scenario.capture()),
            (experiment.has_output, experiment.scenario.output()),
        ];
        for (_, name) in files.into_iter().filter(|(is_there, _)| !is_there) {
            let path = folder.join(name);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::File { attempt: "remove", path, source });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Writes [`FACTS`](json::FACTS) into the folder, in the same way.
///
/// # Errors
/// [`Error::File`] with the attempt and the path; [`Error::Json`].
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

/// Writes facts into another folder, and copies the captures and outputs of their run there. Skips missing files. Does
/// nothing if both folders are the same.
///
/// # Errors
/// [`Error::File`] with the attempt and the path; [`Error::Json`].
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
