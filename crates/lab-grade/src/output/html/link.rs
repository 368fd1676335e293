//! Links from a page to a file of a grading.

use std::path::{Component, Path, PathBuf};

/// Where the page and the files are.
pub(super) struct Links<'a> {
    /// The folder of the page, without links and `..` in it.
    page: PathBuf,
    gradings: &'a [PathBuf],
}

impl<'a> Links<'a> {
    pub(super) fn new(page: &Path, gradings: &'a [PathBuf]) -> Self {
        Self { page: page.canonicalize().unwrap_or_else(|_| page.to_owned()), gradings }
    }

    /// The address of a file by its path in the folder of its grading; `None` if it is not there.
    pub(super) fn to(&self, path: &str) -> Option<String> {
        let file = self.gradings.iter().map(|folder| folder.join(path)).find(|file| file.is_file())?;
        Some(address(&self.page, &file.canonicalize().ok()?))
    }
}

/// The relative address of a file, from a folder.
fn address(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(shared).map(|_| "..".to_owned());
    let down = to.iter().skip(shared).map(|part| encoded(part.as_os_str().as_encoded_bytes()));
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// Percent encoding of all but the characters that have no meaning in an address (RFC 3986, 2.3).
fn encoded(name: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_goes_up_to_the_shared_folder_and_has_no_character_with_a_meaning() {
        let of = |from, to| address(Path::new(from), Path::new(to));
        assert_eq!(of("/a/pages/submissions", "/a/out/x.pcapng"), "../../out/x.pcapng");
        assert_eq!(of("/a", "/a/100%/é?#.txt"), "100%25/%C3%A9%3F%23.txt");
    }
}
