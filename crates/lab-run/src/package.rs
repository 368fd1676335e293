//! Builds programs, and packs files into an archive.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use labnet::{
    Error,
    file::{Permissions, Staged},
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A file of an archive.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Its path in the archive, with `/`.
    pub name: String,
    /// Its permissions, as Unix has them: `0o755`.
    pub mode: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Builds packages with optimisation, for another target if one is named. Yields where cargo put the programs.
///
/// # Errors
/// [`Error::System`] if cargo cannot be run, or fails.
pub fn build(workspace: &Path, packages: &[&str], target: Option<&str>) -> Result<Vec<PathBuf>, Error> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--profile", "submission", "--message-format", "json-render-diagnostics", "--manifest-path"]);
    cargo.arg(workspace.join("Cargo.toml"));
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.args(target.into_iter().flat_map(|target| ["--target", target]));
    let attempt = "build the programs";
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|source| Error::System { attempt, source })?;
    if !output.status.success() {
        let source = io::Error::other("cargo build failed, see above");
        return Err(Error::System { attempt, source });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    Ok(artifacts.filter_map(|artifact| artifact.get("executable")?.as_str().map(PathBuf::from)).collect())
}

/// The program of a package, among those that were built.
///
/// # Errors
/// [`Error::File`] if it is not there.
pub fn find<'a>(programs: &'a [PathBuf], package: &str) -> Result<&'a PathBuf, Error> {
    let is_it = |program: &&PathBuf| program.file_stem().is_some_and(|stem| stem == package);
    programs.iter().find(is_it).ok_or_else(|| failed("find", Path::new(package), io::ErrorKind::NotFound.into()))
}

/// Writes an archive, whole or not at all; one that is there is replaced.
///
/// # Errors
/// [`Error::File`].
pub fn zip(files: &[Packed], archive: &Path, permissions: Permissions) -> Result<(), Error> {
    let pack = || {
        let mut zip = ZipWriter::new(Staged::new(archive, permissions)?);
        for Packed { name, mode, bytes } in files {
            zip.start_file(name, SimpleFileOptions::default().unix_permissions(*mode))?;
            zip.write_all(bytes)?;
        }
        zip.finish()?.replace()
    };
    pack().map_err(|source| failed("write", archive, source))
}

/// The error of something that was attempted on a file.
pub fn failed(attempt: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { attempt, path: path.display().to_string(), source }
}

/// What is in a file.
///
/// # Errors
/// [`Error::File`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| failed("read", path, source))
}
