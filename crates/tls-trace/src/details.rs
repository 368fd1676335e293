//! Fields of a message and their values, as text that is safe for a terminal.

use std::fmt::Display;

use labnet::{count::Count, escape::escape};

/// How many values of one list are told: more than any honest peer sends (ours).
pub(super) const MAX_LISTED: usize = 100;

/// How many bytes of an opaque value are told (ours): a random has 32, the longest Finished 48.
const MAX_SHOWN: usize = 48;

/// Fields and their values, in the order in which they are sent.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<(String, String)>);

impl Details {
    pub(super) fn add(&mut self, field: impl Into<String>, value: impl Display) {
        self.0.push((field.into(), value.to_string()));
    }

    pub(super) fn into_inner(self) -> Vec<(String, String)> {
        self.0
    }
}

/// `3: a, b, c`.
pub(super) fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let mut values = values.into_iter();
    let shown: Vec<String> = values.by_ref().take(MAX_LISTED).map(|value| value.to_string()).collect();
    let more = values.count();
    let count = shown.len() + more;
    let text = shown.join(", ");
    match more {
        0 if count == 0 => "none".to_owned(),
        0 => format!("{count}: {text}"),
        _ => format!("{count}: {text} and {more} more"),
    }
}

/// The bytes in hexadecimal; when they are many, the first ones.
pub(super) fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(MAX_SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > MAX_SHOWN { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}

/// Text that a peer chose.
pub(super) fn text(bytes: &[u8]) -> String {
    escape(bytes).to_string()
}

/// `1 byte`, `2 bytes`.
pub(super) fn bytes(len: usize) -> String {
    Count::of_len(len, "byte").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_values_are_cut() {
        assert_eq!(list(Vec::<u8>::new()), "none");
        assert_eq!(list([1, 2]), "2: 1, 2");
        assert!(list(0..1000).ends_with("99 and 900 more"));
        assert_eq!(hex(&[1, 0xab]), "01ab");
        assert_eq!(hex(&[0; 49]), format!("{}… (49 bytes)", "00".repeat(48)));
    }
}
