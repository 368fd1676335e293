//! Builds the grader and the lab's programs, and packs them with the scripts that Gradescope runs.
//!
//! Usage: `package-gradescope` · `package-gradescope --out autograder.zip -- --only part2 --allow late-output`

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
    file::Permissions,
};

/// The grader, and the programs that it runs beside those of students.
const PROGRAMS: [&str; 9] = [
    "lab-grade",
    "part1-primer",
    "part2-pdc",
    "part3-reset",
    "part4-receiver",
    "part4-sender",
    "part5-ws",
    "part6-pdc",
    "part6-pmu",
];

/// The scripts, in [`SCRIPTS`].
const FILES: [&str; 2] = ["setup.sh", "run_autograder"];

/// The folder of the scripts, from the top of the sources.
const SCRIPTS: &str = "crates/lab-grade/deploy/gradescope";

/// Build and pack what Gradescope's machines run for each submission
#[derive(Parser)]
#[command(
    name = "package-gradescope",
    version,
    after_help = "Examples:
  scripts/package-gradescope
  scripts/package-gradescope --target x86_64-unknown-linux-musl
  scripts/package-gradescope -- --only part2 --only part3

Gradescope's image may have older libraries than this machine: with the target
x86_64-unknown-linux-musl the programs need none."
)]
struct Arguments {
    /// The archive
    #[arg(long, value_name = "FILE", default_value = "autograder.zip")]
    out: PathBuf,
    /// Build for another target, such as x86_64-unknown-linux-musl
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Take the programs from a folder, and build none
    #[arg(long, value_name = "DIR", conflicts_with = "target")]
    programs: Option<PathBuf>,
    /// The lab's sources
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    workspace: PathBuf,
    /// Options of lab-grade for every submission
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

fn main() -> ExitCode {
    cli::run(pack)
}

fn pack(arguments: Arguments, console: &Console) -> Result<(), lab_run::Error> {
    if arguments.options.iter().any(|option| option.contains('\n')) {
        return Err(Error::Usage("an option has no line end in it".to_owned()).into());
    }
    let programs = match &arguments.programs {
        Some(folder) => PROGRAMS.iter().map(|program| folder.join(program)).collect(),
        None => package::build(&arguments.workspace, &PROGRAMS, arguments.target.as_deref())?,
    };
    let mut files = Vec::new();
    for file in FILES {
        files.push(packed(file.to_owned(), &arguments.workspace.join(SCRIPTS).join(file))?);
    }
    let options = arguments.options.iter().map(|option| option.clone() + "\n").collect::<String>();
    files.push(Packed { name: "options".to_owned(), mode: 0o644, bytes: options.into_bytes() });
    for program in PROGRAMS {
        files.push(packed(format!("bin/{program}"), package::find(&programs, program)?)?);
    }
    let out = &arguments.out;
    package::zip(&files, out, Permissions::Umask)?;
    let bytes = fs::metadata(out).map_err(|source| failed("read", out, source))?.len();
    console.out.line(format_args!("{} {:.1} MiB", out.display(), bytes as f64 / f64::from(1 << 20)))?;
    Ok(())
}

fn packed(name: String, path: &Path) -> Result<Packed, Error> {
    Ok(Packed { name, mode: 0o755, bytes: read(path)? })
}
