//! What the pages of the lab share: the document around them, its style, sentences, marks and figures.
//!
//! maud escapes all text. Only drawings are not escaped: we made them.

pub mod text;

mod figure;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use figure::figure;

/// The style of all pages. It follows the reader's choice of light or dark, and has rules for paper.
pub const STYLE: &str = include_str!("style.css");

/// Text of programs is escaped. Should that fail, a browser still runs no script and fetches nothing.
const POLICY: &str = include_str!("policy.txt");

/// A page: one HTML document without scripts and without other files. `skip` is the id to which a link at the top leads
/// those who use the keyboard, and what is there: `("answers", "answers")`.
pub fn document(title: &str, skip: (&str, &str), body: &Markup) -> String {
    let (id, what) = skip;
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY.trim_end());
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href={ "#" (id) } { "Skip to the " (what) }
                (body)
            }
        }
    };
    document.into_string()
}

/// A tick or a cross. Screen readers skip it: the words beside it say the same.
pub fn mark(is_good: bool) -> Markup {
    html! { span.mark aria-hidden="true" { (if is_good { "✓" } else { "✗" }) } }
}
