//! Sentences and ids of the page.

use maud::{Markup, html};

/// An id: `experiment-part2-short-0`. A character that an id or URL cannot have becomes a dash.
pub fn anchor(prefix: &str, name: &str) -> String {
    let allowed = |character: char| {
        if character.is_ascii_alphanumeric() || "-_.".contains(character) {
            character.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    prefix.chars().chain(name.chars().map(allowed)).collect()
}

/// One of our sentences. Text between backticks becomes `<code>`.
///
/// Quotations may contain backticks (`` `tis ``). So a pair counts only if it has no space inside its ends, no letter
/// behind it, and no newline. Other backticks stay.
pub fn prose(text: &str) -> Markup {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('`') {
        plain.push_str(before);
        match code(after) {
            Some((code, behind)) => {
                pieces.push((std::mem::take(&mut plain), Some(code)));
                rest = behind;
            }
            None => {
                plain.push('`');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    pieces.push((plain, None));
    html! {
        @for (plain, code) in pieces {
            (plain)
            @if let Some(code) = code { code { (code) } }
        }
    }
}

/// The code behind an opening backtick, and what follows its closing one.
fn code(text: &str) -> Option<(&str, &str)> {
    let (code, behind) = text.split_once('`')?;
    let is_code = !code.is_empty() && code.trim() == code && !code.contains('\n');
    (is_code && !behind.starts_with(char::is_alphanumeric)).then_some((code, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_a_pair_of_backticks_encloses() {
        for (text, shown) in [
            ("call `recv` again", "call <code>recv</code> again"),
            ("`a`, `b c`", "<code>a</code>, <code>b c</code>"),
            ("`tis she, and `tis he", "`tis she, and `tis he"),
            ("` x `, ``", "` x `, ``"),
            ("one ` alone", "one ` alone"),
            ("`<script>`", "<code>&lt;script&gt;</code>"),
            ("", ""),
        ] {
            assert_eq!(prose(text).into_string(), shown, "{text}");
        }
    }

    #[test]
    fn an_anchor_has_no_character_that_an_address_would_have_to_escape() {
        assert_eq!(anchor("experiment-", "Part2 short/0#é"), "experiment-part2-short-0--");
    }
}
