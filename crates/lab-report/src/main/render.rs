//! `lab-report --from facts.json`: the report of an earlier run, without running anything, on any system.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::ExitCode,
};

use lab_report::{folder, report};
use lab_testbed::facts::{Facts, SCHEMA};
use labnet::{Error, cli::Console};

use super::{arguments::Arguments, conclusion};

/// Reads facts and writes their report; captures and outputs go with it when its folder is another one.
pub(crate) fn render(path: &Path, arguments: &Arguments, console: &Console) -> Result<ExitCode, Error> {
    let facts = read(path)?;
    let (from, out) = (path.parent().unwrap_or(Path::new("")), arguments.out());
    let sheet = report::sheet(&facts);
    let failed = |error: lab_report::Error| Error::Report { complaint: error.to_string() };
    folder::copy_evidence(from, &out, &facts).and_then(|()| folder::write(&out, &sheet)).map_err(failed)?;
    conclusion::conclude(&sheet, &folder::page(&out), console)
}

fn read(path: &Path) -> Result<Facts, Error> {
    let file_error = |source| Error::File { attempt: "read", path: path.display().to_string(), source };
    let file = File::open(path).map_err(file_error)?;
    if file.metadata().map_err(file_error)?.is_dir() {
        return Err(file_error(io::ErrorKind::IsADirectory.into()));
    }
    let text = fs::read(path).map_err(file_error)?;
    let complaint = |complaint: String| Error::Report { complaint: format!("{}: {complaint}", path.display()) };
    let facts: Facts = serde_json::from_slice(&text)
        .map_err(|error| complaint(format!("these are not the facts of a run: {error}")))?;
    if facts.schema != SCHEMA {
        return Err(complaint(format!("its facts have version {}; this program reads version {SCHEMA}", facts.schema)));
    }
    Ok(facts)
}
