//! The results as pages: one for the class, one for each submission. No scripts; the style is that of the report.

mod class;
mod link;
mod submission;

use std::{
    fs,
    path::{Path, PathBuf},
};

use labnet::{
    escape::escape,
    file::{self, Permissions},
};
use maud::{Markup, html};

use crate::{Error, results::Grades, submission::file_name};

/// The file name of the page of the class.
const INDEX: &str = "index.html";

/// The folder of the pages of submissions.
const SUBMISSIONS: &str = "submissions";

/// Where pages are written, and where the files are to which they link.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The folder for the pages.
    pub folder: PathBuf,
    /// The folders of the gradings, which have captures and outputs.
    pub gradings: Vec<PathBuf>,
}

impl Pages {
    /// Writes the page of the class, and those of all submissions, or of one of them. Each appears whole or not at all.
    pub(super) fn write(&self, grades: &Grades, only: Option<&str>) -> Result<(), Error> {
        let folder = self.folder.join(SUBMISSIONS);
        fs::create_dir_all(&folder).map_err(Error::file("make the folder", &folder))?;
        for one in grades.submissions.iter().filter(|one| only.is_none_or(|only| one.name == only)) {
            let links = link::Links::new(&folder, &self.gradings);
            put(&folder.join(page_of(&one.name)), &submission::page(one, grades.seed, &links))?;
        }
        // The page of the class last: it has links to the others.
        put(&self.folder.join(INDEX), &class::page(grades))
    }
}

fn put(path: &Path, page: &str) -> Result<(), Error> {
    file::replace(path, page.as_bytes(), Permissions::Umask).map_err(Error::file("write", path))
}

/// The file name of the page of a submission.
fn page_of(name: &str) -> String {
    file_name(name) + ".html"
}

/// Text of programs and their authors: invisible characters are made visible, and markup is none.
fn shown(text: &str) -> Markup {
    html! { (escape(text)) }
}

/// `3 of 4`.
fn of(some: usize, all: usize) -> String {
    format!("{some} of {all}")
}
