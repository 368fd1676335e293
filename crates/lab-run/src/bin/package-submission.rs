//! Builds the programs for submission, and packs them into a folder and an archive.
//!
//! Usage: `package-submission ID1 ID2` · `package-submission ID1 ID2 --out DIR --report report.pdf`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;

use lab_run::package::{self, Packed, failed, read};
use labnet::{
    Error,
    cli::{self, Console},
    file::{self, Permissions},
    tls::Credentials,
};
use ttp::CaDirectory;

/// The programs of a submission: the package, and the beginning of the file name.
const PROGRAMS: [(&str, &str); 6] = [
    ("part2-pdc", "Part2"),
    ("part3-reset", "Part3"),
    ("part4-receiver", "Part4_Receiver"),
    ("part4-sender", "Part4_Sender"),
    ("part5-ws", "Part5"),
    ("part6-pmu", "Part6_PMU"),
];

/// Build and pack the submission of a group of two: Lab3_ID1_ID2/ and Lab3_ID1_ID2.zip
#[derive(Parser)]
#[command(
    name = "package-submission",
    version,
    after_help = "Examples:
  scripts/package-submission 123456 654321
  scripts/package-submission 123456 654321 --out /tmp --report report.pdf
  scripts/package-submission 123456 654321 --target x86_64-unknown-linux-musl

The key and certificate of ID1 are those in certs/; they are made when they are
missing."
)]
struct Arguments {
    /// The Camipro number whose key and certificate are handed in
    #[arg(value_parser = id)]
    id1: String,
    /// The other one
    #[arg(value_parser = id)]
    id2: String,
    /// Where to put the folder and the archive
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The report, copied under its own name
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Build for another target, such as x86_64-unknown-linux-musl for programs that need no library at all
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The lab's sources
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    workspace: PathBuf,
}

fn id(text: &str) -> Result<String, String> {
    let plain = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| text.to_owned()).ok_or_else(|| "expected letters and digits, such as 123456".to_owned())
}

fn main() -> ExitCode {
    cli::run(package)
}

fn package(arguments: Arguments, console: &Console) -> Result<(), lab_run::Error> {
    let group = format!("{}_{}", arguments.id1, arguments.id2);
    let folder = arguments.out.join(format!("Lab3_{group}"));
    let report = arguments.report.as_deref().map(|report| read(report).map(|bytes| (report, bytes))).transpose()?;
    let directory = CaDirectory::new(arguments.workspace.join("certs"));
    directory.ensure(&[&arguments.id1])?;
    let (certificate, key) = (directory.certificate(&arguments.id1), directory.key(&arguments.id1));
    // What part 6 would refuse is refused here.
    Credentials::load(&certificate, &key)?;
    let packages = PROGRAMS.map(|(package, _)| package);
    let programs = package::build(&arguments.workspace, &packages, arguments.target.as_deref())?;

    fs::create_dir_all(&folder).map_err(|source| failed("make", &folder, source))?;
    for (package, prefix) in PROGRAMS {
        let built = package::find(&programs, package)?;
        let bytes = read(built)?;
        let name = format!("{prefix}_{group}{}", built.extension().map(|_| ".exe").unwrap_or_default());
        put(&folder, &name, &bytes, Permissions::Executable)?;
        console.out.line(format_args!("{name:<40} {:>6.1} MiB", bytes.len() as f64 / f64::from(1 << 20)))?;
    }
    put(&folder, &format!("{}_key.pem", arguments.id1), &read(&key)?, Permissions::Owner)?;
    put(&folder, &format!("{}_cert.pem", arguments.id1), &read(&certificate)?, Permissions::Everyone)?;
    if let Some((path, bytes)) = report {
        put(&folder, &path.file_name().unwrap_or_default().to_string_lossy(), &bytes, Permissions::Everyone)?;
    }
    let archive = arguments.out.join(format!("Lab3_{group}.zip"));
    zip(&folder, &archive)?;
    console.out.line(folder.display())?;
    console.out.line(archive.display())?;
    Ok(())
}

/// Writes a file of the submission; one of an earlier run is replaced.
fn put(folder: &Path, name: &str, bytes: &[u8], permissions: Permissions) -> Result<(), Error> {
    let path = folder.join(name);
    file::replace(&path, bytes, permissions).map_err(|source| failed("write", &path, source))
}

/// Packs all files of a folder, under the folder's name, with their permissions.
fn zip(folder: &Path, archive: &Path) -> Result<(), Error> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut paths: Vec<PathBuf> =
        entries.map_err(|source| failed("read", folder, source))?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    let packed = |path: &PathBuf| {
        #[cfg(unix)]
        let mode = fs::metadata(path).map(|metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()));
        #[cfg(not(unix))]
        let mode = Ok(0o755);
        let mode = mode.map_err(|source| failed("read", path, source))? & 0o777;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Packed { name: format!("{name}/{file_name}"), mode, bytes: read(path)? })
    };
    let files = paths.iter().filter(|path| path.is_file()).map(packed).collect::<Result<Vec<_>, Error>>()?;
    // Nobody but its owner may read it: it holds a private key.
    package::zip(&files, archive, Permissions::Owner)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read};

    use super::*;

    #[test]
    fn the_archive_holds_the_folder_with_its_permissions_and_is_readable_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let (folder, archive) = (place.path().join("Lab3_1_2"), place.path().join("Lab3_1_2.zip"));
        fs::create_dir(&folder).unwrap();
        put(&folder, "Part2_1_2", b"a program", Permissions::Executable).unwrap();
        put(&folder, "1_key.pem", b"an old key", Permissions::Owner).unwrap();
        // A second run replaces what the first has written.
        put(&folder, "1_key.pem", b"a key", Permissions::Owner).unwrap();
        for _ in 0..2 {
            zip(&folder, &archive).unwrap();
        }
        let mut zip = zip::ZipArchive::new(File::open(&archive).unwrap()).unwrap();
        let mut seen = Vec::new();
        for i in 0..zip.len() {
            let mut file = zip.by_index(i).unwrap();
            let (name, mut text) = (file.name().unwrap().into_owned(), String::new());
            file.read_to_string(&mut text).unwrap();
            seen.push((name, file.unix_mode().map(|mode| mode & 0o777), text));
        }
        let expected = [("Lab3_1_2/1_key.pem", 0o600, "a key"), ("Lab3_1_2/Part2_1_2", 0o755, "a program")];
        let expected = expected.map(|(name, mode, text)| (name.to_owned(), Some(mode), text.to_owned()));
        assert_eq!(seen, expected);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
