//! What confines the programs: the folders that they may see, and those that they may not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lab_grade::output::Outputs;
use lab_sandbox::confined::Confinement;
use labnet::cli::Console;

use super::arguments::Arguments;

/// What confines the programs, and a word about what it does not.
pub(crate) fn of(arguments: &Arguments, console: &Console) -> Option<Confinement> {
    match Confinement::lacks() {
        Ok(lacks) => {
            if !lacks.is_empty() {
                console.err.note(format_args!("this system has no {}", lacks.join(", no ")));
            }
            Some(Confinement { hidden: private_folders(arguments), ..Confinement::default() })
        }
        Err(error) => {
            console.err.note(format_args!("the programs see your files and are not confined: {error}"));
            None
        }
    }
}

/// Where the files lie that the command of `--part` names: a program may use those beside it.
pub(crate) fn named_files(arguments: &Arguments) -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let words = arguments.command.iter().flat_map(|text| text.split_whitespace().chain([text.as_str()]));
    let files = words.map(|word| here.join(word)).filter(|path| path.is_file());
    let folders = files.flat_map(|path| [fs::canonicalize(&path).ok(), Some(path)]).flatten();
    folders.filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

/// The folders that no program may see: this one, and those of the results and of all submissions.
fn private_folders(arguments: &Arguments) -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let Outputs { json, junit, gradescope, csv, html } = arguments.results.outputs(Vec::new());
    let files = [json, junit, gradescope, csv].into_iter().flatten().chain(arguments.submissions.clone());
    let of_files = files.filter_map(|path| here.join(path).parent().map(Path::to_owned));
    let folders = arguments.class.iter().chain([&arguments.out]).map(|path| here.join(path));
    let pages = html.map(|pages| here.join(pages.folder));
    of_files.chain(folders).chain(pages).chain([here.clone()]).collect()
}
