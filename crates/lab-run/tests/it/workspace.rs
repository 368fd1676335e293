//! The checkout: its folder, and the programs that are built from it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folders of the crates.
pub(crate) fn members() -> Vec<PathBuf> {
    entries(&root().join("crates")).into_iter().chain([root().join("mock-servers")]).collect()
}

/// The names of all programs of the workspace, from where cargo finds them.
pub(crate) fn programs() -> Vec<String> {
    let mut programs = Vec::new();
    for member in members() {
        if member.join("src/main.rs").exists() {
            programs.push(name(&member));
        }
        programs.extend(entries(&member.join("src/bin")).iter().map(|file| name(file)));
    }
    assert!(programs.len() > 15, "{programs:?}");
    programs
}

/// What is in a folder; nothing if it is none.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
