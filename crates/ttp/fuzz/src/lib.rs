//! What must hold of every input.

use std::io::Write;

/// A file with certificates and requests is shown, or refused; bytes that are no PEM are tried as a certificate in DER.
/// What is shown has no control byte but its line ends.
pub fn request(input: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    let text = match ttp::show(file.path()) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    };
    assert!(!text.replace('\n', "").chars().any(char::is_control), "{text:?}");
    for (_, value) in ttp::facts(input).unwrap_or_default() {
        assert!(!value.chars().any(char::is_control), "{value:?}");
    }
}
