//! `lab-report --from facts.json`: the report of an earlier run, without running anything, on any system.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::ExitCode,
};

use lab_report::{Error, folder, report};
use lab_testbed::facts::{RunFacts, SCHEMA};
use labnet::cli::Console;

use super::{arguments::Arguments, conclusion};

/// Reads facts and writes their report. Copies captures and outputs into another folder.
pub(crate) fn render(path: &Path, arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    let facts = read(path)?;
    let (from, out) = (path.parent().unwrap_or(Path::new("")), arguments.out());
    let sheet = report::sheet(&facts);
    folder::copy_run_files(from, &out, &facts)?;
    folder::write(&out, &sheet)?;
    conclusion::conclude(&sheet, &folder::page(&out), console)
}

fn read(path: &Path) -> Result<RunFacts, Error> {
    let file_error = |source| labnet::Error::File { attempt: "read", path: path.display().to_string(), source };
    let file = File::open(path).map_err(file_error)?;
    if file.metadata().map_err(file_error)?.is_dir() {
        return Err(file_error(io::ErrorKind::IsADirectory.into()).into());
    }
    let text = fs::read(path).map_err(file_error)?;
    let no_facts = |complaint: String| Error::NoFacts { path: path.to_owned(), complaint };
    let facts: RunFacts = serde_json::from_slice(&text)
        .map_err(|error| no_facts(format!("these are not the facts of a run: {error}")))?;
    if facts.schema != SCHEMA {
        return Err(no_facts(format!("its facts have version {}; this program reads version {SCHEMA}", facts.schema)));
    }
    Ok(facts)
}
