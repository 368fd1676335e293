//! The report as files of a folder. The captures and the output of programs, which the page links, are there before.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use crate::{Error, json, page, sheet::Sheet};

/// The page.
pub const PAGE: &str = "index.html";

/// Writes [`PAGE`], [`ANSWERS`](json::ANSWERS) and [`SCHEMA`](json::SCHEMA) into the folder, which is made if need be. Each appears whole or not at
/// all, in place of one that was there: an interrupted run leaves the earlier report readable.
///
/// # Errors
/// [`Error::File`] with what was attempted on which path.
pub fn write(folder: &Path, sheet: &Sheet) -> Result<(), Error> {
    let error = |source| Error::File { attempt: "make the folder", path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(error)?;
    // The page last: whoever sees a new one finds the data that it links.
    for (name, text) in
        [(json::SCHEMA, json::schema()?), (json::ANSWERS, json::answers(sheet)?), (PAGE, page::html(sheet))]
    {
        let path = folder.join(name);
        whole(&path, folder, &text).map_err(|source| Error::File { attempt: "write", path, source })?;
    }
    Ok(())
}

fn whole(path: &Path, folder: &Path, text: &str) -> io::Result<()> {
    let mut staged = for_all_to_read(&mut tempfile::Builder::new()).tempfile_in(folder)?;
    staged.write_all(text.as_bytes())?;
    // Else a crash right after the renaming could leave an empty file under the new name.
    staged.as_file().sync_all()?;
    staged.persist(path).map(drop).map_err(|failure| failure.error)
}

/// Temporary files are their owner's alone; a report is for whoever may read the folder, as far as the umask says.
#[cfg(unix)]
fn for_all_to_read<'b>(
    builder: &'b mut tempfile::Builder<'static, 'static>,
) -> &'b tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn for_all_to_read<'b>(
    builder: &'b mut tempfile::Builder<'static, 'static>,
) -> &'b tempfile::Builder<'static, 'static> {
    builder
}
